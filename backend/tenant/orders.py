"""Keep a tenant's orders. Prices are the catalogue's when an order is placed; a client's prices are not read."""

import hashlib
import json
import secrets
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, WithJsonSchema, model_validator

from backend.fields import Address, Body, Email, Lines, Name, Page, Phone, page, place_of
from backend.problems import NOT_FOUND, Refused, conflict, invalid
from backend.tenant.customers import Customer, NewCustomer, customer, known_customer
from backend.tenant.repository import Row, TenantRows, now, told

Status = Literal["placed", "confirmed", "delivered", "cancelled"]

_NEXT: dict[str, tuple[str, ...]] = {"placed": ("confirmed", "cancelled"), "confirmed": ("delivered", "cancelled")}

Quantity = Annotated[
    Decimal,
    Field(ge=Decimal("0.001"), le=9999, decimal_places=3),
    WithJsonSchema({"type": "number", "minimum": 0.001, "maximum": 9999, "description": "At most three decimals."}),
]


class Orderer(Body):
    """Say who orders, and how to be reached: an e-mail address or a telephone number at least."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None
    address: Address | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.email is None and self.phone is None:
            raise ValueError("an e-mail address or a telephone number is needed")
        return self


class NewLine(Body):
    """Ask for a quantity of one product."""

    product_id: Annotated[str, Field(min_length=1, max_length=64)]
    quantity: Quantity


class NewOrder(Body):
    """Ask for an order. Each product stands in one line."""

    customer: Orderer
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=100)]
    note: Lines = ""


class OrderChange(Body):
    """Change the fields that are given. placed → confirmed or cancelled; confirmed → delivered or cancelled."""

    status: Status | None = None
    note: Lines | None = None


class Line(BaseModel):
    """Describe one line of an order. Name and price as they were when it was placed."""

    product_id: str
    product_name: str
    quantity: float
    unit_price_cents: int
    line_total_cents: int


class Placed(BaseModel):
    """Tell those who order what was placed."""

    order_id: str
    status: Status
    total_cents: int
    currency: str
    created_at: str
    lines: list[Line]


class Order(BaseModel):
    """Describe an order in a list."""

    order_id: str
    customer_id: str
    customer_name: str
    status: Status
    total_cents: int
    currency: str
    note: str
    created_at: str
    updated_at: str


class WholeOrder(Order):
    """Describe an order with its lines and its customer."""

    lines: list[Line]
    customer: Customer


def line_total(quantity: Decimal, unit_price_cents: int) -> int:
    """Return a line's total in cents, rounded half up."""
    return int((quantity * unit_price_cents).quantize(Decimal(1), ROUND_HALF_UP))


def place_order(rows: TenantRows, wanted: NewOrder, key: str | None) -> Placed:
    """Place an order. With a key, the same order is placed once, however often it is sent.

    Raises Refused: 422 for products that cannot be ordered; 409 where the key has been used for another order.
    """
    order_id = _id_of(rows.tenant_id, key) if key else secrets.token_hex(16)
    fingerprint = _fingerprint(wanted)
    earlier = rows.one(
        "SELECT detail FROM audit_log WHERE tenant_id = $tenant_id AND entry_id = $entry_id",
        entry_id=f"order-{order_id}",
    )
    if earlier is not None:
        if json.loads(earlier["detail"])["fingerprint"] != fingerprint:
            raise conflict("idempotency_mismatch", "The Idempotency-Key has been used for another order.")
        return _placed(rows, order_id)
    _write(rows, order_id, wanted, _priced(rows, wanted))
    rows.log("visitor", "order.placed", {"fingerprint": fingerprint}, entry_id=f"order-{order_id}")
    return _placed(rows, order_id)


def orders(
    rows: TenantRows, *, status: str | None, customer_id: str | None, limit: int, cursor: str | None
) -> Page[Order]:
    """Return a part of the orders, newest first."""
    after = place_of(cursor, 2)
    found = rows.all(
        """
        SELECT order_id, customer_id, customers.name AS customer_name, status, total_cents, currency, note,
               orders.created_at, orders.updated_at, epoch_us(orders.created_at)::VARCHAR AS place
        FROM orders JOIN customers USING (tenant_id, customer_id)
        WHERE orders.tenant_id = $tenant_id
          AND ($status IS NULL OR status = $status)
          AND ($customer_id IS NULL OR customer_id = $customer_id)
          AND ($after_id IS NULL
               OR (epoch_us(orders.created_at), order_id) < (coalesce(TRY_CAST($after_time AS BIGINT), 0), $after_id))
        ORDER BY orders.created_at DESC, order_id DESC
        LIMIT $most
        """,
        status=status,
        customer_id=customer_id,
        after_time=after[0],
        after_id=after[1],
        most=limit + 1,
    )
    last = found[:limit][-1] if found else {}
    return page([_order(row) for row in found], limit, [last.get("place", ""), last.get("order_id", "")])


def order(rows: TenantRows, order_id: str) -> WholeOrder:
    """Return one order. Raises Refused (404)."""
    found = rows.one(
        """
        SELECT order_id, customer_id, customers.name AS customer_name, status, total_cents, currency, note,
               orders.created_at, orders.updated_at
        FROM orders JOIN customers USING (tenant_id, customer_id)
        WHERE orders.tenant_id = $tenant_id AND order_id = $order_id
        """,
        order_id=order_id,
    )
    if found is None:
        raise Refused(NOT_FOUND)
    whole = _order(found).model_dump()
    return WholeOrder(**whole, lines=_lines(rows, order_id), customer=customer(rows, found["customer_id"]))


def change_order(rows: TenantRows, order_id: str, wanted: OrderChange, actor: str) -> WholeOrder:
    """Change what is given of an order. Raises Refused: 404; 409 where the status cannot follow the one that it has."""
    before = order(rows, order_id)
    status = wanted.status or before.status
    if status != before.status and status not in _NEXT.get(before.status, ()):
        raise conflict("not_allowed_now", f"An order that is {before.status} cannot become {status}.")
    rows.write(
        "UPDATE orders SET status = $status, note = $note, updated_at = $now"
        " WHERE tenant_id = $tenant_id AND order_id = $order_id",
        order_id=order_id,
        status=status,
        note=before.note if wanted.note is None else wanted.note,
        now=now(),
    )
    rows.log(actor, "order.changed", {"order_id": order_id, "before": before.status, "after": status})
    return order(rows, order_id)


def _write(rows: TenantRows, order_id: str, wanted: NewOrder, lines: list[dict[str, Any]]) -> None:
    customer_id = known_customer(rows, NewCustomer(**wanted.customer.model_dump()))
    rows.write(
        """
        INSERT INTO orders (tenant_id, order_id, customer_id, status, total_cents, currency, note,
                            created_at, updated_at)
        VALUES ($tenant_id, $order_id, $customer_id, 'placed', $total_cents, $currency, $note, $now, $now)
        """,
        order_id=order_id,
        customer_id=customer_id,
        total_cents=sum(line_total(line["quantity"], line["unit_price_cents"]) for line in lines),
        currency=lines[0]["currency"],
        note=wanted.note,
        now=now(),
    )
    for number, line in enumerate(lines, 1):
        rows.write(
            """
            INSERT INTO order_items (tenant_id, order_id, line, product_id, product_name, quantity, unit_price_cents,
                                     currency)
            VALUES ($tenant_id, $order_id, $line, $product_id, $product_name, $quantity, $unit_price_cents, $currency)
            """,
            order_id=order_id,
            line=number,
            **line,
        )


def _id_of(tenant_id: str, key: str) -> str:
    return hashlib.sha256(f"{tenant_id}\n{key}".encode()).hexdigest()[:32]


def _fingerprint(wanted: NewOrder) -> str:
    return hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()


def _priced(rows: TenantRows, wanted: NewOrder) -> list[dict[str, Any]]:
    """Return the lines with the catalogue's names and prices. Raises Refused (422)."""
    found = rows.all(
        "SELECT product_id, name, price_cents, currency FROM products"
        " WHERE tenant_id = $tenant_id AND available AND list_contains($product_ids, product_id)",
        product_ids=[line.product_id for line in wanted.lines],
    )
    catalogue = {row["product_id"]: row for row in found}
    seen: set[str] = set()
    priced: list[dict[str, Any]] = []
    for number, line in enumerate(wanted.lines):
        row = catalogue.get(line.product_id)
        if row is None:
            raise invalid(**{f"lines__{number}__product_id": "is not for sale"})
        if line.product_id in seen:
            raise invalid(**{f"lines__{number}__product_id": "stands in another line already"})
        if priced and row["currency"] != priced[0]["currency"]:
            raise invalid(**{f"lines__{number}__product_id": "is sold in another currency than the lines before"})
        seen.add(line.product_id)
        priced.append(
            {
                "product_id": line.product_id,
                "product_name": row["name"],
                "quantity": line.quantity,
                "unit_price_cents": row["price_cents"],
                "currency": row["currency"],
            }
        )
    return priced


def _placed(rows: TenantRows, order_id: str) -> Placed:
    found = rows.one(
        "SELECT order_id, status, total_cents, currency, created_at FROM orders"
        " WHERE tenant_id = $tenant_id AND order_id = $order_id",
        order_id=order_id,
    )
    if found is None:
        raise Refused(NOT_FOUND)
    return Placed(**found | {"created_at": told(found["created_at"])}, lines=_lines(rows, order_id))


def _lines(rows: TenantRows, order_id: str) -> list[Line]:
    found = rows.all(
        "SELECT product_id, product_name, quantity, unit_price_cents FROM order_items"
        " WHERE tenant_id = $tenant_id AND order_id = $order_id ORDER BY line",
        order_id=order_id,
    )
    return [
        Line(
            **row | {"quantity": float(row["quantity"])},
            line_total_cents=line_total(row["quantity"], row["unit_price_cents"]),
        )
        for row in found
    ]


def _order(row: Row) -> Order:
    times = {name: told(row[name]) for name in ("created_at", "updated_at")}
    return Order(**{name: row[name] for name in Order.model_fields} | times)

"""Keep a tenant's catalogue."""

import secrets
from typing import Any

from pydantic import BaseModel

from backend.fields import Body, Cents, Currency, Identifier, Lines, Name, Page, ShortText, page, place_of
from backend.problems import NOT_FOUND, Refused, conflict
from backend.tenant.repository import TenantRows, now


class Product(BaseModel):
    """Describe a product. ``unit``: what the price is for. ``price_cents``: hundredths of the currency's unit."""

    product_id: str
    name: str
    description: str
    category: str
    unit: str
    price_cents: int
    currency: str
    available: bool


class NewProduct(Body):
    """Ask for a new product. Without ``product_id`` it gets one."""

    product_id: Identifier | None = None
    name: Name
    description: Lines = ""
    category: ShortText
    unit: ShortText
    price_cents: Cents
    currency: Currency = "COP"
    available: bool = True


class ProductChange(Body):
    """Change the fields that are given, and nothing else."""

    name: Name | None = None
    description: Lines | None = None
    category: ShortText | None = None
    unit: ShortText | None = None
    price_cents: Cents | None = None
    currency: Currency | None = None
    available: bool | None = None


def products(
    rows: TenantRows,
    *,
    all_of_them: bool,
    category: str | None,
    search: str | None,
    limit: int,
    cursor: str | None,
) -> Page[Product]:
    """Return a part of the catalogue, by category and name. Those that are not available are for the tenant's staff."""
    after = place_of(cursor, 3)
    found = rows.all(
        """
        SELECT product_id, name, description, category, unit, price_cents, currency, available,
               strip_accents(lower(name)) AS name_key
        FROM products
        WHERE tenant_id = $tenant_id
          AND (available OR $all_of_them)
          AND ($category IS NULL OR category = $category)
          AND ($search IS NULL
               OR contains(strip_accents(lower(name || ' ' || description)), strip_accents(lower($search))))
          AND ($after_id IS NULL
               OR (category, strip_accents(lower(name)), product_id) > ($after_category, $after_name, $after_id))
        ORDER BY category, name_key, product_id
        LIMIT $most
        """,
        all_of_them=all_of_them,
        category=category,
        search=search,
        after_category=after[0],
        after_name=after[1],
        after_id=after[2],
        most=limit + 1,
    )
    last = found[:limit][-1] if found else {}
    place = [last.get(key, "") for key in ("category", "name_key", "product_id")]
    return page([_product(row) for row in found], limit, place)


def product(rows: TenantRows, product_id: str, *, all_of_them: bool) -> Product:
    """Return one product. Raises Refused (404)."""
    found = rows.one(
        "SELECT product_id, name, description, category, unit, price_cents, currency, available"
        " FROM products WHERE tenant_id = $tenant_id AND product_id = $product_id AND (available OR $all_of_them)",
        product_id=product_id,
        all_of_them=all_of_them,
    )
    if found is None:
        raise Refused(NOT_FOUND)
    return _product(found)


def add_product(rows: TenantRows, wanted: NewProduct, actor: str) -> Product:
    """Add a product, and return it. Raises Refused (409) where one with its id exists."""
    values = wanted.model_dump() | {"product_id": wanted.product_id or secrets.token_hex(8)}
    if _exists(rows, values["product_id"]):
        raise conflict("exists", f"There is a product {values['product_id']!r} already.")
    rows.write(
        """
        INSERT INTO products (tenant_id, product_id, name, description, category, unit, price_cents, currency,
                              available, created_at, updated_at)
        VALUES ($tenant_id, $product_id, $name, $description, $category, $unit, $price_cents, $currency,
                $available, $now, $now)
        """,
        now=now(),
        **values,
    )
    rows.log(actor, "product.added", {"product_id": values["product_id"]})
    return Product(**values)


def change_product(rows: TenantRows, product_id: str, wanted: ProductChange, actor: str) -> Product:
    """Change what is given of a product, and return all of it. Raises Refused (404)."""
    changed = wanted.model_dump(exclude_none=True)
    values = product(rows, product_id, all_of_them=True).model_dump() | changed
    rows.write(
        """
        UPDATE products
        SET name = $name, description = $description, category = $category, unit = $unit,
            price_cents = $price_cents, currency = $currency, available = $available, updated_at = $now
        WHERE tenant_id = $tenant_id AND product_id = $product_id
        """,
        now=now(),
        **values,
    )
    rows.log(actor, "product.changed", {"product_id": product_id, "fields": sorted(changed)})
    return Product(**values)


def _exists(rows: TenantRows, product_id: str) -> bool:
    statement = "SELECT 1 AS found FROM products WHERE tenant_id = $tenant_id AND product_id = $product_id"
    return rows.one(statement, product_id=product_id) is not None


def _product(row: dict[str, Any]) -> Product:
    return Product(**{name: row[name] for name in Product.model_fields})

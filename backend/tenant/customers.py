"""Keep a tenant's customers: those who have placed an order, and those whom its staff has written down."""

import secrets
from typing import Any

from pydantic import BaseModel

from backend.fields import Address, Body, Email, Name, Page, Phone, page, place_of
from backend.problems import NOT_FOUND, Refused
from backend.tenant.repository import Row, TenantRows, now, told


class Customer(BaseModel):
    """Describe a customer."""

    customer_id: str
    name: str
    email: str | None
    phone: str | None
    address: str | None
    created_at: str
    updated_at: str


class NewCustomer(Body):
    """Ask for a new customer."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None
    address: Address | None = None


class CustomerChange(Body):
    """Change the fields that are given, and nothing else; null takes away what may be missing."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    address: Address | None = None


def customers(rows: TenantRows, *, search: str | None, limit: int, cursor: str | None) -> Page[Customer]:
    """Return a part of the customers, by name."""
    after = place_of(cursor, 2)
    found = rows.all(
        """
        SELECT customer_id, name, email, phone, address, created_at, updated_at, strip_accents(lower(name)) AS name_key
        FROM customers
        WHERE tenant_id = $tenant_id
          AND ($search IS NULL
               OR contains(strip_accents(lower(concat_ws(' ', name, email, phone))), strip_accents(lower($search))))
          AND ($after_id IS NULL OR (strip_accents(lower(name)), customer_id) > ($after_name, $after_id))
        ORDER BY name_key, customer_id
        LIMIT $most
        """,
        search=search,
        after_name=after[0],
        after_id=after[1],
        most=limit + 1,
    )
    last = found[:limit][-1] if found else {}
    return page([_customer(row) for row in found], limit, [last.get("name_key", ""), last.get("customer_id", "")])


def customer(rows: TenantRows, customer_id: str) -> Customer:
    """Return one customer. Raises Refused (404)."""
    found = rows.one(
        "SELECT customer_id, name, email, phone, address, created_at, updated_at"
        " FROM customers WHERE tenant_id = $tenant_id AND customer_id = $customer_id",
        customer_id=customer_id,
    )
    if found is None:
        raise Refused(NOT_FOUND)
    return _customer(found)


def add_customer(rows: TenantRows, wanted: NewCustomer) -> Customer:
    """Add a customer, and return it."""
    values = wanted.model_dump() | {"customer_id": secrets.token_hex(16)}
    at = now()
    rows.write(
        "INSERT INTO customers (tenant_id, customer_id, name, email, phone, address, created_at, updated_at)"
        " VALUES ($tenant_id, $customer_id, $name, $email, $phone, $address, $now, $now)",
        now=at,
        **values,
    )
    return _customer(values | {"created_at": at, "updated_at": at})


def known_customer(rows: TenantRows, wanted: NewCustomer) -> str:
    """Return the customer who is the same in everything, or a new one: no order changes what is written of another.

    Returns the customer's id.
    """
    found = rows.one(
        """
        SELECT customer_id FROM customers
        WHERE tenant_id = $tenant_id AND name = $name AND email IS NOT DISTINCT FROM $email
          AND phone IS NOT DISTINCT FROM $phone AND address IS NOT DISTINCT FROM $address
        ORDER BY created_at, customer_id
        """,
        **wanted.model_dump(),
    )
    return str(found["customer_id"]) if found else add_customer(rows, wanted).customer_id


def change_customer(rows: TenantRows, customer_id: str, wanted: CustomerChange, actor: str) -> Customer:
    """Change what is given of a customer, and return all of it. Raises Refused (404)."""
    given: dict[str, Any] = wanted.model_dump(exclude_unset=True)
    changed = {name: value for name, value in given.items() if value is not None or name != "name"}
    before = customer(rows, customer_id)
    at = now()
    values = {name: changed.get(name, getattr(before, name)) for name in ("name", "email", "phone", "address")}
    rows.write(
        "UPDATE customers SET name = $name, email = $email, phone = $phone, address = $address, updated_at = $now"
        " WHERE tenant_id = $tenant_id AND customer_id = $customer_id",
        customer_id=customer_id,
        now=at,
        **values,
    )
    rows.log(actor, "customer.changed", {"customer_id": customer_id, "fields": sorted(changed)})
    return before.model_copy(update=values | {"updated_at": told(at)})


def _customer(row: Row) -> Customer:
    times = {name: told(row[name]) for name in ("created_at", "updated_at")}
    return Customer(**{name: row[name] for name in Customer.model_fields} | times)

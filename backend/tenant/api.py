"""Answer on a tenant's host the site's own visitors, and the tenant's staff, who has a token.

Catalogue and configuration are the same for every visitor, so the edge keeps them, under the tenant's tag. What a
token opens is for nobody else: it has addresses of its own (``view=all``), since the edge does not look at tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from backend.answers import problems
from backend.fields import Limit, Page, Search
from backend.identity import FOR_TOKENS, Staff, TheVisit, staff_of
from backend.problems import NO_STORE
from backend.tenant import customers, orders, products, site
from backend.tenant.customers import Customer, CustomerChange, NewCustomer
from backend.tenant.orders import NewOrder, Order, OrderChange, Placed, WholeOrder
from backend.tenant.products import NewProduct, Product, ProductChange
from backend.tenant.repository import TenantRows, Tenants
from backend.tenant.site import TenantSite
from backend.tenant.workers import Workers
from tenancy.domain.plan import cache_tag

# The edge keeps it until the tenant's tag is invalidated, browsers ask each time.
_CONFIGURATION = "public, max-age=0, s-maxage=300"
# Staff changes it without anybody telling the edge: this is how long visitors may see it as it was.
_CATALOGUE = "public, max-age=0, s-maxage=30"

router = APIRouter(tags=["tenant"], responses=problems(404, 503))

Cursor = Annotated[str | None, Query(max_length=2000)]
View = Annotated[Literal["all"] | None, Query(description="all: what is not available, too. Needs a token.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[A-Za-z0-9_-]{16,128}$",
        description="Chosen by the client, the same for every try of one order, which is then placed once.",
    ),
]


@dataclass(frozen=True)
class _Database:
    """Read and write the rows of the tenant whose host was asked, in one of the application's threads."""

    workers: Workers
    tenants: Tenants
    tenant_id: str

    async def read[Result](self, question: Callable[[TenantRows], Result]) -> Result:
        return await self.workers.run(self.tenant_id, lambda: self.tenants.read(self.tenant_id, question))

    async def write[Result](self, change: Callable[[TenantRows], Result]) -> Result:
        return await self.workers.run(self.tenant_id, lambda: self.tenants.write(self.tenant_id, change))


async def _database_of(request: Request, visit: TheVisit) -> _Database:  # async, or it would cost a thread
    return _Database(request.app.state.workers, request.app.state.tenants, visit.tenant_id)


Database = Annotated[_Database, Depends(_database_of)]


def _for_everybody(response: Response, visit: TheVisit, how_long: str) -> None:
    response.headers["Cache-Control"] = how_long
    response.headers["Cache-Tag"] = cache_tag(visit.tenant_id)


async def _for_whom(request: Request, response: Response, visit: TheVisit, view: str | None) -> bool:
    """Return whether all of the catalogue is asked for, by one who may. Raises Refused."""
    if view is None:
        _for_everybody(response, visit, _CATALOGUE)
        return False
    await staff_of(request)
    response.headers["Cache-Control"] = NO_STORE
    return True


@router.get("/api/tenant")
async def tenant(response: Response, visit: TheVisit, database: Database) -> TenantSite:
    """Return the tenant that this host belongs to."""
    found = await database.read(lambda rows: site.site(rows, visit.status.value))
    _for_everybody(response, visit, _CONFIGURATION)
    return found


# --- the catalogue ----------------------------------------------------------------------------------------------------


@router.get("/api/products", responses=problems(400, 401, 403, 422))
async def list_products(
    request: Request,
    response: Response,
    visit: TheVisit,
    database: Database,
    category: Annotated[Search | None, Query()] = None,
    q: Annotated[Search | None, Query(description="Part of name or description, whatever case and accents.")] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
    view: View = None,
) -> Page[Product]:
    """List what is sold, by category and name."""
    all_of_them = await _for_whom(request, response, visit, view)
    return await database.read(
        lambda rows: products.products(
            rows, all_of_them=all_of_them, category=category, search=q, limit=limit, cursor=cursor
        ),
    )


@router.get("/api/products/{product_id}", responses=problems(401, 403, 422))
async def get_product(
    request: Request, response: Response, visit: TheVisit, database: Database, product_id: str, view: View = None
) -> Product:
    """Return one product."""
    all_of_them = await _for_whom(request, response, visit, view)
    return await database.read(lambda rows: products.product(rows, product_id, all_of_them=all_of_them))


@router.post("/api/products", status_code=201, responses=FOR_TOKENS | problems(400, 409, 422))
async def add_product(response: Response, database: Database, staff: Staff, wanted: NewProduct) -> Product:
    """Add a product."""
    added = await database.write(lambda rows: products.add_product(rows, wanted, staff.subject))
    response.headers["Location"] = f"/api/products/{added.product_id}"
    return added


@router.patch("/api/products/{product_id}", responses=FOR_TOKENS | problems(400, 422))
async def change_product(database: Database, staff: Staff, product_id: str, wanted: ProductChange) -> Product:
    """Change what is given of a product."""
    return await database.write(lambda rows: products.change_product(rows, product_id, wanted, staff.subject))


# --- orders -----------------------------------------------------------------------------------------------------------


@router.post("/api/orders", status_code=201, responses=problems(400, 403, 409, 422))
async def place_order(response: Response, database: Database, wanted: NewOrder, idempotency_key: Key = None) -> Placed:
    """Place an order. Anybody may."""
    placed = await database.write(lambda rows: orders.place_order(rows, wanted, idempotency_key))
    response.headers["Location"] = f"/api/orders/{placed.order_id}"
    return placed


@router.get("/api/orders", responses=FOR_TOKENS | problems(400, 422))
async def list_orders(
    database: Database,
    staff: Staff,
    status: Annotated[orders.Status | None, Query()] = None,
    customer_id: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[Order]:
    """List the tenant's orders, newest first."""
    return await database.read(
        lambda rows: orders.orders(rows, status=status, customer_id=customer_id, limit=limit, cursor=cursor),
    )


@router.get("/api/orders/{order_id}", responses=FOR_TOKENS | problems(422))
async def get_order(database: Database, staff: Staff, order_id: str) -> WholeOrder:
    """Return one order, with its lines and its customer."""
    return await database.read(lambda rows: orders.order(rows, order_id))


@router.patch("/api/orders/{order_id}", responses=FOR_TOKENS | problems(400, 409, 422))
async def change_order(database: Database, staff: Staff, order_id: str, wanted: OrderChange) -> WholeOrder:
    """Confirm, deliver or cancel an order, or change its note."""
    return await database.write(lambda rows: orders.change_order(rows, order_id, wanted, staff.subject))


# --- customers --------------------------------------------------------------------------------------------------------


@router.get("/api/customers", responses=FOR_TOKENS | problems(400, 422))
async def list_customers(
    database: Database,
    staff: Staff,
    q: Annotated[Search | None, Query(description="Part of name, e-mail address or telephone number.")] = None,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[Customer]:
    """List the tenant's customers, by name."""
    return await database.read(lambda rows: customers.customers(rows, search=q, limit=limit, cursor=cursor))


@router.get("/api/customers/{customer_id}", responses=FOR_TOKENS | problems(422))
async def get_customer(database: Database, staff: Staff, customer_id: str) -> Customer:
    """Return one customer."""
    return await database.read(lambda rows: customers.customer(rows, customer_id))


@router.post("/api/customers", status_code=201, responses=FOR_TOKENS | problems(400, 422))
async def add_customer(response: Response, database: Database, staff: Staff, wanted: NewCustomer) -> Customer:
    """Add a customer."""
    added = await database.write(lambda rows: customers.add_customer(rows, wanted))
    response.headers["Location"] = f"/api/customers/{added.customer_id}"
    return added


@router.patch("/api/customers/{customer_id}", responses=FOR_TOKENS | problems(400, 422))
async def change_customer(database: Database, staff: Staff, customer_id: str, wanted: CustomerChange) -> Customer:
    """Change what is given of a customer."""
    return await database.write(lambda rows: customers.change_customer(rows, customer_id, wanted, staff.subject))

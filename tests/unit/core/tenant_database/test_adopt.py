"""The rows of a tenant that existed before: taken over as they were proven, once, and from a file that is only read."""

import hashlib
from typing import Any

import duckdb
import pytest

from tenancy.database import publish
from tenancy.domain.calls import InspectSharedCall
from tenancy.domain.errors import AdoptionProofDiffers, SharedDatabaseUnfit, StorageUnavailable
from tenancy.tenant_database import adopt
from tenancy.tenant_database.discard import DiscardDatabase
from tenancy.tenant_database.inspect import Inspection

from ..conftest import generation_call, last_event
from ..granja import PROOF, Granja

pytestmark = pytest.mark.slow

SHOP = """
CREATE TABLE products (
    tenant_id VARCHAR, product_id VARCHAR, name VARCHAR, category VARCHAR, unit VARCHAR, price_cents INTEGER,
    currency VARCHAR, created_at TIMESTAMP, updated_at TIMESTAMP
);
INSERT INTO products SELECT t, 'miel-' || i, 'Miel', 'Despensa', 'kg', 100 * i, 'COP', '2026-01-01', '2026-01-01'
FROM range(1, 8) AS r(i), (VALUES ('granja'), ('vecina'), ('tercera')) AS x(t);
"""


class Shop:
    """The shared database, and what an operator's plan says of it."""

    def __init__(self, granja: Granja) -> None:
        self.path = granja.folder.parent / ".shared" / "todos.duckdb"
        self.path.parent.mkdir()
        self.change(SHOP)
        self._granja = granja

    def change(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def plan(self) -> dict[str, Any]:
        question = InspectSharedCall(
            tenant_id="granja", stage="InspectShared", execution_arn="ana", database="todos.duckdb"
        )
        found = Inspection(self._granja.settings).shared(question)
        return PROOF | {"tables": found["tables"], "records": [], "alias": False}


@pytest.fixture
def shop(granja: Granja) -> Shop:
    return Shop(granja)


def test_the_rows_are_taken_over_as_they_were_proven_and_the_shared_file_is_only_read(
    granja: Granja, shop: Shop
) -> None:
    before, plan = shop.digest, shop.plan()

    granja.ask(adopt=plan)
    granja.seed()

    assert granja.sells("miel-7")
    assert not granja.sells("panela"), "the sample catalogue is for new tenants"
    assert granja.record.adopted == plan
    told = last_event(granja.tables, "DatabaseSeeded")
    assert (told["adopted_from"], told["created"], told["kept_as"]) == ("todos.duckdb", True, None)
    assert shop.digest == before
    assert granja.seed() == {"changed": False}


def test_an_adoption_is_carried_out_once(granja: Granja, shop: Shop) -> None:
    plan = shop.plan()
    granja.live(adopt=plan)
    granja.sell_like("miel-1", "queso")
    shop.path.unlink()

    granja.live(adopt=plan, name="La Granja Nueva")

    assert granja.sells("queso")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE products SET price_cents = 1 WHERE tenant_id = 'granja' AND product_id = 'miel-1'",
        "DELETE FROM products WHERE tenant_id = 'granja' AND product_id = 'miel-1'",
        "CREATE TABLE customers AS SELECT 'granja' AS tenant_id, 'c' AS customer_id, 'Ana' AS name,"
        " '2026-01-01'::TIMESTAMP AS created_at, '2026-01-01'::TIMESTAMP AS updated_at",
    ],
)
def test_rows_that_changed_since_the_proof_are_not_taken(granja: Granja, shop: Shop, sql: str) -> None:
    plan = shop.plan()
    shop.change(sql)
    before = shop.digest
    granja.ask(adopt=plan)

    with pytest.raises(AdoptionProofDiffers, match=r"table (products|customers) "):
        granja.seed()

    assert shop.digest == before
    assert not granja.folder.exists() or granja.files() == []


def test_what_others_write_meanwhile_is_no_difference(granja: Granja, shop: Shop) -> None:
    plan = shop.plan()
    shop.change("DELETE FROM products WHERE tenant_id = 'vecina'")

    granja.live(adopt=plan)

    assert granja.sells("miel-1")


def test_a_column_that_the_schema_does_not_know_is_named(granja: Granja, shop: Shop) -> None:
    plan = shop.plan()
    shop.change("ALTER TABLE products ADD COLUMN secreto VARCHAR")
    granja.ask(adopt=plan)

    with pytest.raises(SharedDatabaseUnfit, match=r"products.*secreto"):
        granja.seed()


def test_who_has_a_database_is_not_adopted(granja: Granja, shop: Shop) -> None:
    granja.live()
    granja.sell("arroz")
    granja.ask(adopt=shop.plan())

    with pytest.raises(AdoptionProofDiffers, match="database of its own"):
        granja.seed()

    assert granja.sells("arroz")


def _fails(*_: object, **__: object) -> None:
    raise StorageUnavailable("not now")


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (adopt.shared, "taken"),
        (publish, "clean"),
        (adopt.Run, "note"),
        (publish, "publish"),
        (publish, "point"),
        (adopt.Run, "finish"),
    ],
)
def test_a_try_that_fails_half_way_is_done_again(
    granja: Granja, shop: Shop, monkeypatch: pytest.MonkeyPatch, where: Any, what: str
) -> None:
    granja.ask(adopt=shop.plan())
    with monkeypatch.context() as broken:
        broken.setattr(where, what, _fails)
        with pytest.raises(StorageUnavailable):
            granja.seed()

    assert granja.seed() == {"changed": True}

    assert granja.sells("miel-7")
    assert len(granja.files()) == 1


def test_an_adoption_that_was_undone_can_be_done_again(granja: Granja, shop: Shop) -> None:
    plan = shop.plan()
    granja.ask(adopt=plan)
    granja.seed()
    run = f"run-{granja.runs}"
    granja.lifecycle.roll_back("granja", "AccessDenied", stage="InvalidateCache", execution=run)
    call = generation_call("DiscardDatabase", run)
    DiscardDatabase(granja.settings).discard(call)
    granja.lifecycle.fail("granja", "AccessDenied", stage="InvalidateCache", execution=run)

    granja.live(adopt=plan)

    assert granja.sells("miel-7")

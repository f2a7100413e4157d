"""The outbox's transaction: all or nothing, once, and patient with rivals."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tenancy.domain.errors import ConcurrentUpdate, RequestRefused, ServiceThrottled
from tenancy.domain.events import TenantActivated
from tenancy.platform import aws
from tenancy.tables import table
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

from .conftest import Tables


class Cancelled(ClientError):
    """A transaction that DynamoDB has cancelled."""

    def __init__(self, *codes: str) -> None:
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": code} for code in codes],
        }
        super().__init__(response, "TransactWriteItems")


class Rivals:
    """Cancels the next transactions, then gives way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *refusals: Cancelled) -> None:
        self.left, self.calls = list(refusals), 0
        real = aws.client("dynamodb").transact_write_items

        def write(**arguments: Any) -> Any:
            self.calls += 1
            if self.left:
                raise self.left.pop(0)
            return real(**arguments)

        monkeypatch.setattr(aws.client("dynamodb"), "transact_write_items", write)
        monkeypatch.setattr(table.time, "sleep", lambda _: None)


FACT = TenantActivated(stage="ActivateTenant", attempt=1, host="granja.fluxionia.co")


def write(provisioning: Provisioning) -> None:
    provisioning.transaction("granja").set({"status": "PENDING"}).require(where("attribute_not_exists(pk)")).commit()


def test_a_result_whose_answer_was_lost_is_on_record_once(tables: Tables, provisioning: Provisioning) -> None:
    for is_new in (True, False):
        change = provisioning.transaction("granja").set({"status": "ACTIVE"}).require(where("attribute_not_exists(pk)"))
        assert change.tell(FACT, generation=1, execution_arn="one").commit() is is_new

    assert tables.events() == ["TenantActivated"]


def test_a_result_that_is_refused_tells_nobody(tables: Tables, provisioning: Provisioning) -> None:
    change = provisioning.transaction("granja").require(where("attribute_exists(pk)")).tell(FACT, generation=1)

    with pytest.raises(ConditionFailed):
        change.commit()

    assert tables.items() == []


def test_a_rival_at_the_same_moment_is_waited_for(
    tables: Tables, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = Rivals(monkeypatch, Cancelled("TransactionConflict"), Cancelled("None", "TransactionConflict"))

    write(provisioning)

    assert rivals.calls == 3
    assert [item["pk"] for item in tables.items()] == ["TENANT#granja"]


def test_rivals_without_end_are_a_transient_error(
    tables: Tables, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = Rivals(monkeypatch, *[Cancelled("TransactionConflict")] * 20)

    with pytest.raises(ConcurrentUpdate, match="granja"):
        write(provisioning)
    assert rivals.calls < 10


@pytest.mark.parametrize(
    ("code", "error"), [("ThrottlingError", ServiceThrottled), ("ValidationError", RequestRefused)]
)
def test_other_reasons_have_their_own_names(
    tables: Tables, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception]
) -> None:
    Rivals(monkeypatch, Cancelled(code))

    with pytest.raises(error, match=code):
        write(provisioning)

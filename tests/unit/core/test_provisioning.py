"""The outbox's transaction: all or nothing, once, and patient with rivals."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tenancy.domain.errors import ConcurrentUpdate, RequestRefused, ServiceThrottled
from tenancy.domain.events import Event, TenantActivated
from tenancy.platform import aws
from tenancy.tables import provisioning
from tenancy.tables.provisioning import ConditionFailed, Provisioning

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
        monkeypatch.setattr(provisioning.time, "sleep", lambda _: None)


def write(table: Provisioning) -> None:
    table.commit("granja", fields={"status": "PENDING"}, condition="attribute_not_exists(pk)", values={})


def test_a_result_whose_answer_was_lost_is_on_record_once(tables: Tables, provisioning: Provisioning) -> None:
    fact = TenantActivated(stage="ActivateTenant", attempt=1, host="granja.fluxionia.co")
    event = Event.of(fact, tenant_id="granja", generation=1, execution_arn="one", occurred_at="now")

    for _ in range(2):
        provisioning.commit(
            "granja", fields={"status": "ACTIVE"}, condition="attribute_not_exists(pk)", values={}, event=event
        )

    assert tables.events() == ["TenantActivated"]


def test_a_result_that_is_refused_tells_nobody(tables: Tables, provisioning: Provisioning) -> None:
    fact = TenantActivated(stage="ActivateTenant", attempt=1, host="granja.fluxionia.co")
    event = Event.of(fact, tenant_id="granja", generation=1, execution_arn="one", occurred_at="now")

    with pytest.raises(ConditionFailed):
        provisioning.commit("granja", fields={}, condition="attribute_exists(pk)", values={}, event=event)

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

"""An execution that somebody stops, in whatever state, is recorded and mailed, and the next run ends well."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local_aws.client import Active, Faults

from .embedded import EmbeddedAws, eventually
from .mishaps import (
    DENIED,
    FORWARD,
    UNDOING,
    Call,
    Strangers,
    effect_of,
    failures,
    is_live,
    left_over,
    reconcile,
    result_of,
)

pytestmark = pytest.mark.embedded_aws

STOPPED = [*FORWARD, "RollBack", *UNDOING, "RecordFailure"]
_SHARED_SECONDS, _OWN_SECONDS = 2.5, 4.0
"""How long a call is held: of one that others share, who wait as well; and of one that is the tenant's own."""


def stopped_in(state: str) -> str:
    return f"parada-{state.lower()}"


def call_of(aws: EmbeddedAws, state: str) -> Call:
    """A call of the function that a state waits for."""
    tenant = stopped_in(state)
    if state in ("ClaimTenant", "ActivateTenant", "DiscardDatabase", "DetachCname"):
        return result_of(aws, state, tenant)
    if state == "RecordFailure":
        return result_of(aws, state, tenant, failed_stage="VerifyTenant")
    return effect_of(aws, state, tenant)


@pytest.fixture(scope="module")
def strangers(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    """Somebody else's things, and how they looked before anything was tried here."""
    strangers = Strangers(embedded_aws)
    strangers.put_record(stopped_in("DeleteDnsRecords"), "TXT", '"somebody-elses=proof"')
    strangers.put_distribution("parada-ajena")
    strangers.put_file(f"{stopped_in('SeedDatabase')}/apuntes.txt")
    strangers.put_file(f"{stopped_in('DiscardDatabase')}/apuntes.txt")
    return {"things": strangers, "before": strangers.snapshot()}


@pytest.fixture(scope="module")
def stopped(embedded_aws: EmbeddedAws, faults: Faults, strangers: object) -> dict[str, Any]:
    """An execution is stopped in each state, each of another tenant, all at the same time; then the schedule looks."""
    aws = embedded_aws
    with ThreadPoolExecutor(len(STOPPED)) as pool:
        watching = {}
        for state in STOPPED:
            if state not in FORWARD:
                faults.add(**effect_of(aws, "VerifyTenant", stopped_in(state)), error=DENIED)
            call = call_of(aws, state)
            seconds = _OWN_SECONDS if call["service"] == "dynamodb" else _SHARED_SECONDS
            held = faults.add(**call, latency_seconds=seconds, times=1)
            aws.insert(stopped_in(state))
            watching[state] = pool.submit(_stop, aws, state, held)
    recorded = {state: each.result() for state, each in watching.items()}
    mails = {state: aws.mail(stopped_in(state)) for state in STOPPED}
    time.sleep(_OWN_SECONDS)  # nobody stops a function: what was held is done now, by the dead execution's function
    late = {state: aws.record(stopped_in(state)) for state in STOPPED}
    reconcile(aws, *map(stopped_in, STOPPED))
    for state in STOPPED:
        aws.settled(stopped_in(state), attempt=1 if state == "RecordFailure" else 2)
    last = {state: aws.states(record["last_error"]["execution_arn"])[-1] for state, record in recorded.items()}
    return {"last": last, "recorded": recorded, "late": late, "mails": mails}


def _stop(aws: EmbeddedAws, state: str, held: Active) -> dict[str, Any]:
    """Stop the execution while its call is held; the record, as soon as it says so."""
    eventually(lambda: held.hits, f"the call of {state}")
    execution = aws.executions(stopped_in(state))[0]
    aws.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
    return aws.settled(stopped_in(state))


@pytest.mark.parametrize("state", STOPPED)
def test_a_stop_is_recorded_and_mailed_once(embedded_aws: EmbeddedAws, stopped: dict[str, Any], state: str) -> None:
    record, mail, facts = stopped["recorded"][state], stopped["mails"][state], failures(embedded_aws, stopped_in(state))

    assert stopped["last"][state] == state, "it was not stopped there"
    if state in FORWARD or state == "RollBack":
        assert (record["status"], record["operation"]["state"]) == ("PENDING", "STALLED")
        assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("ExecutionAborted", state)
        assert f"{stopped_in(state)}: {state} stalled" in mail
    else:
        assert record["status"] == ("FAILED" if state == "RecordFailure" else "ROLLBACK_INCOMPLETE")
        assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("AccessDenied", "VerifyTenant")
        assert facts[0]["undo_errors"][0].startswith(f"{state}: ExecutionAborted: ")
        assert f"{stopped_in(state)}: VerifyTenant failed" in mail
    eventually(lambda: len(embedded_aws.mails(stopped_in(state))) >= len(facts), "a mail about each failure", 20)
    assert len(embedded_aws.mails(stopped_in(state))) == len(facts)


@pytest.mark.parametrize("state", STOPPED)
def test_what_the_dead_executions_function_does_later_changes_nothing(stopped: dict[str, Any], state: str) -> None:
    assert stopped["late"][state] == stopped["recorded"][state]


@pytest.mark.parametrize("state", FORWARD)
def test_after_a_stop_the_next_run_ends_live(embedded_aws: EmbeddedAws, stopped: dict[str, Any], state: str) -> None:
    assert is_live(embedded_aws, stopped_in(state))
    assert len(failures(embedded_aws, stopped_in(state))) == 1


@pytest.mark.parametrize("state", [state for state in STOPPED if state not in FORWARD])
def test_after_a_stop_on_the_way_back_the_next_run_ends_clean(
    embedded_aws: EmbeddedAws, stopped: dict[str, Any], state: str
) -> None:
    record = embedded_aws.record(stopped_in(state))

    assert (record["status"], record["operation"]["state"]) == ("FAILED", "FAILED")
    assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("AccessDenied", "VerifyTenant")
    assert left_over(embedded_aws, stopped_in(state)) == []
    assert failures(embedded_aws, stopped_in(state))[-1]["remaining"] == []


def test_a_change_that_came_before_the_stop_is_not_lost(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    """RecordFailure would have gone round again for it; the execution is stopped while it wants to say so."""
    aws, tenant = embedded_aws, "parada-cambio"
    faults.add(**effect_of(aws, "VerifyTenant", tenant), error=DENIED, times=1)
    call = result_of(aws, "RecordFailure", tenant, failed_stage="VerifyTenant")
    held = faults.add(**call, latency_seconds=_OWN_SECONDS, times=1)
    aws.insert(tenant)
    eventually(lambda: held.hits, "the call of RecordFailure")
    execution = aws.executions(tenant)[0]
    aws.insert(tenant, name="Otro nombre")
    eventually(lambda: aws.record(tenant)["requested"], "the note of the one that found the lease taken")

    aws.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
    eventually(lambda: failures(aws, tenant), "the failure of the one that was stopped")
    reconcile(aws, tenant)

    assert aws.settled(tenant, attempt=2)["status"] == "ACTIVE"
    assert aws.get(aws.host(tenant)).json()["name"] == "Otro nombre"
    assert is_live(aws, tenant)


def test_nothing_of_others_was_touched_by_all_of_this(stopped: object, strangers: dict[str, Any]) -> None:
    assert strangers["things"].snapshot() == strangers["before"]

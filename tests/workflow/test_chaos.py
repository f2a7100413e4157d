"""A bad day: fifty tenants at once while AWS throttles, breaks and loses answers, and functions die. Nothing is lost.

On a stack of its own: AWS's quotas in a clock that runs ten times faster, room for 200 aliases.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from control.stacks import Output
from local_aws.client import Active, Faults
from local_aws.quotas import Quotas
from tenancy.platform import clock

from .conftest import stack_of_its_own
from .embedded import EmbeddedAws, eventually
from .mishaps import ROLES, Strangers, hasten, is_live

pytestmark = [pytest.mark.embedded_aws, pytest.mark.slow]

QUOTAS = Quotas(scale=10, aliases=200, insync_seconds=120, deploy_seconds=20)
PATIENCE_SECONDS = 240
OUTAGE_SECONDS = 10.0
SEED = 20261124

PLAIN = [f"caos-{number:02}" for number in range(43)]
LOOK_ALIKES = ["caos-fina1", "caos-final"]
BAD = {
    "caos-registro-1": "RecordBelongsToOthers",
    "caos-registro-2": "RecordBelongsToOthers",
    "caos-alias": "AliasBelongsToOthers",
    "caos-sin-nombre": "InvalidTenantItem",
    "caos-dominios": "InvalidTenantItem",
}
BAD_ITEMS: dict[str, dict[str, Any]] = {"caos-sin-nombre": {"name": None}, "caos-dominios": {"domains": ["a.example"]}}
ALL = [*PLAIN, *LOOK_ALIKES, *BAD]
STOPPED = ["caos-07", "caos-23", "caos-41"]
LATE = "lenta"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with stack_of_its_own(quotas=QUOTAS) as aws:
        yield aws


@pytest.fixture(scope="module")
def strangers(aws: EmbeddedAws) -> dict[str, Any]:
    """Somebody else's things, and how they looked before anything was tried here."""
    strangers = Strangers(aws)
    strangers.put_record("caos-registro-1", "A", "192.0.2.7")
    strangers.put_record("caos-registro-2", "CNAME", "example.com.")
    strangers.put_record("caos-00", "TXT", '"somebody-elses=proof"')
    strangers.put_distribution("caos-alias")
    strangers.put_file("apuntes.txt")
    strangers.put_file("caos-01/apuntes.txt")
    return {"things": strangers, "before": strangers.snapshot()}


# --- propagation that takes longer than all retries -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stalled(aws: EmbeddedAws, strangers: object) -> dict[str, Any]:
    """A tenant whose records are not seen for 12 s, while VerifyTenant gives up after 3 s. Its pause is over then.

    The shipped machine tries for so long that no test could wait. So the deployed one tries once more only, while this
    execution runs; then it is the shipped one again.
    """
    machine, states = aws.outputs[Output.ONBOARD_MACHINE], aws.client("stepfunctions")
    shipped = states.describe_state_machine(stateMachineArn=machine)["definition"]
    impatient = json.loads(shipped)
    (retrier,) = (
        each for each in impatient["States"]["VerifyTenant"]["Retry"] if each["ErrorEquals"] == ["SiteNotReady"]
    )
    retrier["MaxAttempts"] = 1
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(impatient))
    try:
        aws.insert(LATE)
        record = aws.settled(LATE)
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=shipped)
    zone, aliases, files = aws.zone(), aws.aliases(), aws.files(LATE)
    hasten(aws, LATE)
    return {"record": record, "zone": zone, "aliases": aliases, "files": files}


def test_when_propagation_outlasts_every_retry_nothing_is_undone(aws: EmbeddedAws, stalled: dict[str, Any]) -> None:
    record, host = stalled["record"], aws.host(LATE)

    assert (record["status"], record["operation"]["state"]) == ("PENDING", "STALLED")
    assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("SiteNotReady", "VerifyTenant")
    assert {kind for name, kind in stalled["zone"] if name == host} == {"A", "AAAA"}
    assert host in stalled["aliases"]
    assert "current" in stalled["files"]
    assert "What was already set up is kept" in aws.mail(LATE)


# --- the bad day ------------------------------------------------------------------------------------------------------


def bad_weather(faults: Faults) -> dict[str, list[Active]]:
    """A tenth of the calls is throttled, a fiftieth breaks, and with a hundredth the function dies."""

    def some(share: float, service: str, principal: str, **what: Any) -> Active:
        seed = f"{SEED} {service} {principal} {what}"
        return faults.add(service, "*", principal=principal, probability=share, seed=seed, **what)

    busy, broken = {"code": "ThrottlingException"}, {"code": "InternalFailure", "status": 500}
    too_many, machine = {"code": "TooManyRequestsException"}, "fluxion-OnboardTenantRole-*"
    contended = ("route53", "cloudfront")
    return {
        "throttled": [
            *(some(0.1, service, "fluxion-*", error={"code": "Throttling"}) for service in contended),
            *(some(0.1, "dynamodb", role, error=busy) for role in ROLES),
            some(0.1, "dynamodb", machine, error=busy),
            some(0.1, "lambda", machine, error=too_many),
        ],
        "broken": [
            *(some(0.02, "*", role, error=broken) for role in ROLES),
            some(0.02, "lambda", machine, error={"code": "ServiceException", "status": 500}),
        ],
        "dead": [some(0.005, "*", role, crash=moment) for role in ROLES for moment in ("before", "after")],
    }


@pytest.fixture(scope="module")
def day(aws: EmbeddedAws, stalled: object) -> Iterator[dict[str, Any]]:
    """All of them at once, under all of this; how it ended."""
    faults = Faults(aws.environment["FLUXION_FAULTS"])
    down = {"error": {"code": "ServiceUnavailable", "status": 503}}
    with aws.bus("caos-") as told:
        weather = bad_weather(faults)
        for tenant in ALL:
            aws.insert(tenant, **BAD_ITEMS.get(tenant, {}))
        with faults.rule("events", "PutEvents", **down) as no_bus:
            until = time.monotonic() + OUTAGE_SECONDS
            for tenant in STOPPED:
                stop(aws, tenant)
            time.sleep(max(0, until - time.monotonic()))
            hits = {"EventBridge is down": no_bus.hits}
        with faults.rule("sns", "Publish", **down) as no_mail:
            eventually(lambda: no_mail.hits, "a mail that SNS does not take")
            time.sleep(OUTAGE_SECONDS)
            hits["SNS is down"] = no_mail.hits
        records = eventually(lambda: ended(aws), "the end of all", PATIENCE_SECONDS)
        hits |= {name: sum(rule.hits for rule in rules) for name, rules in weather.items()}
        faults.clear()
        outbox = {tenant: outbox_of(aws, tenant) for tenant in ALL}
        yield {"records": records, "outbox": outbox, "told": told, "hits": hits}


def stop(aws: EmbeddedAws, tenant: str) -> None:
    """Somebody stops the tenant's execution, wherever it is."""
    running = eventually(lambda: aws.executions(tenant), f"an execution of {tenant}")[0]
    aws.client("stepfunctions").stop_execution(executionArn=running["executionArn"])


def ended(aws: EmbeddedAws) -> dict[str, dict[str, Any]]:
    """All records, once each tenant is live or has failed. Who waits for another try is due now."""
    found = {item["tenant_id"]: item for item in aws.everything() if item["sk"] == "TENANT"}
    hasten(aws, *(tenant for tenant, record in found.items() if record.get("due_at", "") > clock.now()))
    is_over = all(
        tenant in found and "lease" not in found[tenant] and found[tenant]["status"] in ("ACTIVE", "FAILED")
        for tenant in [*ALL, LATE]
    )
    return found if is_over else {}


def outbox_of(aws: EmbeddedAws, tenant: str) -> dict[str, dict[str, Any]]:
    """The tenant's events: id → {type, metadata, data}."""
    items = [item for item in aws.items(tenant) if item["sk"].startswith("EVENT#")]
    return {item["event_id"]: {"type": item["type"], **json.loads(item["detail"])} for item in items}


def types(outbox: dict[str, dict[str, Any]]) -> list[str]:
    return [event["type"] for event in outbox.values()]


def losers(day: dict[str, Any]) -> list[str]:
    return [tenant for tenant in LOOK_ALIKES if day["records"][tenant]["status"] == "FAILED"]


def test_the_weather_was_bad(day: dict[str, Any]) -> None:
    assert all(day["hits"].values()), day["hits"]
    assert day["hits"]["throttled"] > 100
    stalled = {tenant for tenant in STOPPED if "TenantStalled" in types(day["outbox"][tenant])}
    assert stalled, "nobody was stopped in time"


def test_every_tenant_ends_live_or_failed_for_its_own_fault(day: dict[str, Any]) -> None:
    failed = {
        tenant: record["last_error"]["code"]
        for tenant, record in day["records"].items()
        if record["status"] == "FAILED"
    }
    assert failed == BAD | dict.fromkeys(losers(day), "NameClaimedByOther")
    assert len(losers(day)) == 1
    assert {record["status"] for record in day["records"].values()} == {"ACTIVE", "FAILED"}


def test_the_live_ones_have_everything_once_and_the_failed_ones_nothing(aws: EmbeddedAws, day: dict[str, Any]) -> None:
    live = {tenant for tenant, record in day["records"].items() if record["status"] == "ACTIVE"}
    hosts = {aws.host(tenant) for tenant in live}
    platform = {aws.outputs[Output.BASE_DOMAIN], aws.host("*")}
    kinds = Counter(kind for name, kind in aws.zone() if name in hosts)
    items = Counter((item["sk"].split("#")[0], item["tenant_id"]) for item in aws.everything())

    assert kinds == {"A": len(live), "AAAA": len(live), "TXT": 1}
    assert Counter(aws.aliases()) == Counter(hosts | platform)
    assert {tenant for kind, tenant in items if kind == "CLAIM"} == live
    assert {tenant for kind, tenant in items if kind == "EFFECT"} == live
    for tenant in day["records"]:
        names = [name for name in aws.files(tenant) if name.endswith((".duckdb", ".partial", "current"))]
        assert len(names) == (2 if tenant in live else 0), (tenant, names)
        if tenant != "caos-alias":  # whose host the other distribution answers
            answer = aws.get(aws.host(tenant))
            assert answer.status_code == (200 if tenant in live else 404), tenant
            assert tenant not in live or answer.json()["tenant_id"] == tenant


def test_every_event_is_on_the_bus_with_one_id_and_in_order(day: dict[str, Any]) -> None:
    ids = {id_ for outbox in day["outbox"].values() for id_ in outbox}
    eventually(lambda: ids <= {each["detail"]["metadata"]["id"] for each in day["told"]()}, "all events on the bus", 30)
    told: dict[str, dict[str, dict[str, Any]]] = {tenant: {} for tenant in ALL}
    for each in day["told"]():
        metadata = each["detail"]["metadata"]
        first = told[metadata["tenant_id"]].setdefault(metadata["id"], {"type": each["detail-type"], **each["detail"]})
        assert first == {"type": each["detail-type"], **each["detail"]}, "the same id says something else"
    for tenant in ALL:
        assert list(told[tenant].items()) == list(day["outbox"][tenant].items())


def test_every_failure_is_mailed(aws: EmbeddedAws, day: dict[str, Any]) -> None:
    for tenant in ALL:
        count = sum("code" in event["data"] for event in day["outbox"][tenant].values())
        if count:
            aws.mail(tenant, number=count)
        assert len(aws.mails(tenant)) >= count
    (loser,) = losers(day)
    assert "look-alike characters" in aws.mail(loser)


def test_no_message_was_given_up(aws: EmbeddedAws, day: dict[str, Any]) -> None:
    sqs = aws.client("sqs")
    queues = [url for url in sqs.list_queues()["QueueUrls"] if "/test-" not in url]
    waiting = {url: sqs.receive_message(QueueUrl=url).get("Messages", []) for url in queues}
    assert {url: [message["Body"] for message in messages] for url, messages in waiting.items() if messages} == {}


def test_after_propagation_the_stalled_tenant_is_live_without_a_hand(
    aws: EmbeddedAws, stalled: dict[str, Any], day: dict[str, Any]
) -> None:
    assert stalled["record"]["attempt"] == 1
    assert is_live(aws, LATE)
    assert set(aws.files(LATE)) == set(stalled["files"])


def test_nothing_of_others_was_touched_by_all_of_this(day: object, strangers: dict[str, Any]) -> None:
    assert strangers["things"].snapshot() == strangers["before"]

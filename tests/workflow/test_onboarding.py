"""Someone puts an item into the tenants table, and a site answers."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import duckdb
import pytest

from tests.stages import way

from .embedded import CONTENDED, EmbeddedAws, eventually
from .mishaps import FORWARD

pytestmark = pytest.mark.embedded_aws

STAGE_EVENTS = [*FORWARD.values()]


def test_an_item_becomes_a_live_site(embedded_aws: EmbeddedAws) -> None:
    with embedded_aws.bus("granja") as bus:
        assert embedded_aws.get(embedded_aws.host("granja")).status_code == 404

        record = embedded_aws.onboard("granja", name="La Granja Mercado", settings={"colour": "#2e7d32"})

        answer = embedded_aws.get(embedded_aws.host("granja"))
        assert answer.status_code == 200
        assert (answer.json()["tenant_id"], answer.json()["name"]) == ("granja", "La Granja Mercado")
        assert answer.json()["settings"] == {"colour": "#2e7d32"}

        (execution,) = embedded_aws.executions("granja")
        eventually(lambda: embedded_aws.executions("granja")[0]["status"] == "SUCCEEDED", "SUCCEEDED")
        assert embedded_aws.states(execution["executionArn"]) == way("onboard_tenant")
        assert record["operation"]["execution_arn"] == execution["executionArn"]

        eventually(lambda: len(bus()) >= len(STAGE_EVENTS), "every event on the bus", 15)
        assert sorted(event["detail-type"] for event in bus()) == sorted(STAGE_EVENTS)
        assert embedded_aws.outbox("granja") == STAGE_EVENTS
        assert len({event["detail"]["metadata"]["id"] for event in bus()}) == len(STAGE_EVENTS)


def test_the_name_server_answers_with_both_families(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("familias")
    server, _, port = embedded_aws.environment["FLUXION_DNS"].rpartition(":")

    for kind in ("A", "AAAA"):
        query = dns.message.make_query(embedded_aws.host("familias"), kind)
        answer = dns.query.udp(query, server, port=int(port), timeout=5)
        assert [rrset.rdtype for rrset in answer.answer] == [dns.rdatatype.from_text(kind)]


def test_the_database_is_the_tenants_own_and_holds_its_item(embedded_aws: EmbeddedAws) -> None:
    record = embedded_aws.onboard("base-propia", contact_email="hola@granja.example", tier="premium")
    path = Path(embedded_aws.environment["FLUXION_DATA_DIR"]) / record["database_path"]

    with duckdb.connect(str(path), read_only=True) as database:
        tables = {name for (name,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall()}
        row = database.execute("SELECT tenant_id, name, tier, contact_email FROM tenants").fetchall()
        others = [
            table
            for table in sorted(tables - {"schema_version"})
            if database.table(table).filter("tenant_id <> 'base-propia'").fetchone()
        ]

    assert {"tenants", "users", "settings", "products", "customers", "orders", "order_items", "audit_log"} <= tables
    assert row == [("base-propia", "Mercado base-propia", "premium", "hola@granja.example")]
    assert others == []


def test_twenty_tenants_at_once_share_a_handful_of_calls(embedded_aws: EmbeddedAws) -> None:
    tenants = [f"burst-{number:02d}" for number in range(20)]
    before = set(embedded_aws.aliases())

    with embedded_aws.trail() as trail:
        for tenant in tenants:
            embedded_aws.insert(tenant)
        records = [embedded_aws.settled(tenant) for tenant in tenants]

    assert [record["status"] for record in records] == ["ACTIVE"] * 20
    assert trail.count("UpdateDistribution") <= 10
    assert trail.count("ChangeResourceRecordSets") <= 10
    assert set(embedded_aws.aliases()) == before | {embedded_aws.host(tenant) for tenant in tenants}
    names = [embedded_aws.get(embedded_aws.host(tenant)).json()["tenant_id"] for tenant in tenants]
    assert names == tenants


def test_hosts_that_are_nobodys_get_one_uniform_answer(embedded_aws: EmbeddedAws) -> None:
    answers = [embedded_aws.get(embedded_aws.host(name)) for name in ("nobody", "www", "origin", "no-such-tenant")]

    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert all("no-store" in answer.headers["cache-control"] for answer in answers)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_repeated_stream_record_costs_nothing(embedded_aws: EmbeddedAws, times: int) -> None:
    tenant = f"repeated-{times}"
    embedded_aws.onboard(tenant)
    record, files = embedded_aws.last_stream_record(tenant), embedded_aws.files(tenant)

    with embedded_aws.trail() as trail:
        for _ in range(times):
            assert embedded_aws.deliver(record) == {"batchItemFailures": []}

    assert len(embedded_aws.executions(tenant)) == 1
    assert trail.count(*CONTENDED) == 0
    assert embedded_aws.files(tenant) == files


def test_asking_again_for_what_is_already_right_writes_nothing(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("unchanged")
    files = embedded_aws.files("unchanged")

    with embedded_aws.trail() as trail:
        embedded_aws.insert("unchanged", requested_at="2026-11-24T00:00:00Z")
        record = embedded_aws.settled("unchanged", attempt=2)

    assert (record["status"], record["generation"]) == ("ACTIVE", 1)
    assert trail.count(*CONTENDED) == 0
    assert trail.count("StartExecution") == 1
    assert embedded_aws.files("unchanged") == files


def test_an_overwrite_with_the_same_content_starts_nothing(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("identical")

    with embedded_aws.trail() as trail:
        embedded_aws.insert("identical")
        embedded_aws.onboard("identical-after")  # so much time has passed

    assert len(embedded_aws.executions("identical")) == 1
    assert trail.count("ChangeResourceRecordSets") == 1


def test_a_changed_name_is_served_and_the_site_never_blinks(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("cambio")
    neighbour = embedded_aws.onboard("vecino")
    host = embedded_aws.host("cambio")
    with embedded_aws.visitor(host) as visitor, embedded_aws.trail() as trail:
        assert visitor.get("/api/tenant").json()["name"] == "Mercado cambio"
        embedded_aws.insert("cambio", name="Otro nombre")
        statuses = []
        while embedded_aws.record("cambio")["attempt"] < 2 or "lease" in embedded_aws.record("cambio"):
            statuses.append(visitor.get("/api/tenant").status_code)
        name = eventually(lambda: visitor.get("/api/tenant").json()["name"] == "Otro nombre", "the new name", 15)

    assert name
    assert set(statuses) == {200}
    assert trail.count("CreateInvalidation") == 1
    assert trail.count("UpdateDistribution", "ChangeResourceRecordSets") == 0
    assert embedded_aws.outbox("cambio")[-1] == "TenantUpdated"
    assert embedded_aws.record("vecino") == neighbour


def test_a_removed_item_is_held_and_its_site_stays(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("retenida")
    embedded_aws.remove("retenida")

    eventually(lambda: embedded_aws.record("retenida")["operation"]["state"] == "HELD", "the hold")

    assert embedded_aws.record("retenida")["status"] == "ACTIVE"
    assert embedded_aws.get(embedded_aws.host("retenida")).status_code == 200
    assert [e["status"] for e in embedded_aws.executions("retenida", "Offboard")] != []


def test_a_suspended_tenant_answers_503_and_comes_back(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("suspendida")
    host = embedded_aws.host("suspendida")
    for attempt, (wanted, status, answer) in enumerate((("suspended", "SUSPENDED", 503), ("active", "ACTIVE", 404)), 2):
        embedded_aws.insert("suspendida", desired_state=wanted)
        assert embedded_aws.settled("suspendida", attempt)["status"] == status
        # A path that no cache can know: what is kept of /api/tenant may be served a little longer.
        eventually(partial(answers, embedded_aws, host, answer), f"{answer} after {wanted}", 10)

    assert embedded_aws.outbox("suspendida")[-1] == "TenantResumed"


def answers(embedded_aws: EmbeddedAws, host: str, status: int) -> bool:
    return embedded_aws.get(host, "/api/none").status_code == status


def test_a_bad_item_that_comes_during_the_onboarding_fails_once_and_the_site_is_live(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.insert("a-destiempo")
    eventually(lambda: "lease" in embedded_aws.record("a-destiempo"), "the lease")
    embedded_aws.insert("a-destiempo", name="")

    record = embedded_aws.settled("a-destiempo", attempt=2)

    assert (record["status"], record["operation"]["state"]) == ("ACTIVE", "FAILED")
    assert embedded_aws.outbox("a-destiempo")[-1] == "TenantUpdateFailed"
    assert embedded_aws.get(embedded_aws.host("a-destiempo")).status_code == 200


def test_every_log_line_of_a_stage_names_tenant_and_execution(embedded_aws: EmbeddedAws) -> None:
    record = embedded_aws.onboard("en-los-logs")
    logs = embedded_aws.client("logs")

    def lines(function: str) -> list[dict[str, Any]]:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        found = [line for event in events for line in event["message"].splitlines() if line.startswith("{")]
        return [json.loads(line) for line in found if "en-los-logs" in line and '"message"' in line]

    for function in (
        *("fluxion-tenant-record", "fluxion-tenant-database", "fluxion-tenant-probe"),
        *("fluxion-cdn-aliases", "fluxion-dns-records", "fluxion-edge-cache"),
    ):
        # A writer may wait for its next turn after it has answered, and its lines come when it ends.
        ours = eventually(partial(lines, function), f"lines of {function}", 20)
        assert {line["execution_arn"] for line in ours} == {record["operation"]["execution_arn"]}

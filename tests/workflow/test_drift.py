"""What somebody has changed by hand is found by its name, and put right, or left alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

PREFIX = "deriva"


def tenant(name: str) -> str:
    return f"{PREFIX}-{name}"


def findings(aws: EmbeddedAws) -> set[tuple[str, str]]:
    """(kind, tenant) of all that is on record as drift of these tests."""
    return {(kind, whose) for kind, whose in aws.drift() if whose.startswith(PREFIX)}


def told(aws: EmbeddedAws, kind: str) -> set[tuple[str, str]]:
    """(kind of drift, tenant) of what events of one type have told."""
    found = (item for item in aws.everything() if item["sk"].startswith("EVENT#") and item["type"] == kind)
    return {
        (finding["kind"], item["tenant_id"])
        for item in found
        for finding in json.loads(item["detail"])["data"]["findings"]
        if item["tenant_id"].startswith(PREFIX)
    }


def folder(aws: EmbeddedAws, name: str) -> Path:
    return aws.data / tenant(name)


# --- mistakes, by hand ------------------------------------------------------------------------------------------------


def delete_record(aws: EmbeddedAws, name: str) -> None:
    aws.change_zone("DELETE", aws.zone()[aws.host(tenant(name)), "AAAA"])


def change_record(aws: EmbeddedAws, name: str) -> None:
    aws.change_zone("DELETE", aws.zone()[aws.host(tenant(name)), "A"])
    aws.create_record(tenant(name), "A", "192.0.2.7")


def remove_alias(aws: EmbeddedAws, name: str) -> None:
    aws.rewrite_aliases(lambda aliases: aliases - {aws.host(tenant(name))})


def add_alias(aws: EmbeddedAws, name: str) -> None:
    aws.rewrite_aliases(lambda aliases: aliases | {aws.host(tenant(name))})


def remove_file(aws: EmbeddedAws, name: str) -> None:
    (database,) = folder(aws, name).glob("*.duckdb")
    database.unlink()


def leave_file(aws: EmbeddedAws, name: str) -> None:
    folder(aws, name).mkdir()
    (folder(aws, name) / "0f.duckdb").write_bytes(b"rows of somebody")


def leave_log(aws: EmbeddedAws, name: str) -> None:
    (folder(aws, name) / "0f.duckdb.wal").write_bytes(b"committed once")


def misdirect_pointer(aws: EmbeddedAws, name: str) -> None:
    (folder(aws, name) / "current").write_text("0f.duckdb\n")


def leave_claim(aws: EmbeddedAws, name: str) -> None:
    skeleton = f"CLAIM#{tenant(name)}"
    aws.provisioning.put_item(Item={"pk": skeleton, "sk": "CLAIM", "tenant_id": tenant(name), "at": "2026-11-24"})


def drop_claim(aws: EmbeddedAws, name: str) -> None:
    aws.provisioning.delete_item(Key={"pk": f"CLAIM#{aws.record(tenant(name))['skeleton']}", "sk": "CLAIM"})


def abandon_lease(aws: EmbeddedAws, name: str) -> None:
    (execution, *_) = aws.executions(tenant(name))
    set_field(aws, name, "lease", {"holder": execution["executionArn"], "since": "2026-11-24T03:00:00.000Z"})


def serve_suspended(aws: EmbeddedAws, name: str) -> bool:
    """For a moment the record says ACTIVE: what the edge has cached of that moment it would keep for minutes.

    Returns whether it has: an invalidation of before may still be under way.
    """
    set_field(aws, name, "status", "ACTIVE")
    eventually(lambda: aws.get(aws.host(tenant(name))).status_code == 200, "the site")
    set_field(aws, name, "status", "SUSPENDED")
    eventually(lambda: aws.get(aws.host(tenant(name)), "/api/none").status_code == 503, "the backend to know")
    return aws.get(aws.host(tenant(name))).status_code == 200


def set_field(aws: EmbeddedAws, name: str, field: str, value: Any) -> None:
    aws.provisioning.update_item(
        Key={"pk": f"TENANT#{tenant(name)}", "sk": "TENANT"},
        UpdateExpression="SET #field = :value",
        ExpressionAttributeNames={"#field": field},
        ExpressionAttributeValues={":value": value},
    )


REPAIRED: dict[str, tuple[Callable[[EmbeddedAws, str], None], str]] = {
    "sin-aaaa": (delete_record, "RecordMissing"),
    "sin-alias": (remove_alias, "AliasMissing"),
    "sin-nombre": (drop_claim, "ClaimMissing"),
    "muerta": (abandon_lease, "LeaseAbandoned"),
}
LEFT_ALONE: dict[str, tuple[Callable[[EmbeddedAws, str], None], str]] = {
    "otra-a": (change_record, "RecordChanged"),
    "sin-base": (remove_file, "DatabaseMissing"),
    "con-wal": (leave_log, "WriteAheadLogStale"),
    "puntero": (misdirect_pointer, "PointerWrong"),
}
NOBODYS: dict[str, tuple[Callable[[EmbeddedAws, str], None], str]] = {
    "ajeno": (add_alias, "AliasForeign"),
    "difunto": (leave_file, "DatabaseOrphaned"),
    "reserva": (leave_claim, "ClaimOrphaned"),
}
SUSPENDED = "abierta"
"""Of the twelve kinds, the suspended site that is served is apart: its mistake is one of moments."""
EXPECTED = {(kind, tenant(name)) for name, (_, kind) in {**REPAIRED, **LEFT_ALONE, **NOBODYS}.items()}


def shared_systems(aws: EmbeddedAws) -> tuple[Any, set[str], dict[str, bytes]]:
    files = {name: content(folder(aws, name)) for name in [*LEFT_ALONE, *NOBODYS]}
    records = {key: record for key, record in aws.zone().items() if key[0] == aws.host(tenant("otra-a"))}
    return records, {alias for alias in aws.aliases() if alias == aws.host(tenant("ajeno"))}, files


def content(directory: Path) -> bytes:
    return b"".join(path.name.encode() + path.read_bytes() for path in sorted(directory.glob("*")))


@pytest.fixture(scope="module")
def fleet(embedded_aws: EmbeddedAws) -> Iterator[None]:
    embedded_aws.onboard_all([tenant(name) for name in [*REPAIRED, *LEFT_ALONE]])
    yield
    embedded_aws.take_down([tenant(name) for name in REPAIRED])
    embedded_aws.rewrite_aliases(lambda aliases: aliases - {embedded_aws.host(tenant("ajeno"))})


def test_what_is_as_it_is_on_record_is_no_drift(embedded_aws: EmbeddedAws, fleet: None) -> None:
    with embedded_aws.trail() as trail:
        embedded_aws.scan()
        embedded_aws.scan()

    assert findings(embedded_aws) == set()
    assert not [call for call in trail.calls if "Reconcile" in call["principal"] and call["status"] >= 400]


def test_each_kind_is_found_and_named_at_the_second_scan(embedded_aws: EmbeddedAws, fleet: None) -> None:
    for name, (mistake, _) in {**REPAIRED, **LEFT_ALONE, **NOBODYS}.items():
        mistake(embedded_aws, name)
    before = shared_systems(embedded_aws)

    embedded_aws.scan()
    assert findings(embedded_aws) == EXPECTED
    assert told(embedded_aws, "DriftDetected") == set()

    started = embedded_aws.scan()["started"]
    assert told(embedded_aws, "DriftDetected") == EXPECTED
    assert {name for name in started if name.startswith(PREFIX)} == {tenant(name) for name in REPAIRED}
    assert shared_systems(embedded_aws) == before


def test_what_the_workflow_can_put_right_is_put_right(embedded_aws: EmbeddedAws, fleet: None) -> None:
    for name in REPAIRED:
        embedded_aws.settled(tenant(name), 2)

    eventually(lambda: embedded_aws.scan() and findings(embedded_aws) <= EXPECTED - of(REPAIRED), "the repair", 20)

    assert told(embedded_aws, "DriftRepaired") == of(REPAIRED)
    zone, aliases = embedded_aws.zone(), embedded_aws.aliases()
    for name in REPAIRED:
        host = embedded_aws.host(tenant(name))
        assert {kind for where, kind in zone if where == host} == {"A", "AAAA"}
        assert host in aliases
        assert embedded_aws.get(host).status_code == 200
        assert "lease" not in embedded_aws.record(tenant(name))


def test_what_needs_a_person_is_left_as_it_is(embedded_aws: EmbeddedAws, fleet: None) -> None:
    before = shared_systems(embedded_aws)

    embedded_aws.scan()

    assert findings(embedded_aws) == of(LEFT_ALONE) | of(NOBODYS)
    assert shared_systems(embedded_aws) == before
    assert {embedded_aws.record(tenant(name))["attempt"] for name in LEFT_ALONE} == {1}, "no run was started"


def of(mistakes: dict[str, Any]) -> set[tuple[str, str]]:
    return {(kind, tenant(name)) for name, (_, kind) in mistakes.items()}


def test_a_suspended_site_that_is_served_is_closed(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.insert(tenant(SUSPENDED), desired_state="suspended")
    assert embedded_aws.settled(tenant(SUSPENDED))["status"] == "SUSPENDED"
    host = embedded_aws.host(tenant(SUSPENDED))
    eventually(lambda: serve_suspended(embedded_aws, SUSPENDED), "a cached page")
    embedded_aws.scan()
    assert ("SuspendedServed", tenant(SUSPENDED)) in findings(embedded_aws)

    assert tenant(SUSPENDED) in embedded_aws.scan()["started"]

    eventually(lambda: embedded_aws.get(host).status_code == 503, "the site to be closed", 15)
    assert embedded_aws.settled(tenant(SUSPENDED), 2)["status"] == "SUSPENDED"
    assert ("SuspendedServed", tenant(SUSPENDED)) in told(embedded_aws, "DriftDetected")


def test_a_table_that_can_not_be_read_is_no_empty_one(embedded_aws: EmbeddedAws, fleet: None) -> None:
    client, name = embedded_aws.client("lambda"), "fluxion-reconcile"
    settings = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    before = findings(embedded_aws)
    remove_alias(embedded_aws, "sin-alias")
    try:
        elsewhere = {"Variables": {**settings, "TENANTS_TABLE": "none"}}
        client.update_function_configuration(FunctionName=name, Environment=elsewhere)
        with pytest.raises(AssertionError, match="AccessDenied"):
            embedded_aws.scan()
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": settings})

    assert findings(embedded_aws) == before
    assert embedded_aws.host(tenant("sin-alias")) not in embedded_aws.aliases()
    add_alias(embedded_aws, "sin-alias")

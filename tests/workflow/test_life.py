"""A tenant's whole life: live, changed, suspended, resumed, removed, back in time, removed for good, back again with
the rows that it had, removed again, and forgotten. At each step all that there is of it, and what was told.

And a table that somebody empties.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.stages import way

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

WRITES = ("UpdateDistribution", "ChangeResourceRecordSets", "CreateInvalidation")


def answers(aws: EmbeddedAws, host: str, path: str, status: int) -> bool:
    return aws.get(host, path).status_code == status


def resources(aws: EmbeddedAws, tenant: str) -> tuple[set[str], bool, set[str]]:
    """(types of its records, whether it has its alias, its files' names)."""
    host = aws.host(tenant)
    return {kind for name, kind in aws.zone() if name == host}, host in aws.aliases(), set(aws.files(tenant))


def footprint(aws: EmbeddedAws, tenant: str) -> tuple[set[str], bool, int, list[str]]:
    """(types of its records, whether it has its alias, how many database files, its claims)."""
    records, alias, files = resources(aws, tenant)
    claims = [name for name in aws.left_over(tenant) if name.startswith("CLAIM#")]
    return records, alias, sum(name.endswith(".duckdb") for name in files), claims


LIVE = {"A", "AAAA"}, True, 1, ["CLAIM#vida-solo"]
GONE = set[str](), False, 0, ["CLAIM#vida-solo"]
"""The claim keeps the name from look-alikes."""


@contextmanager
def news(aws: EmbeddedAws, tenant: str) -> Iterator[list[str]]:
    """Types of the events that are recorded inside, in the order of the audit trail; there when it is over."""
    before = Counter(aws.outbox(tenant))
    found: list[str] = []
    yield found
    left = before.copy()
    for kind in aws.outbox(tenant):
        if left[kind]:
            left[kind] -= 1
        else:
            found.append(kind)


def next_run(aws: EmbeddedAws, tenant: str) -> Callable[[], dict[str, Any]]:
    """The record once the run after the present one has ended."""
    attempt = int(aws.record(tenant)["attempt"]) + 1
    return lambda: aws.settled(tenant, attempt)


@pytest.fixture(scope="module")
def tenant(embedded_aws: EmbeddedAws) -> str:
    """One tenant, which these tests take through its life in their order."""
    embedded_aws.onboard("vida-solo")
    assert footprint(embedded_aws, "vida-solo") == LIVE
    return "vida-solo"


def test_a_change_costs_no_write_of_what_stays_as_it_is(embedded_aws: EmbeddedAws, tenant: str) -> None:
    ended = next_run(embedded_aws, tenant)
    with embedded_aws.trail() as trail, news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant, name="Otro nombre")
        assert (ended()["status"], ended()["operation"]["kind"]) == ("ACTIVE", "update")

    assert trail.count("UpdateDistribution", "ChangeResourceRecordSets") == 0
    assert told == ["TenantClaimed", "DatabaseSeeded", "CacheInvalidated", "TenantVerified", "TenantUpdated"]
    assert footprint(embedded_aws, tenant) == LIVE
    host = embedded_aws.host(tenant)
    eventually(lambda: embedded_aws.get(host).json().get("name") == "Otro nombre", "the new name", 10)


def test_a_suspension_is_seen_within_five_seconds_even_by_the_edge_s_cache(
    embedded_aws: EmbeddedAws, tenant: str
) -> None:
    host = embedded_aws.host(tenant)
    before, ended = resources(embedded_aws, tenant), next_run(embedded_aws, tenant)
    assert answers(embedded_aws, host, "/api/tenant", 200)

    with embedded_aws.trail() as trail, news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant, desired_state="suspended")
        for path in ("/api/none", "/api/tenant"):
            eventually(partial(answers, embedded_aws, host, path, 503), f"503 from {path}", 5)
        assert ended()["status"] == "SUSPENDED"

    assert answers(embedded_aws, host, "/api/tenant", 503), "and it stays so"
    assert trail.count("CreateInvalidation") == 1
    assert trail.count("UpdateDistribution", "ChangeResourceRecordSets") == 0
    states = embedded_aws.states(embedded_aws.executions(tenant)[0]["executionArn"])
    assert states[:5] == ["ClaimTenant", "IsTenantWanted", "SuspendTenant", "WaitForBackends", "AttachCname"]
    assert told == ["TenantClaimed", "DatabaseSeeded", "CacheInvalidated", "TenantVerified", "TenantSuspended"]
    assert resources(embedded_aws, tenant) == before
    assert footprint(embedded_aws, tenant) == LIVE


def test_a_resumed_tenant_is_served_again(embedded_aws: EmbeddedAws, tenant: str) -> None:
    ended = next_run(embedded_aws, tenant)
    with news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant)
        record = ended()

    assert (record["status"], record["operation"]["kind"]) == ("ACTIVE", "resume")
    eventually(partial(answers, embedded_aws, embedded_aws.host(tenant), "/api/tenant", 200), "the site", 5)
    assert told == ["TenantClaimed", "DatabaseSeeded", "CacheInvalidated", "TenantVerified", "TenantResumed"]
    assert footprint(embedded_aws, tenant) == LIVE


def test_an_item_that_is_back_in_time_leaves_nothing_to_do(embedded_aws: EmbeddedAws, tenant: str) -> None:
    before = resources(embedded_aws, tenant)
    embedded_aws.remove(tenant)
    assert embedded_aws.held(tenant)["status"] == "ACTIVE"
    assert footprint(embedded_aws, tenant) == LIVE

    ended = next_run(embedded_aws, tenant)
    with embedded_aws.trail() as trail, news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant)
        record = ended()

    assert (record["status"], record["operation"]["state"], "due_at" in record) == ("ACTIVE", "SUCCEEDED", False)
    assert trail.count(*WRITES) == 0
    assert told == ["TenantClaimed", "TenantVerified", "TenantUpdated"]
    assert resources(embedded_aws, tenant) == before
    assert footprint(embedded_aws, tenant) == LIVE


def test_a_removed_tenant_is_taken_down_and_its_rows_are_in_the_archive(
    embedded_aws: EmbeddedAws, tenant: str, tmp_path: Path
) -> None:
    host = embedded_aws.host(tenant)
    with embedded_aws.databases().open(tenant, "write") as connection:
        connection.execute("INSERT INTO settings VALUES (?, 'secret', '\"rosa\"', now()::TIMESTAMP)", [tenant])
        kept = connection.execute("FROM settings").fetchall()
    embedded_aws.remove(tenant)
    embedded_aws.past_due(tenant)

    with embedded_aws.trail() as trail, news(embedded_aws, tenant) as told:
        embedded_aws.reconcile()
        eventually(lambda: embedded_aws.record(tenant)["status"] == "OFFBOARDED", "the end")

    writes = [call["operation"] for call in trail.calls if call["operation"] in WRITES]
    assert writes == ["ChangeResourceRecordSets", "UpdateDistribution", "CreateInvalidation"]
    assert embedded_aws.states(embedded_aws.executions(tenant, "Offboard")[0]["executionArn"]) == way("offboard_tenant")
    assert resources(embedded_aws, tenant) == (set(), False, set())
    assert embedded_aws.left_over(tenant) == ["CLAIM#vida-solo"]
    assert answers(embedded_aws, host, "/api/tenant", 404)
    assert Counter(told) == Counter(
        [
            *("DnsRecordsDeleted", "CnameDetached", "DatabaseArchived"),
            *("CacheInvalidated", "HostnameReleased", "TenantOffboarded"),
        ]
    )
    assert footprint(embedded_aws, tenant) == GONE
    record = embedded_aws.record(tenant)
    assert not {"lease", "live_since", "database_path", "due_at"} & set(record)
    assert archived_rows(embedded_aws, record["archive"]["folder"], "settings", tmp_path) == kept


def archived_rows(aws: EmbeddedAws, folder: str, table: str, space: Path) -> list[tuple[Any, ...]]:
    s3, bucket = aws.client("s3"), aws.archive_bucket
    file = aws.manifest(folder)["tables"][table]["file"]
    content = s3.get_object(Bucket=bucket, Key=f"{folder}/{file}")["Body"].read()
    (space / "rows.parquet").write_bytes(content)
    with duckdb.connect() as connection:
        return connection.read_parquet(str(space / "rows.parquet")).fetchall()


def test_a_confusable_name_does_not_get_the_name_before_the_cool_down_is_over(
    embedded_aws: EmbeddedAws, tenant: str
) -> None:
    embedded_aws.insert("vida-s0lo")

    record = embedded_aws.settled("vida-s0lo")

    assert (record["status"], record["last_error"]["code"]) == ("FAILED", "NameClaimedByOther")
    assert tenant in record["last_error"]["message"]


def test_who_comes_back_begins_anew(embedded_aws: EmbeddedAws, tenant: str) -> None:
    gone, ended = embedded_aws.record(tenant), next_run(embedded_aws, tenant)
    with news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant)
        record = ended()

    assert (record["status"], record["operation"]["kind"]) == ("ACTIVE", "onboard")
    assert record["generation"] > gone["generation"]
    assert f"{record['database_path'].removesuffix('.duckdb')}" != gone["archive"]["folder"]
    with embedded_aws.databases().open(tenant, "read") as connection:
        assert connection.execute("FROM settings").fetchall() == []
    assert answers(embedded_aws, embedded_aws.host(tenant), "/api/tenant", 200)
    assert told == [
        *("TenantClaimed", "CnameAttached", "DnsRecordsCreated", "DatabaseSeeded"),
        *("CacheInvalidated", "TenantVerified", "TenantActivated"),
    ]
    assert footprint(embedded_aws, tenant) == LIVE


def test_the_rows_of_its_former_life_come_back(embedded_aws: EmbeddedAws, tenant: str) -> None:
    archive, ended = embedded_aws.record(tenant)["archive"]["folder"], next_run(embedded_aws, tenant)
    with embedded_aws.trail() as trail, news(embedded_aws, tenant) as told:
        embedded_aws.insert(tenant, restore={"archive": archive, "asked_at": "2026-11-24T12:00:00Z"})
        assert ended()["status"] == "ACTIVE"

    with embedded_aws.databases().open(tenant, "read") as connection:
        products = connection.execute("SELECT count(*) FROM products").fetchone()
    assert products
    assert products[0] == embedded_aws.manifest(archive)["tables"]["products"]["rows"]
    assert trail.count("UpdateDistribution", "ChangeResourceRecordSets") == 0
    assert told == ["TenantClaimed", "DatabaseSeeded", "TenantVerified", "TenantUpdated"]
    assert footprint(embedded_aws, tenant) == LIVE


def test_who_leaves_again_can_be_forgotten(embedded_aws: EmbeddedAws, tenant: str) -> None:
    embedded_aws.take_down([tenant])
    order = {"tenant_id": tenant, "stage": "PurgeDatabase", "execution_arn": "", "requested_by": "ana", "request": "1"}

    embedded_aws.invoke("fluxion-tenant-database", order)

    assert embedded_aws.outbox(tenant) == ["TenantPurged"]
    assert footprint(embedded_aws, tenant) == GONE
    left = embedded_aws.client("s3").list_object_versions(Bucket=embedded_aws.archive_bucket, Prefix=f"{tenant}/")
    assert not left.get("Versions")


# --- a table that somebody empties ------------------------------------------------------------------------------------

FLEET = [f"masa-{number:02d}" for number in range(60)]
REMOVED, STAYING = FLEET[:30], FLEET[30:]


@pytest.fixture(scope="module")
def fleet(embedded_aws: EmbeddedAws) -> Iterator[None]:
    """Sixty live tenants, which leave room for others on the distribution when they are not needed any more."""
    embedded_aws.onboard_all(FLEET)
    yield
    embedded_aws.take_down(STAYING)


def statuses(aws: EmbeddedAws, tenants: list[str]) -> set[str]:
    return {aws.record(tenant)["status"] for tenant in tenants}


def empty_half(aws: EmbeddedAws) -> None:
    """Thirty items go within a moment, and their grace period is over."""
    for tenant in REMOVED:
        aws.remove(tenant)
    aws.past_due(*REMOVED)
    aws.reconcile()
    aws.reconcile()
    assert {aws.record(tenant)["due_for"] for tenant in REMOVED} == {"confirmation"}


def test_removals_of_half_the_fleet_take_no_site_down(embedded_aws: EmbeddedAws, fleet: None) -> None:
    with embedded_aws.trail() as trail:
        empty_half(embedded_aws)
        time.sleep(1)

    assert statuses(embedded_aws, FLEET) == {"ACTIVE"}
    assert all(answers(embedded_aws, embedded_aws.host(tenant), "/api/tenant", 200) for tenant in REMOVED)
    assert trail.count("UpdateDistribution", "ChangeResourceRecordSets") == 0


def test_items_that_are_back_leave_nothing_to_do(embedded_aws: EmbeddedAws, fleet: None) -> None:
    attempts = {tenant: int(embedded_aws.record(tenant)["attempt"]) for tenant in REMOVED}
    with embedded_aws.trail() as trail:
        for tenant in REMOVED:
            embedded_aws.insert(tenant)
        for tenant in REMOVED:
            embedded_aws.settled(tenant, attempts[tenant] + 1)

    assert trail.count(*WRITES) == 0
    assert statuses(embedded_aws, FLEET) == {"ACTIVE"}
    assert not any("due_for" in embedded_aws.record(tenant) for tenant in REMOVED)


def test_a_confirmation_takes_down_exactly_those_that_were_removed(embedded_aws: EmbeddedAws, fleet: None) -> None:
    empty_half(embedded_aws)

    embedded_aws.confirm_removals(REMOVED)

    assert statuses(embedded_aws, STAYING) == {"ACTIVE"}
    assert {embedded_aws.record(tenant)["confirmed_by"] for tenant in REMOVED} == {"ana"}
    hosts = {name for name, _ in embedded_aws.zone()}
    assert {tenant for tenant in FLEET if embedded_aws.host(tenant) not in hosts} == set(REMOVED)

"""Two writers of one distribution and one zone at the same moment: nothing lost, nothing doubled.

A stream's shard may split, and then two batches are in flight. Here the request tables' streams are stopped, two
hundred tenants are claimed and wait, and their requests are handed to two invocations of the deployed function at once,
half to each. Afterwards some come to both once more, since a stream may repeat itself.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config

from local_aws.client import Faults
from local_aws.quotas import Quotas

from .conftest import stack_of_its_own
from .embedded import EmbeddedAws, Trail, eventually

pytestmark = [pytest.mark.embedded_aws, pytest.mark.slow]

TENANTS = [f"doble-{number:03d}" for number in range(200)]
SHARES = [set(TENANTS[:100]), set(TENANTS[100:])]
REPEATED = set(TENANTS[80:120])
WRITERS = {"fluxion-cdn-aliases": "UpdateDistribution", "fluxion-dns-records": "ChangeResourceRecordSets"}
QUOTAS = Quotas(scale=100, aliases=300, distribution_update_burst=100)
ON_ITS_WAY = 3.0  # seconds that the first two writes take, so that both writers have read before either has written


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """A stack of its own: on the shared one a distribution has room for a hundred aliases."""
    with stack_of_its_own(quotas=QUOTAS) as aws:
        yield aws


@pytest.fixture(scope="module")
def trails(aws: EmbeddedAws) -> dict[str, Trail]:
    """All two hundred through both stages, two writers each; what was called meanwhile, by the writer's operation."""
    tables = {function: stop_stream(aws, function) for function in WRITERS}
    aws.client("lambda").put_function_concurrency(
        FunctionName="fluxion-tenant-database", ReservedConcurrentExecutions=0
    )  # what comes after these two stages is not wanted here
    with aws.tenants.batch_writer() as batch:
        for tenant in TENANTS:
            batch.put_item(Item={"tenant_id": tenant, "name": f"Mercado {tenant}"})
    found = {}
    faults = Faults(aws.environment["FLUXION_FAULTS"])
    for function, operation in WRITERS.items():
        records = eventually(lambda table=tables[function]: requests(aws, table), f"all wait for {function}")
        shares = [[record for record in records if tenant_of(record) in share] for share in SHARES]
        with aws.trail() as trail, faults.rule(operation=operation, latency_seconds=ON_ITS_WAY, times=2):
            at_once(aws, function, shares)
            at_once(aws, function, [[record for record in records if tenant_of(record) in REPEATED]] * 2)
        found[operation] = trail
    return found


def stop_stream(aws: EmbeddedAws, function: str) -> str:
    """Nothing is delivered to the function any more; returns the name of its request table."""
    client = aws.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    return str(mapping["EventSourceArn"].split("/")[1])


def requests(aws: EmbeddedAws, table: str) -> list[dict[str, Any]]:
    """The table's rows as records of its stream, once every tenant has one."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    images = [item for page in pages for item in page["Items"]]
    if len(images) < len(TENANTS):
        return []
    return [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number:021d}", "NewImage": image}}
        for number, image in enumerate(images)
    ]


def tenant_of(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["NewImage"]["tenant_id"]["S"])


def at_once(aws: EmbeddedAws, function: str, shares: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Invoke the function with each share at the same moment; what it reports as failed comes again."""
    client = aws.client("lambda", config=Config(read_timeout=120, retries={"total_max_attempts": 1}))

    def deliver(records: Sequence[dict[str, Any]]) -> None:
        while records:
            answer = client.invoke(FunctionName=function, Payload=json.dumps({"Records": records}).encode())
            body = json.loads(answer["Payload"].read())
            assert "FunctionError" not in answer, body
            again = {failure["itemIdentifier"] for failure in body["batchItemFailures"]}
            records = [record for record in records if record["dynamodb"]["SequenceNumber"] in again]

    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(deliver, shares))


@pytest.fixture(scope="module")
def items(aws: EmbeddedAws, trails: dict[str, Trail]) -> list[dict[str, Any]]:
    """Everything that is on record, when both stages are over."""
    return [item for item in aws.everything() if item["pk"].startswith("TENANT#")]


def test_both_wrote_at_once(trails: dict[str, Trail]) -> None:
    """The test of the test: each stage was a race, and somebody lost it."""
    refused = [call.get("error") for call in trails["UpdateDistribution"].calls]
    assert "PreconditionFailed" in refused
    refused = [call.get("error") for call in trails["ChangeResourceRecordSets"].calls]
    assert "PriorRequestNotComplete" in refused or "InvalidChangeBatch" in refused


def test_every_alias_is_there_once(aws: EmbeddedAws, trails: dict[str, Trail]) -> None:
    found = Counter(alias for alias in aws.aliases() if alias.startswith("doble-"))
    assert found == Counter(map(aws.host, TENANTS))


def test_every_record_is_there_once(aws: EmbeddedAws, trails: dict[str, Trail]) -> None:
    found = Counter(name for name, _ in aws.zone() if name.startswith("doble-"))
    assert found == {aws.host(tenant): 2 for tenant in TENANTS}, "A and AAAA"


@pytest.mark.parametrize("kind", ["CnameAttached", "DnsRecordsCreated"])
def test_every_tenant_has_one_event_of_the_stage(items: list[dict[str, Any]], kind: str) -> None:
    found = Counter(item["tenant_id"] for item in items if item.get("type") == kind)
    assert found == Counter(TENANTS)


def test_every_effect_is_on_record_as_done(items: list[dict[str, Any]]) -> None:
    found = Counter((item["sk"], item["state"]) for item in items if item["sk"].startswith("EFFECT#"))
    assert found == {("EFFECT#cdn_aliases", "DONE"): len(TENANTS), ("EFFECT#dns_records", "DONE"): len(TENANTS)}


def test_nobody_is_told_of_a_failure(items: list[dict[str, Any]]) -> None:
    assert [item["last_error"] for item in items if item.get("last_error")] == []

"""AWS's quotas: what is beyond them is refused or waits, each as AWS does it. On emulators with small quotas."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.quotas import Quotas

from .case import case
from .cloud import Cloud, unique, until
from .emulator import Emulator
from .test_cloudfront import Edge
from .test_route53 import Zone, record
from .test_streams import batches, function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

THROTTLED = ("Throttling", 400, "Rate exceeded")
quota = partial(case, bridge="quotas", on_aws=False, why_not="would use up the account's own quota")

SMALL = Quotas(
    zone_change_burst=10,
    zone_changes_per_second=20,
    zone_busy_seconds=0.4,
    zone_records=8,
    distribution_updates_per_second=3,
    deploy_seconds=0.6,
    aliases=3,
    distribution_tenant_burst=1,
    distribution_tenants_per_second=3,
    invalidations_per_second=10,
    wildcard_invalidations_per_second=2,
    invalidations_in_progress=15,
    invalidation_seconds=1.2,
    start_burst=5,
    starts_per_second=4,
    transition_burst=4,
    transitions_per_second=10,
    task_answer_burst=3,
    task_answers_per_second=2,
    concurrent_executions=2,
    emails_per_second=5,
)
TEN_TIMES_FASTER = Quotas(
    scale=10,
    zone_request_burst=6,
    zone_requests_per_second=0.6,
    insync_seconds=5,
    update_distribution_seconds=40,  # the cases' emulators take a tenth of the time that calls take
    distribution_update_burst=10,
)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, bridges_off: str) -> Iterator[Callable[[Quotas], Emulator]]:
    """The emulator that keeps to these quotas."""
    running: dict[Quotas, Emulator] = {}

    def start(quotas: Quotas) -> Emulator:
        if quotas not in running:
            options = ("--quotas", quotas.to_json(), "--off", bridges_off)
            running[quotas] = Emulator(tmp_path_factory.mktemp("limited"), *options)
        return running[quotas]

    yield start
    for emulator in running.values():
        emulator.stop()


@pytest.fixture
def small(limited: Callable[[Quotas], Emulator]) -> Emulator:
    return limited(SMALL)


@pytest.fixture
def cloud(small: Emulator) -> Cloud:
    return Cloud(small.client)


@pytest.fixture
def zones(small: Emulator) -> list[Zone]:
    time.sleep(0.5)  # the account's changes are there again
    return [Zone(small.client("route53"), f"{unique('zone')}.test") for _ in range(2)]


def refusal(call: Callable[[], Any]) -> tuple[str, int, str]:
    """(code, HTTP status, message) that the call is refused with."""
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def refusals(calls: int, *kinds: Callable[[], Any]) -> Counter[tuple[str, int, str]]:
    """What those of so many calls in a row get that are refused; kinds take turns."""
    found: Counter[tuple[str, int, str]] = Counter()
    for number in range(calls):
        try:
            kinds[number % len(kinds)]()
        except ClientError as error:
            answer = error.response
            found[
                answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]
            ] += 1
    return found


# ---- Route 53 ----


@quota(
    "an account's requests beyond its bucket are Throttling, as HTTP 400, until it fills again",
    source="Route 53 Developer Guide, Throttling for Amazon Route 53 API requests",
)
def test_requests_beyond_the_accounts_bucket_are_throttled(limited: Callable[[Quotas], Emulator]) -> None:
    client = limited(TEN_TIMES_FASTER).client("route53")
    time.sleep(1.0)
    refused = refusals(14, client.list_hosted_zones, client.list_health_checks)
    assert set(refused) == {THROTTLED}
    assert 2 <= refused.total() <= 8, "six pass at once, and those for which there was time"
    time.sleep(0.3)
    client.list_hosted_zones()


@quota(
    "an account's changes of records beyond its bucket are Throttling; an UPSERT counts as two",
    source="Route 53 Developer Guide, Throttling for Amazon Route 53 API requests, change throughput",
)
def test_changes_beyond_the_accounts_bucket_are_throttled(zones: list[Zone]) -> None:
    upserts = [record("UPSERT", f"n{number}.{zones[0].name}") for number in range(5)]
    zones[0].change(*upserts)  # ten of ten
    creations = [record("CREATE", f"n{number}.{zones[1].name}") for number in range(6)]
    assert refusal(lambda: zones[1].change(*creations)) == THROTTLED
    assert len(zones[1].records()) == 2, "a throttled change has no effect"
    time.sleep(0.4)
    zones[1].change(*creations)


@quota(
    "a zone that still works on the last request answers PriorRequestNotComplete, as HTTP 400",
    source="Route 53 API Reference, ChangeResourceRecordSets, PriorRequestNotComplete",
    still_different="For a moment that is configured; AWS takes as long as it takes.",
)
def test_a_busy_zone_refuses_the_next_request(zones: list[Zone]) -> None:
    zone, other = zones
    zone.change(record("CREATE", f"a.{zone.name}"))
    code, status, _ = refusal(lambda: zone.change(record("CREATE", f"b.{zone.name}")))
    assert (code, status) == ("PriorRequestNotComplete", 400)
    other.change(record("CREATE", f"a.{other.name}"))
    time.sleep(0.4)
    zone.change(record("CREATE", f"b.{zone.name}"))


@quota(
    "a zone takes no more record sets than its quota; the whole batch is refused",
    source="Route 53 Developer Guide, Quotas, Records per hosted zone",
    still_different="Assumed to be InvalidChangeBatch: AWS publishes neither the code nor the words.",
)
def test_a_full_zone_takes_no_more_records(zones: list[Zone]) -> None:
    zone = zones[0]
    zone.change(*[record("CREATE", f"n{number}.{zone.name}") for number in range(6)])  # beside its NS and SOA
    time.sleep(0.4)
    assert "limit of 8 exceeded" in zone.refused(record("CREATE", f"more.{zone.name}"))
    zone.change(record("DELETE", f"n0.{zone.name}"), record("CREATE", f"more.{zone.name}"))


@quota(
    "a change is in sync when the configured time is over, in the emulator's own time",
    source="Route 53 API Reference, GetChange, ChangeInfo",
    still_different="5 s that pass ten times faster; AWS says generally within 60 s.",
)
def test_a_change_is_in_sync_after_its_scaled_time(limited: Callable[[Quotas], Emulator]) -> None:
    client = limited(TEN_TIMES_FASTER).client("route53")
    time.sleep(0.7)  # there are four requests again
    zone = Zone(client, f"{unique('zone')}.test")
    change = zone.change(record("CREATE", f"a.{zone.name}"))["ChangeInfo"]
    assert client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "PENDING"
    time.sleep(0.5)
    assert client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC"


# ---- CloudFront ----


@pytest.fixture
def edge(cloud: Cloud) -> Edge:
    time.sleep(0.35)  # an update is there again
    return Edge(cloud)


@quota(
    "updates of distributions beyond the account's rate are Throttling, and change nothing",
    source="CloudFront API Reference, Common Errors, Throttling",
    still_different="AWS publishes no rate; one that somebody met is configured.",
)
def test_updates_beyond_the_rate_are_throttled(edge: Edge) -> None:
    distribution = edge.deploy(f"a.{edge.base}")
    edge.update(distribution, lambda config: config.update(Comment="first"))
    again = partial(edge.update, distribution, lambda config: config.update(Comment="second"))
    assert refusal(again) == THROTTLED
    assert edge.get(distribution)[0]["Comment"] == "first"
    time.sleep(0.35)
    again()


@quota(
    "an update takes its time, and until then reads give the configuration and the ETag of before",
    source="CloudFront API Reference, UpdateDistribution, PreconditionFailed",
    still_different="0.3 s unless configured; AWS takes longer or shorter.",
)
def test_two_that_read_the_same_configuration_cannot_both_write_it(limited: Callable[[Quotas], Emulator]) -> None:
    edge = Edge(Cloud(limited(TEN_TIMES_FASTER).client))
    distribution = edge.deploy(f"a.{edge.base}")
    _, before = edge.get(distribution)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(edge.update, distribution, lambda config: config.update(Comment="first"))
        time.sleep(0.2)
        assert edge.get(distribution)[1] == before, "the first is under way"
        second = pool.submit(edge.update, distribution, lambda config: config.update(Comment="second"))
        first.result()
        assert refusal(second.result)[:2] == ("PreconditionFailed", 412)
    assert edge.get(distribution)[0]["Comment"] == "first"


@quota(
    "a distribution's change is deployed when the configured time is over",
    source="CloudFront API Reference, GetDistribution, Status, InProgress",
    still_different="AWS publishes no time; some minutes are usual.",
)
def test_a_change_is_deployed_after_its_time(edge: Edge) -> None:
    distribution = edge.deploy(f"a.{edge.base}")
    made = edge.update(distribution, lambda config: config.update(Comment="new"))
    assert made["Distribution"]["Status"] == "InProgress"
    time.sleep(0.7)
    assert edge.client.get_distribution(Id=distribution)["Distribution"]["Status"] == "Deployed"


@quota(
    "a distribution takes no more aliases than the account's quota",
    source="CloudFront Developer Guide, Quotas, Alternate domain names (CNAMEs) per distribution",
)
def test_aliases_are_counted_against_the_accounts_quota(edge: Edge) -> None:
    names = [f"{name}.{edge.base}" for name in "abcd"]
    distribution = edge.deploy(*names[:3])
    assert refusal(lambda: edge.alias(distribution, names[3]))[:2] == ("TooManyDistributionCNAMEs", 400)


@quota(
    "CreateDistributionTenant beyond the account's rate is Throttling, before anything else is looked at",
    source="CloudFront API Reference, Common Errors, Throttling",
    still_different="AWS publishes no rate.",
)
def test_distribution_tenants_beyond_the_rate_are_throttled(small: Emulator) -> None:
    client = small.client("cloudfront")
    domains = [{"Domain": "apple.test"}]
    create = partial(client.create_distribution_tenant, DistributionId="E0", Name="apple", Domains=domains)
    assert refusal(create)[0] == "EntityNotFound"
    assert THROTTLED in [refusal(create) for _ in range(5)], "on a busy machine one call alone may come late enough"
    time.sleep(0.35)
    assert refusal(create)[0] == "EntityNotFound"


def invalidate(edge: Edge, distribution: str, *items: str) -> Any:
    batch = {"Paths": {"Quantity": len(items), "Items": list(items)}, "CallerReference": unique("once")}
    return edge.client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


@quota(
    "so many paths and tags may be invalidated in a second, and so many wildcards; more are Throttling",
    source="CloudFront Developer Guide, Quotas on invalidations",
    still_different="Throttling is assumed: AWS does not say how it refuses a rate.",
)
def test_invalidations_beyond_the_rate_are_throttled(edge: Edge) -> None:
    distribution = edge.deploy(f"a.{edge.base}")
    invalidate(edge, distribution, *[f"#shop:{number}" for number in range(9)])
    more = partial(invalidate, edge, distribution, "/one", "/two", "/three", "/four", "/five", "/six")
    assert refusal(more) == THROTTLED
    invalidate(edge, distribution, "/a/*", "/b/*")  # are counted on their own
    assert refusal(lambda: invalidate(edge, distribution, "/c/*"))[0] == "Throttling"
    time.sleep(0.5)
    more()


@quota(
    "so many paths and tags may be under way at once; more are TooManyInvalidationsInProgress until some are done",
    source="CloudFront API Reference, CreateInvalidation, TooManyInvalidationsInProgress",
)
def test_invalidations_beyond_what_may_be_under_way_are_refused(edge: Edge) -> None:
    distribution = edge.deploy(f"a.{edge.base}")
    tags = [f"#shop:{number}" for number in range(8)]
    time.sleep(0.5)
    invalidate(edge, distribution, *tags)
    time.sleep(0.7)  # the rate allows as many again
    code, status, _ = refusal(lambda: invalidate(edge, distribution, *tags))
    assert (code, status) == ("TooManyInvalidationsInProgress", 400)
    time.sleep(0.7)
    invalidate(edge, distribution, *tags)


# ---- Step Functions ----


@quota(
    "starts beyond the account's bucket are ThrottlingException, as HTTP 400, until it fills again",
    source="Step Functions Developer Guide, Quotas, API action throttling",
)
def test_starts_beyond_the_bucket_are_throttled(cloud: Cloud) -> None:
    machine = cloud.machine({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    start = partial(cloud.aws("stepfunctions").start_execution, stateMachineArn=machine)
    refused = refusals(12, start)
    assert set(refused) == {("ThrottlingException", 400, "Rate exceeded")}
    assert 2 <= refused.total() <= 7, "five pass at once, and those for which there was time"
    time.sleep(0.3)
    start()


@quota(
    "answers to tasks beyond their bucket are ThrottlingException; success and failure have one each",
    source="Step Functions Developer Guide, Quotas, Other quotas, SendTaskSuccess",
)
def test_answers_to_tasks_beyond_their_bucket_are_throttled(cloud: Cloud) -> None:
    client = cloud.aws("stepfunctions")
    succeed = partial(client.send_task_success, taskToken="none", output="{}")
    codes = [code for code, _, _ in refusals(6, succeed).elements()]
    assert set(codes) == {"InvalidToken", "ThrottlingException"}
    assert codes.count("InvalidToken") >= 3
    assert refusal(partial(client.send_task_failure, taskToken="none"))[0] == "InvalidToken"
    time.sleep(0.5)
    assert refusal(succeed)[0] == "InvalidToken"


@quota(
    "state transitions beyond the account's bucket wait, and no execution fails for it",
    source="Step Functions Developer Guide, Quotas, State throttling",
)
def test_transitions_beyond_the_bucket_wait(cloud: Cloud) -> None:
    steps = [f"Step{number}" for number in range(12)]
    states = {name: {"Type": "Pass", "Next": following} for name, following in pairwise([*steps, "Done"])}
    machine = cloud.machine({"StartAt": "Step0", "States": states | {"Done": {"Type": "Succeed"}}})
    time.sleep(0.5)
    ended = cloud.run(machine)
    assert ended["status"] == "SUCCEEDED"
    history = cloud.aws("stepfunctions").get_execution_history(executionArn=ended["executionArn"], maxResults=100)
    entered = [event["timestamp"] for event in history["events"] if event["type"].endswith("StateEntered")]
    assert len(entered) == 13
    assert (entered[-1] - entered[0]).total_seconds() == pytest.approx(0.9, abs=0.25)  # 13 less 4 at once, 10 a second


# ---- Lambda, SNS ----


@quota(
    "invocations at once beyond the account's quota are TooManyRequestsException; event sources try again",
    source="Lambda Developer Guide, Understanding Lambda function scaling, account concurrency",
    still_different="A call that waits for one of the few processes of its function counts as running.",
)
def test_invocations_beyond_the_accounts_concurrency_are_throttled(cloud: Cloud, notes: Path) -> None:
    sleeper = cloud.function("import time\n\ndef handler(event, context):\n    time.sleep(1.2)\n")
    table, stream = cloud.table()
    cloud.mapping(function(cloud, notes, "pass"), stream)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(cloud.invoke, sleeper) for _ in range(2)]
        time.sleep(0.4)
        with pytest.raises(ClientError, match=r"Rate Exceeded\.") as refused:
            cloud.invoke(sleeper)
        cloud.put(table, "apple", 1)
        time.sleep(0.4)
        assert batches(notes) == [], "the event source waits"
        assert [call.result() for call in running] == [(None, None)] * 2
    answer = refused.value.response
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert len(until(lambda: batches(notes))) == 1


@quota(
    "a subscriber gets at most so many e-mails a second; none is lost",
    source="SNS Developer Guide, Email notification setup; Quotas, email delivery rate",
    still_different="More are late; AWS suspends a subscription that gets more than ten a second.",
)
def test_emails_are_spaced(cloud: Cloud, small: Emulator) -> None:
    topic = cloud.aws("sns").create_topic(Name="failures")["TopicArn"]
    cloud.aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    for number in range(4):
        cloud.aws("sns").publish(TopicArn=topic, Subject=str(number), Message="x")
    folder = small.state / "mail" / "new"
    mails = until(lambda: len(found := list(folder.glob("*.eml"))) == 4 and found)
    arrived = sorted(mail.stat().st_mtime for mail in mails)
    assert all(later - earlier > 0.18 for earlier, later in pairwise(arrived))

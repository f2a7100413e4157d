"""Faults over HTTP, each kind shown on a running embedded AWS."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from local_aws.client import Faults, RuleRefused
from local_aws.gateway.bucket import Bucket
from local_aws.gateway.fault_rules import parse
from local_aws.tests.conformance.cloud import Cloud
from local_aws.tests.conformance.emulator import Emulator

THROTTLED = {"code": "Throttling", "message": "Rate exceeded"}
PACKAGES = str(Path(boto3.__file__).parents[1])


def code_of(call: Callable[[], Any]) -> tuple[str, int]:
    """(error code, HTTP status) that the SDK raises."""
    with pytest.raises(ClientError) as refused:
        call()
    return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


# ---- each kind ----

CALLS: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("dynamodb", "ListTables", lambda client: client.list_tables()),
    ("stepfunctions", "ListStateMachines", lambda client: client.list_state_machines()),
    ("sqs", "ListQueues", lambda client: client.list_queues()),
    ("sns", "ListTopics", lambda client: client.list_topics()),
    ("cloudformation", "ListStacks", lambda client: client.list_stacks()),
    ("route53", "ListHostedZones", lambda client: client.list_hosted_zones()),
    ("cloudfront", "ListDistributions", lambda client: client.list_distributions()),
    ("s3", "ListBuckets", lambda client: client.list_buckets()),
    ("lambda", "ListFunctions", lambda client: client.list_functions()),
    ("cloudwatch", "ListMetrics", lambda client: client.list_metrics()),
]


@pytest.mark.parametrize(("service", "operation", "call"), CALLS, ids=[service for service, _, _ in CALLS])
def test_an_error_arrives_under_its_code_in_every_protocol(
    aws: Callable[[str], Any], faults: Faults, service: str, operation: str, call: Callable[[Any], Any]
) -> None:
    with faults.rule(
        service, operation, error={"code": "SlowDown", "message": "Why <so> fast?", "status": 503}
    ) as rule:
        with pytest.raises(ClientError, match="Why <so> fast") as refused:
            call(aws(service))
        assert refused.value.response["Error"]["Code"] == "SlowDown"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert rule.hits == 1
    call(aws(service))


def test_the_status_is_the_models_unless_the_rule_says_another(aws: Callable[[str], Any], faults: Faults) -> None:
    def update() -> Any:
        return aws("cloudfront").get_distribution_config(Id="NONE")

    with faults.rule("cloudfront", "*", error={"code": "PreconditionFailed"}):
        assert code_of(update) == ("PreconditionFailed", 412)
    with faults.rule("cloudfront", "*", error={"code": "ServiceUnavailable"}):
        assert code_of(update) == ("ServiceUnavailable", 503)
    with faults.rule("cloudfront", "*", error={"code": "Throttling"}):
        assert code_of(update) == ("Throttling", 400)


def test_latency_delays_the_answer(aws: Callable[[str], Any], faults: Faults) -> None:
    with faults.rule("dynamodb", "ListTables", latency_seconds=0.3):
        began = time.monotonic()
        aws("dynamodb").list_tables()
        assert 0.3 <= time.monotonic() - began < 1


def test_calls_are_chosen_by_number(aws: Callable[[str], Any], faults: Faults) -> None:
    def outcomes(**when: Any) -> str:
        with faults.rule("sqs", "ListQueues", error=THROTTLED, **when):
            return "".join(outcome(lambda: aws("sqs").list_queues()) for _ in range(6))

    assert outcomes(nth=3) == "..x..."
    assert outcomes(nth=[1, 4]) == "x..x.."
    assert outcomes(times=2) == "xx...."
    assert outcomes(after=4) == "....xx"
    assert outcomes(after=1, times=2) == ".xx..."


def outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError:
        return "x"
    return "."


def test_chance_is_the_same_for_the_same_seed(aws: Callable[[str], Any], faults: Faults) -> None:
    def outcomes(seed: int) -> str:
        with faults.rule("sqs", "ListQueues", error=THROTTLED, probability=0.4, seed=seed):
            return "".join(outcome(lambda: aws("sqs").list_queues()) for _ in range(40))

    assert outcomes(7) == outcomes(7)
    assert outcomes(7) != outcomes(8)
    assert 5 < outcomes(7).count("x") < 28


def test_a_token_bucket_lets_a_burst_pass_and_then_its_rate(aws: Callable[[str], Any], faults: Faults) -> None:
    bucket = {"burst": 3, "rate": 4, "error": THROTTLED}
    with faults.rule("sqs", "ListQueues", token_bucket=bucket) as rule:
        assert [outcome(lambda: aws("sqs").list_queues()) for _ in range(4)] == [".", ".", ".", "x"]
        time.sleep(0.3)
        assert outcome(lambda: aws("sqs").list_queues()) == "."
        assert rule.seen == 5
        assert rule.hits == 1


@pytest.mark.parametrize(("moment", "there"), [("before", False), ("after", True)])
def test_a_timeout_loses_the_answer_before_or_after_the_effect(
    aws: Callable[[str], Any], emulator: Emulator, faults: Faults, moment: str, there: bool
) -> None:
    name = f"lost-{moment}"
    with faults.rule("sqs", "CreateQueue", timeout=moment), pytest.raises(ConnectionClosedError):
        aws("sqs").create_queue(QueueName=name)
    found = aws("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls", [])
    assert bool(found) is there
    line = next(line for line in emulator.trace() if str(line.get("fault", "")).endswith(f"timeout {moment}"))
    assert line["status"] == (200 if there else 0)


@pytest.mark.parametrize(("moment", "there"), [("before", False), ("after", True)])
def test_a_crash_kills_the_function_before_or_after_the_effect(
    aws: Callable[[str], Any], cloud: Cloud, faults: Faults, moment: str, there: bool
) -> None:
    queue = f"crash-{moment}"
    code = f"""
    import sys
    sys.path.append({PACKAGES!r})
    import botocore.session
    sqs = botocore.session.get_session().create_client("sqs")
    def handler(event, context):
        return sqs.create_queue(QueueName={queue!r})["QueueUrl"]
    """
    function = cloud.function(code, timeout=20)
    with faults.rule("sqs", "CreateQueue", crash=moment, times=1) as rule:
        aws("sqs").create_queue(QueueName=f"{queue}-mine")  # no function: not killed, not counted
        assert rule.seen == 0
        error, kind = cloud.invoke(function)
        assert (error["errorType"], kind) == ("Runtime.ExitError", "Unhandled")
        assert "signal: killed" in error["errorMessage"]
        found = aws("sqs").list_queues(QueueNamePrefix=queue)["QueueUrls"]
        assert (len(found) == 2) is there
        answer, kind = cloud.invoke(function)  # a new process
        assert kind is None, answer
        assert rule.hits == 1


def test_a_crash_spares_the_functions_other_environments(cloud: Cloud, faults: Faults) -> None:
    code = f"""
    import os, sys, time
    sys.path.append({PACKAGES!r})
    import botocore.session
    sqs = botocore.session.get_session().create_client("sqs")
    def handler(event, context):
        if event["wait"]:
            time.sleep(event["wait"])
            return os.getpid()
        return sqs.list_queues(QueueNamePrefix="spared").get("QueueUrls", [])
    """
    function = cloud.function(code, timeout=20)
    cloud.invoke(function, {"wait": 0})
    with ThreadPoolExecutor() as pool, faults.rule("sqs", "ListQueues", match="spared", crash="before"):
        waiting = pool.submit(cloud.invoke, function, {"wait": 3})
        time.sleep(0.5)
        assert cloud.invoke(function, {"wait": 0})[1] == "Unhandled"
        assert waiting.result()[1] is None


# ---- which calls ----


def test_a_rule_concerns_one_principal_and_what_it_asks_for(aws: Callable[[str], Any], faults: Faults) -> None:
    def ask(prefix: str) -> str:
        return outcome(lambda: aws("sqs").list_queues(QueueNamePrefix=prefix))

    with faults.rule("sqs", error=THROTTLED, principal="shop-*"):
        assert ask("apple") == "."
    with faults.rule("sqs", error=THROTTLED, principal="admin*", match="apple"):
        assert ask("apple") == "x"
        assert ask("molino") == "."
    with faults.rule("sns", "ListTopics", error=THROTTLED, match="NextToken=a b"):
        assert code_of(lambda: aws("sns").list_topics(NextToken="a b"))[0] == "Throttling"


def test_the_names_of_boto3_and_of_the_signature_are_one_service(aws: Callable[[str], Any], faults: Faults) -> None:
    for name in ("stepfunctions", "states"):
        with faults.rule(name, "ListStateMachines", error=THROTTLED):
            assert outcome(lambda: aws("stepfunctions").list_state_machines()) == "x"


def test_latencies_add_up_and_the_first_rule_that_ends_a_call_decides(
    aws: Callable[[str], Any], faults: Faults
) -> None:
    faults.add("sqs", latency_seconds=0.1)
    faults.add("sqs", latency_seconds=0.2, error={"code": "First"})
    last = faults.add("sqs", error={"code": "Second"})
    began = time.monotonic()
    assert code_of(lambda: aws("sqs").list_queues())[0] == "First"
    assert time.monotonic() - began >= 0.3
    assert last.seen == 0


def test_concurrent_calls_are_counted_once_each(aws: Callable[[str], Any], faults: Faults) -> None:
    with faults.rule("sqs", "ListQueues", error=THROTTLED, times=7) as rule, ThreadPoolExecutor(8) as pool:
        client = aws("sqs")
        outcomes = list(pool.map(lambda _: outcome(client.list_queues), range(40)))
        assert outcomes.count("x") == rule.hits == 7
        assert rule.seen == 40


# ---- what Step Functions calls itself ----


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"error": {"code": "ThrottlingException"}}, "DynamoDb.ThrottlingException"),
        ({"timeout": "before"}, "DynamoDb.SdkClientException"),
        ({"timeout": "after"}, "DynamoDb.SdkClientException"),
    ],
)
def test_a_state_machines_own_call_fails_by_the_same_rules(
    cloud: Cloud, faults: Faults, emulator: Emulator, fault: dict[str, Any], error: str
) -> None:
    table, _ = cloud.table()
    machine = cloud.machine(put_into(table, {"pk": {"S": "a"}, "sk": {"N": "1"}}))
    with faults.rule("dynamodb", "PutItem", match=table, **fault) as rule:
        ended = cloud.run(machine)
        assert (ended["status"], ended["error"], rule.hits) == ("FAILED", error, 1)
    written = cloud.aws("dynamodb").scan(TableName=table)["Count"]
    assert written == (fault.get("timeout") == "after")
    line = next(line for line in reversed(emulator.trace()) if line.get("via") == "states")
    assert line["fault"].startswith(f"{rule.id} ")
    assert cloud.run(machine)["status"] == "SUCCEEDED"


def put_into(table: str, item: dict[str, Any]) -> dict[str, Any]:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Arguments": {"TableName": table, "Item": item},
        "End": True,
    }
    return {"StartAt": "Put", "States": {"Put": state}}


def test_a_throttled_task_has_lambdas_name_for_it(cloud: Cloud, faults: Faults) -> None:
    function = cloud.function("def handler(event, context): return 1")
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function},
        "End": True,
    }
    machine = cloud.machine({"StartAt": "Call", "States": {"Call": state}})
    with faults.rule("lambda", "Invoke", error={"code": "TooManyRequestsException"}):
        assert cloud.run(machine)["error"] == "Lambda.TooManyRequestsException"
    assert cloud.run(machine)["status"] == "SUCCEEDED"


# ---- the HTTP interface ----


def test_rules_are_listed_with_what_they_did_and_removed(faults: Faults) -> None:
    first = faults.add("sqs", error=THROTTLED, times=2)
    second = faults.add("*", "*", latency_seconds=0.01, match="nobody asks for this")
    listed = faults.rules()
    assert [rule["id"] for rule in listed] == [first.id, second.id]
    assert listed[0] | {"id": 0} == {
        "id": 0,
        "service": "sqs",
        "operation": "*",
        "error": THROTTLED,
        "times": 2,
        "seen": 0,
        "hits": 0,
    }
    faults.clear(first.id)
    faults.clear(first.id)  # none is no error
    assert [rule["id"] for rule in faults.rules()] == [second.id]
    faults.clear()
    assert faults.rules() == []
    with pytest.raises(LookupError, match="no such rule"):
        _ = first.hits


BAD: list[tuple[dict[str, Any], str]] = [
    ({"service": "rout53", "operation": "*", "timeout": "after"}, "service 'rout53': is not known to boto3"),
    (
        {"service": "sqs", "operation": "listQueues", "timeout": "after"},
        "operation 'listQueues': is no operation of sqs",
    ),
    ({"operation": "*", "timeout": "after"}, "service None: is missing"),
    ({"service": "sqs", "operation": "*"}, "does nothing; give it error"),
    ({"service": "sqs", "operation": "*", "probability": 1.5, "timeout": "after"}, "probability 1.5: must be"),
    ({"service": "sqs", "operation": "*", "times": 0, "timeout": "after"}, "times 0: must be a whole number, 1"),
    ({"service": "sqs", "operation": "*", "nth": [1, "x"], "timeout": "after"}, "nth 'x': must be a whole number"),
    ({"service": "sqs", "operation": "*", "timeout": "during"}, "timeout 'during': must be `before` or `after`"),
    ({"service": "sqs", "operation": "*", "timeout": "after", "crash": "after"}, "only one of error"),
    ({"service": "sqs", "operation": "*", "error": {"code": ""}}, "error.code '': must be a text"),
    ({"service": "sqs", "operation": "*", "error": {"code": "X", "status": 200}}, "error.status 200: must be an HTTP"),
    ({"service": "sqs", "operation": "*", "token_bucket": {"burst": 1}}, "token_bucket.rate None: must be calls"),
    ({"service": "sqs", "operation": "*", "latency": 3}, "latency 3: is no field of a rule; fields are service,"),
]


@pytest.mark.parametrize(("rule", "says"), BAD, ids=[says[:30] for _, says in BAD])
def test_a_bad_rule_is_refused_with_field_value_and_remedy(faults: Faults, rule: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefused, match=re.escape(says)):
        faults.ask("POST", "", rule)
    assert faults.rules() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Host": "evil.example"}, 403),
        ({"Content-Type": "application/json"}, 400),
    ],
)
def test_a_web_page_cannot_add_a_rule(emulator: Emulator, headers: dict[str, str], status: int) -> None:
    request = urllib.request.Request(emulator.facts["faults_url"], b"{", headers, method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    with refused.value as answer:
        assert answer.code == status
        assert set(json.loads(answer.read())) == {"error", "field", "value", "remedy"}


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    now = [0.0]
    bucket = Bucket(2, 1, lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_without_a_seed_a_rule_gets_one_that_is_shown() -> None:
    rule = parse({"service": "*", "operation": "*", "timeout": "before", "probability": 0.5}, "1")
    again = parse({key: value for key, value in rule.view().items() if key not in ("id", "seen", "hits")}, "2")
    assert [rule.strikes() for _ in range(30)] == [again.strikes() for _ in range(30)]

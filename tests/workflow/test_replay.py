"""Every asynchronous hop has a place for what it gives up, and `fluxion replay` does it after all.

The hops are made to give up by faults. That they do so within seconds, not after the hours of the template, is the only
thing that is changed for the tests: how often they try.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from control.stacks import Output
from local_aws.client import Active, Faults

from .embedded import EmbeddedAws, eventually
from .test_failures import without_permission

pytestmark = pytest.mark.embedded_aws

DOWN = {"code": "InternalError", "status": 500}


class Fluxion:
    """The command, as an operator types it."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._environment = {**os.environ, **aws.environment}

    def replay(self, *arguments: str) -> Any:
        command = [str(Path(sys.executable).with_name("fluxion")), "replay", "--no-local", "--json", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def waiting(self, queue: str, part: str) -> str | None:
        """The message of a dead-letter queue that holds this text, once there is one; looking takes nothing."""
        (found,) = [each for each in self.replay() if each["queue"] == queue]
        return next((each["body"] for each in found["messages"] if part in each["body"]), None)

    def work_through(self, queue: str, part: str) -> None:
        """Replay a queue in which this text waits. Nothing of that stays."""
        told = self.replay("--queue", queue)
        mine = [each for each in told["messages"] if part in each["what"]]
        assert mine, told
        assert [each["error"] for each in mine] == [None] * len(mine)
        assert self.waiting(queue, part) is None


@pytest.fixture
def fluxion(embedded_aws: EmbeddedAws) -> Fluxion:
    return Fluxion(embedded_aws)


@contextmanager
def giving_up_soon(aws: EmbeddedAws, function: str) -> Iterator[None]:
    """Inside, the mapping of a function's stream tries twice, where it has 20 retries, or as many as fit into a day."""
    client = aws.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=1)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=mapping["MaximumRetryAttempts"])


@contextmanager
def queue_giving_up_soon(aws: EmbeddedAws, name: str) -> Iterator[None]:
    """Inside, a queue hands a message out once, and again after a second at most."""
    sqs = aws.client("sqs")
    url = next(url for url in sqs.list_queues()["QueueUrls"] if name in url and "DeadLetter" not in url)
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy", "VisibilityTimeout"])["Attributes"]
    policy = json.loads(before["RedrivePolicy"]) | {"maxReceiveCount": 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "1"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def outage(faults: Faults, service: str, operation: str, role: str) -> Active:
    return faults.add(service, operation, principal=f"fluxion-{role}-*", error=DOWN)


def test_a_record_that_was_set_aside(embedded_aws: EmbeddedAws, fluxion: Fluxion) -> None:
    with without_permission(embedded_aws, "fluxion-start-workflow", "states:StartExecution"):
        embedded_aws.insert("Apartada")
        eventually(lambda: fluxion.waiting("PoisonQueue", "Apartada"), "the record in the poison queue", 30)
        told = fluxion.replay("--queue", "PoisonQueue")
        (mine,) = [each for each in told["messages"] if "Apartada" in each["what"]]
        assert "set aside again: AccessDenied" in mine["error"], "the cause is not gone yet"
    assert embedded_aws.record("Apartada") == {}

    fluxion.work_through("PoisonQueue", "Apartada")

    assert embedded_aws.settled("Apartada")["last_error"]["code"] == "InvalidTenantItem"


def test_changes_of_tenants_that_started_nothing(embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion) -> None:
    with giving_up_soon(embedded_aws, "fluxion-start-workflow"):
        outage(faults, "stepfunctions", "StartExecution", "StartWorkflowRole")
        embedded_aws.insert("Olvidada")
        eventually(lambda: fluxion.waiting("StreamFailuresQueue", "fluxion-start-workflow"), "the records' place", 60)
    faults.clear()
    assert embedded_aws.record("Olvidada") == {}

    fluxion.work_through("StreamFailuresQueue", "fluxion-start-workflow")

    assert embedded_aws.settled("Olvidada")["last_error"]["code"] == "InvalidTenantItem"


def test_requests_that_were_never_answered(embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion) -> None:
    writers = {
        "fluxion-cdn-aliases": "CdnAliasesRole",
        "fluxion-dns-records": "DnsRecordsRole",
        "fluxion-edge-cache": "EdgeCacheRole",
    }
    with ExitStack() as stack, embedded_aws.trail() as trail:
        for writer in writers:
            stack.enter_context(giving_up_soon(embedded_aws, writer))
        outages = {writer: outage(faults, "stepfunctions", "SendTaskSuccess", role) for writer, role in writers.items()}
        embedded_aws.insert("callada")
        for writer in writers:
            eventually(lambda name=writer: fluxion.waiting("StreamFailuresQueue", name), f"{writer} gives up", 60)
            faults.clear(outages[writer].id)
            fluxion.work_through("StreamFailuresQueue", writer)
        assert embedded_aws.settled("callada")["status"] == "ACTIVE"
    assert trail.count("ChangeResourceRecordSets") == 1, "what was done is not done again, only answered"


def test_events_that_the_bus_never_got(embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion) -> None:
    with giving_up_soon(embedded_aws, "fluxion-publish-events"):
        outage(faults, "events", "PutEvents", "PublishEventsRole")
        embedded_aws.insert("Muda")
        eventually(lambda: fluxion.waiting("StreamFailuresQueue", "fluxion-publish-events"), "the events' place", 60)
    faults.clear()
    assert embedded_aws.mails("Muda") == []

    fluxion.work_through("StreamFailuresQueue", "fluxion-publish-events")

    assert "InvalidTenantItem" in embedded_aws.mail("Muda")


def test_failures_that_were_never_mailed(embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion) -> None:
    with queue_giving_up_soon(embedded_aws, "FailureEventsQueue"):
        outage(faults, "sns", "Publish", "FailureNotifierRole")
        embedded_aws.insert("Callado")
        eventually(lambda: fluxion.waiting("FailureEventsDeadLetterQueue", "Callado"), "the failure", 60)
    faults.clear()

    fluxion.work_through("FailureEventsDeadLetterQueue", "Callado")

    assert "InvalidTenantItem" in embedded_aws.mail("Callado")


def test_ends_of_executions_that_were_never_recorded(
    embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion
) -> None:
    states = embedded_aws.client("stepfunctions")
    with queue_giving_up_soon(embedded_aws, "EndedExecutionsQueue"):
        outage(faults, "dynamodb", "*", "EndedExecutionsRole")
        outage(faults, "dynamodb", "*", "TenantRecordRole")  # a claim that is under way when it is stopped ends nothing
        execution = states.start_execution(
            stateMachineArn=embedded_aws.outputs[Output.ONBOARD_MACHINE],
            name="parada-1",
            input=json.dumps({"tenant_id": "parada"}),
        )
        states.stop_execution(executionArn=execution["executionArn"])
        eventually(lambda: fluxion.waiting("EndedExecutionsDeadLetterQueue", "parada"), "the execution's end", 60)
    faults.clear()

    fluxion.work_through("EndedExecutionsDeadLetterQueue", "parada")

    assert "ExecutionAborted" in embedded_aws.mail("parada")


def test_a_look_for_who_is_due_that_failed(embedded_aws: EmbeddedAws, faults: Faults, fluxion: Fluxion) -> None:
    client = embedded_aws.client("lambda")
    which = {"FunctionName": "fluxion-reconcile", "Qualifier": "$LATEST"}
    found = client.get_function_event_invoke_config(**which)
    before = {key: found[key] for key in ("MaximumRetryAttempts", "DestinationConfig")}
    client.put_function_event_invoke_config(**which, **before | {"MaximumRetryAttempts": 0})
    try:
        with faults.rule("dynamodb", "*", principal="fluxion-ReconcileRole-*", error=DOWN):
            client.invoke(FunctionName="fluxion-reconcile", InvocationType="Event", Payload=b'{"id": "a-test"}')
            eventually(lambda: fluxion.waiting("ReconcileDeadLetterQueue", "a-test"), "the call", 60)
    finally:
        client.put_function_event_invoke_config(**which, **before)

    told = fluxion.replay("--queue", "ReconcileDeadLetterQueue")

    assert told["done"] >= 1
    assert told["failed"] == 0

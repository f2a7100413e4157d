"""`fluxion fleet`: who lacks a step of the schema is asked for, once, and what becomes of each is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cli import migrations
from cli.migrations import Progress
from control.stacks import Output
from tenancy.database.schema_versions import latest_version
from tests.unit.cli.conftest import Deployed, Fluxion

pytestmark = pytest.mark.slow

LATEST = latest_version()
FAILURE = {"version": LATEST, "code": "SchemaMigrationFailed", "message": "0002: no", "at": "then", "requested_at": "x"}


@dataclass
class Queue:
    """The queue of migrations, and those who work on it."""

    deployed: Deployed

    @property
    def url(self) -> str:
        return self.deployed.resources["MigrationsQueue"][1]

    def bodies(self) -> list[dict[str, Any]]:
        """All messages; they are gone then."""
        sqs, bodies = boto3.client("sqs"), []
        while found := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            bodies += [json.loads(message["Body"]) for message in found]
            for message in found:
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(bodies, key=lambda body: str(body["tenant_id"]))

    def work(self, refused: dict[str, dict[str, Any]] | None = None) -> list[str]:
        """Do what the messages ask for. Returns whose they were."""
        bodies = self.bodies()
        for body in bodies:
            tenant_id = body["tenant_id"]
            if error := (refused or {}).get(tenant_id):
                error = error | {"requested_at": body["requested_at"]}
                self.deployed.record(tenant_id, database_path="d", schema_version=1, migration_error=error)
            else:
                self.deployed.record(tenant_id, database_path="d", schema_version=body["version"])
        return [body["tenant_id"] for body in bodies]


@pytest.fixture
def queue(deployed: Deployed) -> Queue:
    for name in ("MigrationsQueue", "MigrationsDeadLetterQueue"):
        url = boto3.client("sqs").create_queue(QueueName=f"fluxion-{name}")["QueueUrl"]
        deployed.resources[name] = ("AWS::SQS::Queue", url)
    deployed.outputs[Output.SCHEMA_VERSION] = str(LATEST)
    return Queue(deployed)


@pytest.fixture
def while_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """What happens between two looks of the command."""

    def happens(work: Callable[[], Any]) -> None:
        monkeypatch.setattr(migrations.follow, "__kwdefaults__", {**DEFAULTS, "sleep": lambda _: work()})

    return happens


DEFAULTS = dict(migrations.follow.__kwdefaults__ or {})


def test_only_tenants_that_lack_a_step_and_have_a_database_are_asked_for(
    deployed: Deployed, fluxion: Fluxion, queue: Queue
) -> None:
    deployed.record("alta", database_path="d", schema_version=1)
    deployed.record("vieja", database_path="d")  # of a release that wrote no version
    deployed.record("nueva", database_path="d", schema_version=LATEST)
    deployed.record("sin-base", status="FAILED")
    deployed.record("se-va", database_path="d", schema_version=1, status="OFFBOARDING")

    told = fluxion.json("fleet", "migrate", "--no-watch")

    assert told["left"] == ["alta", "vieja"]
    bodies = queue.bodies()
    assert [(body["tenant_id"], body["version"]) for body in bodies] == [("alta", LATEST), ("vieja", LATEST)]
    assert {body["requested_at"] for body in bodies} == {told["requested_at"]}


def test_many_are_asked_for_ten_a_call(deployed: Deployed, fluxion: Fluxion, queue: Queue) -> None:
    names = [f"muchos-{number:02d}" for number in range(23)]
    for name in names:
        deployed.record(name, database_path="d", schema_version=1)

    fluxion.json("fleet", "migrate", "--no-watch")

    assert [body["tenant_id"] for body in queue.bodies()] == names


def test_the_outcome_of_each_is_told_and_a_second_run_is_for_those_that_failed(
    deployed: Deployed, fluxion: Fluxion, queue: Queue, while_waiting: Any
) -> None:
    for name in ("una", "dos", "tres"):
        deployed.record(name, database_path="d", schema_version=1)
    while_waiting(lambda: queue.work({"dos": FAILURE}))

    first = fluxion("fleet", "migrate", "--json")
    again = fluxion("fleet", "migrate")

    assert first.exit_code == 1
    told = json.loads(first.stdout)
    assert (told["migrated"], list(told["failed"]), told["left"]) == (["tres", "una"], ["dos"], [])
    assert told["failed"]["dos"]["message"] == "0002: no"
    assert again.exit_code == 1
    assert "1 tenants are to reach version" in again.stderr
    assert "SchemaMigrationFailed: 0002: no" in again.stdout
    while_waiting(queue.work)
    last = fluxion("fleet", "migrate", "--retry-failed")
    assert (last.exit_code, f"Version {LATEST}: 1 migrated, 0 failed, 0 to go." in last.stdout) == (0, True)
    assert "Nobody is to be migrated." in fluxion("fleet", "migrate").stdout


def test_retry_failed_is_for_nobody_else(deployed: Deployed, fluxion: Fluxion, queue: Queue) -> None:
    deployed.record("espera", database_path="d", schema_version=1)
    deployed.record("fallada", database_path="d", schema_version=1, migration_error=FAILURE)

    assert fluxion.json("fleet", "migrate", "--retry-failed", "--no-watch")["left"] == ["fallada"]
    assert [body["tenant_id"] for body in queue.bodies()] == ["fallada"]


def test_one_tenant_can_be_named_and_one_that_has_none_is_refused(
    deployed: Deployed, fluxion: Fluxion, queue: Queue
) -> None:
    deployed.record("una", database_path="d", schema_version=1)
    deployed.record("dos", database_path="d", schema_version=1)

    assert fluxion.json("fleet", "migrate", "--tenant", "una", "--no-watch")["left"] == ["una"]
    refused = fluxion("fleet", "migrate", "--tenant", "una", "--tenant", "nadie", "--no-watch")

    assert refused.exit_code == 1
    assert "No database is in service of: nadie" in refused.stderr
    assert [body["tenant_id"] for body in queue.bodies()] == ["una"]


@pytest.mark.parametrize("deployed_version", [str(LATEST - 1), str(LATEST + 1), None])
def test_a_command_of_another_release_asks_for_nothing(
    deployed: Deployed, fluxion: Fluxion, queue: Queue, deployed_version: str | None
) -> None:
    del deployed.outputs[Output.SCHEMA_VERSION]
    deployed.outputs |= {Output.SCHEMA_VERSION: deployed_version} if deployed_version else {}
    deployed.record("una", database_path="d", schema_version=1)

    refused = fluxion("fleet", "migrate")

    assert refused.exit_code == 1
    assert "release" in refused.stderr
    assert queue.bodies() == []


def test_whoever_is_not_done_in_time_goes_on_unwatched(
    deployed: Deployed, fluxion: Fluxion, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.record("una", database_path="d", schema_version=1)
    moments = iter((0.0, 2.0))
    monkeypatch.setattr(migrations.follow, "__kwdefaults__", {**DEFAULTS, "clock": lambda: next(moments)})

    slow = fluxion("fleet", "migrate", "--timeout", "1")

    assert slow.exit_code == 1
    assert "It goes on by itself" in slow.stdout


def test_a_tenant_that_is_taken_down_meanwhile_is_waited_for_by_nobody(deployed: Deployed) -> None:
    deployed.record("se-va", database_path="d", schema_version=1, status="OFFBOARDED")

    class Source:
        def records(self, _: Any) -> dict[str, Any]:
            return {"se-va": deployed.record("se-va", status="OFFBOARDED")}

    now = migrations.look(Source(), Progress(left=["se-va", "nunca"]), LATEST, "x")  # type: ignore[arg-type]

    assert (now.left, now.gone) == ([], ["se-va", "nunca"])
    assert str(now) == "0 migrated, 0 failed, 0 to go, 2 taken down"


def test_a_failure_of_an_earlier_request_is_not_taken_for_one_of_this(deployed: Deployed) -> None:
    class Source:
        def records(self, _: Any) -> dict[str, Any]:
            return {"una": deployed.record("una", database_path="d", schema_version=1, migration_error=FAILURE)}

    source: Any = Source()

    assert migrations.look(source, Progress(left=["una"]), LATEST, "another").left == ["una"]
    assert list(migrations.look(source, Progress(left=["una"]), LATEST, "x").failed) == ["una"]


def test_a_queue_that_does_not_take_a_message_is_said(deployed: Deployed, fluxion: Fluxion, queue: Queue) -> None:
    class Full:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Failed": [{"Id": "0", "Code": "InternalError"}]}

    deployed.stand_ins["sqs"] = Full()
    deployed.record("una", database_path="d", schema_version=1)

    refused = fluxion("fleet", "migrate")

    assert refused.exit_code == 1
    assert "did not take 1 messages (InternalError)" in refused.stderr


def test_status_says_how_the_fleet_stands(deployed: Deployed, fluxion: Fluxion, queue: Queue) -> None:
    deployed.record("una", database_path="d", schema_version=LATEST)
    deployed.record("dos", database_path="d", schema_version=1, migration_error=FAILURE)
    deployed.record("tres", database_path="d", schema_version=1)
    deployed.record("nadie", status="OFFBOARDED", schema_version=1)
    fluxion.json("fleet", "migrate", "--tenant", "tres", "--no-watch")

    told = fluxion.json("fleet", "status")
    shown = fluxion("fleet", "status").stdout

    assert told["versions"] == {"1": 2, str(LATEST): 1}
    assert (told["tenants"], told["behind"], list(told["failed"])) == (3, ["dos", "tres"], ["dos"])
    assert told["queue"] == {"waiting": 1, "given_up": 0}
    assert "SchemaMigrationFailed: 0002: no" in shown
    assert "1 wait in the queue, 0 were given up." in shown
    assert "2 are behind" in shown


def test_stages_of_a_run_are_not_those_of_a_migration(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.record("una")
    deployed.event("una", 70, "TenantActivated", "ActivateTenant", "2026-11-24T08:00:09.000Z")
    deployed.event("una", 75, "DatabaseMigrated", "MigrateDatabase", "2026-11-25T08:00:00.000Z")

    told = fluxion.json("tenants", "watch", "una")

    assert [stage["name"] for stage in told["stages"]] == ["ActivateTenant"]


def test_drift_is_in_the_status_of_the_fleet(deployed: Deployed, fluxion: Fluxion, queue: Queue) -> None:
    assert "No drift" in fluxion("fleet", "status").output
    found = {"kind": "AliasForeign", "tenant_id": "moras", "what": "moras.example", "since": "then"}
    key = {"pk": "DRIFT", "sk": "AliasForeign#moras#moras.example"}
    boto3.resource("dynamodb").Table(deployed.provisioning).put_item(Item={**key, **found, "is_reported": True})

    answer = fluxion("fleet", "status")
    document = json.loads(fluxion("fleet", "status", "--json").output)

    assert "1 things are not as they are on record" in answer.output
    assert document["drift"] == [{**found, "state": "reported", "repair": "person"}]

"""Every sample in events/ goes through the handler it is for, and the environment is the template's."""

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import boto3
import pytest

from tenancy import (
    database,
    handlers,  # now, before sockets are forbidden: X-Ray's recorder opens one, and sends nothing
)
from tenancy.domain.events import TYPES
from tenancy.platform import aws, step_functions
from tenancy.tables.provisioning import Provisioning

from .conftest import BASE, Executions, Lifecycle, Tables
from .fakes import FakeCloudFront, FakeLambda, FakeRoute53

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted(path for path in (ROOT / "events").glob("*/*.json") if path.parent.name != "schemas")
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:fluxion-OnboardTenant:granja-5b1f0c9d2e7a4431"


@dataclass
class Context:
    """What Lambda gives beside the event, as far as Powertools reads it."""

    function_name: str
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:x"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@dataclass
class World:
    """Everything a function can reach."""

    tables: Tables
    executions: Executions
    provisioning: Provisioning
    route53: FakeRoute53
    cloudfront: FakeCloudFront
    started: list[tuple[str, str, str]]
    topic: str
    poison_queue: str

    def messages(self, queue: str) -> list[str]:
        found = boto3.client("sqs", region_name="us-east-1").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def world(
    tables: Tables,
    executions: Executions,
    provisioning: Provisioning,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[World]:
    region = "us-east-1"
    topic = boto3.client("sns", region_name=region).create_topic(Name="failures")["TopicArn"]
    poison = boto3.client("sqs", region_name=region).create_queue(QueueName="poison")["QueueUrl"]
    failures = boto3.client("sqs", region_name=region).create_queue(QueueName="failures")["QueueUrl"]
    boto3.client("events", region_name=region).create_event_bus(Name="fluxion")
    environment = {
        "TENANTS_TABLE": "tenants",
        "PROVISIONING_TABLE": "provisioning",
        "BASE_DOMAIN": BASE,
        "DISTRIBUTION_ID": "E1ABCDEFGHIJKL",
        "ALIAS_QUOTA": "100",
        "TENANTS_A_CALL": "1000",
        "DISTRIBUTION_UPDATES_PER_SECOND": "0.2",
        "INVALIDATIONS_PER_SECOND": "150",
        "ZONE_RECORD_QUOTA": "10000",
        "ZONE_CHANGE_BURST": "1500",
        "ZONE_CHANGES_PER_SECOND": "100",
        "ZONE_REQUEST_BURST": "50",
        "ZONE_REQUESTS_PER_SECOND": "10",
        "HOSTED_ZONE_ID": "Z0123456789ABCDEFGHIJ",
        "DISTRIBUTION_DOMAIN_NAME": "d111111abcdef8.cloudfront.net",
        "TENANTS_DIRECTORY": str(tmp_path / "tenants"),
        "SCRATCH_DIRECTORY": str(tmp_path / "scratch"),
        "NAME_SERVERS": "127.0.0.1:1",
        "PROBE_PORT": "443",
        "PROBE_SECRET_ARN": "arn:secret",
        "EVENT_BUS_NAME": "fluxion",
        "FAILURE_QUEUE_URL": failures,
        "FAILURE_TOPIC_ARN": topic,
        "RUNBOOKS_URL": "https://docs.example/runbooks",
        "ONBOARD_STATE_MACHINE_ARN": "onboard",
        "OFFBOARD_STATE_MACHINE_ARN": "offboard",
        "POISON_QUEUE_URL": poison,
        "OFFBOARD_GRACE_SECONDS": "86400",
        "NAME_COOLDOWN_DAYS": "30",
        "MASS_REMOVAL_PERCENT": "10",
        "MASS_REMOVAL_AT_LEAST": "5",
        "TENANT_DATABASE_FUNCTION": "fluxion-tenant-database",
        "TENANT_PROBE_FUNCTION": "fluxion-tenant-probe",
        "REMOVE_LEFT_OVERS": "no",
        "ARCHIVE_BUCKET": "archive",
        "ARCHIVE_RETENTION_DAYS": "90",
        "AWS_REGION": region,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "tenants").mkdir()
    functions = FakeLambda(**{"fluxion-tenant-database": lambda _: {"folders": {}}})
    fakes = {"route53": FakeRoute53(), "cloudfront": FakeCloudFront(BASE), "lambda": functions}
    real = aws.client
    monkeypatch.setattr(aws, "client", lambda name, **rest: fakes.get(name) or real(name, **rest))
    started: list[tuple[str, str, str]] = []
    monkeypatch.setattr(step_functions, "start", lambda *arguments: started.append(arguments))
    monkeypatch.setattr("tenancy.tenant_probe.probe.SiteProbe.visit", _visited)
    yield World(
        tables,
        executions,
        provisioning,
        fakes["route53"],
        fakes["cloudfront"],
        started,
        topic,
        poison,  # type: ignore[arg-type]
    )
    monkeypatch.undo()


def _visited(self: object, tenant_id: str, host: str) -> Any:
    return "192.0.2.1"


def load(function: str) -> ModuleType:
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked_by_states() -> Iterator[tuple[str, str, set[str]]]:
    """(function, state, names of what it passes) of every state that calls a function."""
    for machine in sorted((ROOT / "statemachine").glob("*.asl.json")):
        for state, definition in json.loads(machine.read_text())["States"].items():
            if str(definition.get("Resource")).endswith("lambda:invoke"):
                arguments = definition["Arguments"]
                name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", arguments["FunctionName"][2:].removesuffix("FunctionArn}"))
                yield name.lower(), state, set(arguments["Payload"])


@pytest.mark.parametrize(("function", "state", "passed"), [*asked_by_states()])
def test_a_function_takes_exactly_what_its_state_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str, state: str, passed: set[str]
) -> None:
    monkeypatch.setattr(handlers, "stage", lambda **works: works)

    fields = get_type_hints(load(function).handler[state])["call"].model_fields

    assert {name for name, field in fields.items() if field.is_required()} <= passed <= set(fields)


def sample(function: str, case: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / function / f"{case}.json").read_text()))


def run(function: str, case: str) -> Any:
    return load(function).handler(sample(function, case), Context(function))


def claimed(world: World) -> None:
    world.tables.insert("granja", contact_email="hola@lagranja.example")
    world.executions.running.add(EXECUTION)
    run("tenant_record", "claim_tenant")


def test_every_function_has_samples() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    assert {path.parent.name for path in SAMPLES} == functions


@pytest.mark.parametrize(("case", "machine"), [("insert", "onboard"), ("overwrite", "onboard"), ("remove", "offboard")])
def test_the_item_as_it_is_now_decides_which_machine_starts(world: World, case: str, machine: str) -> None:
    if machine == "onboard":
        world.tables.insert("granja")

    assert run("start_workflow", case) == {"batchItemFailures": []}

    ((arn, name, tenant_id),) = world.started
    assert (arn, tenant_id) == (machine, "granja")
    assert name.startswith("granja-")
    assert len(name) == len("granja-") + 16


def test_a_record_that_can_never_be_understood_is_set_aside_whole_and_its_neighbours_go_on(world: World) -> None:
    event = sample("start_workflow", "insert")
    poison = {**event["Records"][0], "dynamodb": {"SequenceNumber": "1", "Keys": {}}}
    world.tables.insert("granja")

    answer = load("start_workflow").handler({"Records": [poison, *event["Records"]]}, Context("start_workflow"))

    assert answer == {"batchItemFailures": []}
    assert len(world.started) == 1
    (message,) = world.messages(world.poison_queue)
    assert json.loads(message)["record"] == poison


def test_a_record_that_meets_a_throttled_service_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenancy.domain.errors import ServiceThrottled

    def throttled(*_: object) -> bool:
        raise ServiceThrottled("slower, please")

    monkeypatch.setattr(step_functions, "start", throttled)
    event = sample("start_workflow", "insert")

    number = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert run("start_workflow", "insert") == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert world.messages(world.poison_queue) == []


def test_the_samples_of_one_onboarding_make_a_tenant_live(world: World) -> None:
    claimed(world)
    for function, case in (
        ("cdn_aliases", "attach_cname"),
        ("dns_records", "create_dns_records"),
        ("tenant_database", "seed_database"),
        ("edge_cache", "invalidate_cache"),
        ("tenant_probe", "verify_tenant"),
        ("tenant_record", "activate_tenant"),
    ):
        run(function, case)

    record = world.provisioning.record("granja")
    assert record is not None
    assert (record.status, record.lease) == ("ACTIVE", None)
    assert world.tables.events() == [
        "TenantClaimed",
        "CnameAttached",
        "DnsRecordsCreated",
        "DatabaseSeeded",
        "CacheInvalidated",
        "TenantVerified",
        "TenantActivated",
    ]
    assert [answer for _, answer in world.executions.answers] == [{"changed": True}] * 3
    assert record.database_path is not None


def test_seeding_again_opens_nothing_and_says_that_nothing_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(world)
    run("tenant_database", "seed_database")
    monkeypatch.setattr(database.TenantSeeder, "seed", None)

    assert run("tenant_database", "seed_database") == {"changed": False}


def test_a_lost_database_is_reported_and_not_replaced_by_an_empty_one(world: World, tmp_path: Path) -> None:
    from tenancy.domain.errors import TenantDatabaseMissing

    claimed(world)
    run("tenant_database", "seed_database")
    record = world.provisioning.record("granja")
    assert record is not None
    assert record.database_path is not None
    (tmp_path / "tenants" / record.database_path).unlink()
    world.tables.insert("granja", name="La Granja")
    lifecycle = Lifecycle(world.executions)
    lifecycle.activate("granja", EXECUTION)
    lifecycle.claim("granja", EXECUTION)

    event = sample("tenant_database", "seed_database") | {"generation": 2}
    with pytest.raises(TenantDatabaseMissing, match=record.database_path):
        load("tenant_database").handler(event, Context("tenant_database"))


@pytest.mark.parametrize(
    "case", ["onboarding_failed", "update_failed", "stalled", "offboarding_failed", "migration_failed"]
)
def test_every_failure_becomes_one_mail(world: World, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mails = []
    sns = boto3.client("sns", region_name="us-east-1")
    publish = sns.publish
    monkeypatch.setattr(sns, "publish", lambda **mail: (mails.append(mail), publish(**mail)))
    monkeypatch.setattr(aws, "client", lambda name, **_: sns)

    assert run("failure_notifier", case) == {"batchItemFailures": []}

    (mail,) = mails
    assert mail["TopicArn"] == world.topic
    assert mail["Subject"].startswith("[fluxion] granja: ")


def test_a_recorded_failure_sample_is_what_the_lifecycle_records(world: World) -> None:
    claimed(world)

    assert run("tenant_record", "record_failure") == {"again": False}

    record = world.provisioning.record("granja")
    assert record is not None
    assert record.last_error is not None
    assert record.last_error["code"] == "AccessDenied"


def test_a_removal_sample_holds_the_tenant(world: World) -> None:
    assert run("tenant_record", "hold_tenant") == {"outcome": "held", "generation": 0}


def test_the_outbox_publishes_under_the_event_s_own_type(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[dict[str, Any]] = []

    class Bus:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            entries.extend(Entries)
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}

    monkeypatch.setattr(aws, "client", lambda name, **_: Bus())

    assert run("publish_events", "stage_done") == {"batchItemFailures": []}
    assert [(entry["Source"], entry["DetailType"]) for entry in entries] == [("fluxion.tenants", "DnsRecordsCreated")]


def test_an_event_that_the_bus_does_not_take_comes_again_with_all_that_follow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bus:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            results = [
                {"EventId": "1"} if n != 3 else {"ErrorCode": "ThrottlingException"} for n, _ in enumerate(Entries)
            ]
            return {"FailedEntryCount": 1, "Entries": results}

    monkeypatch.setattr(aws, "client", lambda name, **_: Bus())
    record = sample("publish_events", "stage_done")["Records"][0]
    records = [record | {"dynamodb": record["dynamodb"] | {"SequenceNumber": str(number)}} for number in range(8)]

    answer = load("publish_events").handler({"Records": records}, Context("publish_events"))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}]}


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if path.parent.name in ("publish_events", "failure_notifier")]
)
def test_the_events_in_the_samples_fit_their_schemas(path: Path) -> None:
    for record in json.loads(path.read_text())["Records"]:
        if "body" in record:
            event = json.loads(record["body"])
            name, detail = event["detail-type"], event["detail"]
        else:
            image = record["dynamodb"]["NewImage"]
            name, detail = image["type"]["S"], json.loads(image["detail"]["S"])
        TYPES[name].model_validate(detail["data"])


def test_the_samples_of_a_roll_back_leave_nothing(world: World, tmp_path: Path) -> None:
    claimed(world)
    for function, case in (
        ("cdn_aliases", "attach_cname"),
        ("dns_records", "create_dns_records"),
        ("tenant_database", "seed_database"),
    ):
        run(function, case)
    world.cloudfront.may_go = {f"granja.{BASE}"}
    stranger = tmp_path / "tenants" / "granja" / "notes.txt"
    stranger.write_text("not ours")

    assert run("tenant_record", "roll_back") == {"undo": True, "generation": 1}
    for function, case in (
        ("tenant_database", "discard_database"),
        ("dns_records", "delete_dns_records"),
        ("cdn_aliases", "detach_cname"),
    ):
        run(function, case)

    assert run("tenant_record", "record_failure") == {"again": False}
    record = world.provisioning.record("granja")
    assert record is not None
    assert (record.status, record.lease, record.database_path) == ("FAILED", None, None)
    assert (world.route53.records, world.cloudfront.aliases) == ({}, [BASE])
    assert list((tmp_path / "tenants").rglob("*")) == [stranger.parent, stranger]
    assert world.tables.events()[-4:] == [
        "DatabaseDiscarded",
        "DnsRecordsDeleted",
        "CnameDetached",
        "TenantOnboardingFailed",
    ]


@pytest.mark.parametrize("pointer", [False, True])
def test_a_database_that_was_there_before_is_somebody_elses(world: World, tmp_path: Path, pointer: bool) -> None:
    from tenancy.domain.errors import DatabaseBelongsToOthers

    claimed(world)
    folder = tmp_path / "tenants" / "granja"
    folder.mkdir()
    (folder / "old.duckdb").write_bytes(b"a customer's rows")
    if pointer:
        (folder / "current").write_text("old.duckdb\n")

    with pytest.raises(DatabaseBelongsToOthers, match=r"granja/old\.duckdb"):
        run("tenant_database", "seed_database")
    assert run("tenant_record", "roll_back")["undo"] is False
    assert (folder / "old.duckdb").read_bytes() == b"a customer's rows"


def test_the_sample_of_a_stopped_execution_is_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(world)
    world.executions.running.discard(EXECUTION)
    monkeypatch.setattr(step_functions, "last_state", lambda _: "AttachCname")

    assert run("ended_executions", "aborted") == {"batchItemFailures": []}

    record = world.provisioning.record("granja")
    assert record is not None
    assert (record.operation.state, record.operation.stage, record.lease) == ("STALLED", "AttachCname", None)


def test_the_sample_of_a_migration_finds_a_new_tenant_at_the_latest_version(world: World) -> None:
    claimed(world)
    run("tenant_database", "seed_database")
    before = world.provisioning.record("granja")

    assert run("database_migrations", "migrate") == {"batchItemFailures": []}

    assert world.provisioning.record("granja") == before
    assert before is not None
    assert (
        before.schema_version == json.loads(sample("database_migrations", "migrate")["Records"][0]["body"])["version"]
    )


def test_the_sample_of_the_schedule_finds_nobody_due(world: World) -> None:
    claimed(world)

    assert run("reconcile", "schedule") == {"started": [], "held": [], "expired": []}
    assert world.started == []


def test_the_sample_of_the_other_schedule_compares_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(world)
    monkeypatch.setattr(step_functions, "running", lambda machines: world.executions.running)

    assert run("reconcile", "drift") == {"found": 0, "reported": [], "gone": [], "started": []}


def test_what_lies_on_the_file_system_is_looked_up(world: World, tmp_path: Path) -> None:
    (tmp_path / "tenants" / "granja").mkdir()

    folders = run("tenant_database", "inspect_databases")["folders"]

    assert folders == {"granja": {"current": None, "files": [], "logs": []}}


def test_suspended_sites_are_visited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenancy.tenant_probe.probe.SiteProbe.is_served", lambda self, host: host.startswith("granja"))

    assert run("tenant_probe", "visit_suspended") == {"served": ["granja.fluxionia.co"]}

"""The control plane's tables on moto (which tells the truth about DynamoDB), and a Step Functions that only listens."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tenancy.domain.calls import (
    ActivateCall,
    FailureCall,
    GenerationCall,
    HoldCall,
    RecordFailureCall,
    StateCall,
)
from tenancy.domain.errors import TenancyError
from tenancy.domain.record import TenantRecord
from tenancy.group_commit import protocol
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.group_commit.protocol import GroupCommit, Left, Request, Writer
from tenancy.platform import aws, step_functions
from tenancy.platform.settings import AliasSettings, CacheSettings, DnsSettings, LifecycleSettings, ReconcileSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_record.activate_tenant import ActivateTenant
from tenancy.tenant_record.claim_tenant import ClaimTenant
from tenancy.tenant_record.hold_tenant import HoldTenant
from tenancy.tenant_record.record_failure import RecordFailure
from tenancy.tenant_record.release_hostname import ReleaseHostname
from tenancy.tenant_record.roll_back import RollBack
from tenancy.tenant_record.suspend_tenant import SuspendTenant

from .fakes import FakeCloudFront, FakeRoute53

if TYPE_CHECKING:
    from .granja import Granja

BASE = "fluxionia.co"
GRACE_SECONDS = 3600


def reconcile_settings(**more: Any) -> ReconcileSettings:
    """The environment of functions/reconcile."""
    settings: dict[str, Any] = {
        "tenants_table": "tenants",
        "provisioning_table": "provisioning",
        "onboard_state_machine_arn": "onboard",
        "offboard_state_machine_arn": "offboard",
        "mass_removal_percent": 10,
        "mass_removal_at_least": 5,
        "base_domain": BASE,
        "hosted_zone_id": "Z1",
        "distribution_id": "D1",
        "tenant_database_function": "fluxion-tenant-database",
        "tenant_probe_function": "fluxion-tenant-probe",
        "remove_left_overs": False,
        "archive_bucket": "archive",
        "archive_retention_days": 90,
    }
    return ReconcileSettings(**settings | more)


class Tables:
    """What people asked for, and what is."""

    def __init__(self) -> None:
        self._resource = boto3.resource("dynamodb", region_name="us-east-1")
        self.tenants = self._create("tenants", "tenant_id")
        index = {"KeySchema": _keys("due_for", "due_at"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        indexes = {"GlobalSecondaryIndexes": [{"IndexName": "DueIndex", **index}]}
        self.provisioning = self._create("provisioning", "pk", "sk", more=("due_for", "due_at"), **indexes)

    def _create(self, name: str, *keys: str, more: Sequence[str] = (), **properties: Any) -> Any:
        return self._resource.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_keys(*keys),
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in (*keys, *more)],
            **properties,
        )

    def insert(self, tenant_id: str, **item: object) -> None:
        self.tenants.put_item(Item={"tenant_id": tenant_id, "name": "La Granja Mercado", **item})

    def items(self) -> list[dict[str, Any]]:
        return list(self.provisioning.scan(ConsistentRead=True)["Items"])

    def events(self) -> list[str]:
        return [item["type"] for item in sorted(self.items(), key=lambda item: item["sk"]) if item["sk"][:5] == "EVENT"]


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


class Executions:
    """Which executions run, and what the waiting states were told."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.answers: list[tuple[str, Mapping[str, Any] | TenancyError]] = []

    def answer(self, token: str, outcome: Mapping[str, Any] | TenancyError) -> None:
        self.answers.append((token, outcome))


class Inline(Executor):
    """A pool that does its work at once, in the caller's thread: moto copies its tables without a lock."""

    def __init__(self, _: int) -> None:
        pass

    def submit[**Given, Found](
        self, work: Callable[Given, Found], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Found]:
        done: Future[Found] = Future()
        done.set_result(work(*args, **kwargs))
        return done


class VirtualTime:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """What the writers' clock is, in every test that has tables."""
    virtual = VirtualTime()
    monkeypatch.setattr(protocol, "time", virtual)
    return virtual


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, virtual_time: VirtualTime) -> Iterator[Tables]:
    monkeypatch.setattr(protocol, "ThreadPoolExecutor", Inline)
    with mock_aws():
        aws.client.cache_clear()
        yield Tables()
    aws.client.cache_clear()


@pytest.fixture
def provisioning(tables: Tables) -> Provisioning:
    return Provisioning("provisioning")


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    fake = Executions()
    monkeypatch.setattr(step_functions, "is_running", fake.running.__contains__)
    monkeypatch.setattr(step_functions, "answer", fake.answer)
    return fake


class Lifecycle:
    """The tenant record's states, called as an execution calls them."""

    def __init__(self, executions: Executions) -> None:
        self._settings = LifecycleSettings(
            tenants_table="tenants",
            provisioning_table="provisioning",
            base_domain=BASE,
            offboard_grace_seconds=GRACE_SECONDS,
            name_cooldown_days=30,
        )
        self._executions = executions
        self._visits = itertools.count()

    def claim(self, tenant_id: str, execution: str = "one") -> dict[str, Any]:
        self._executions.running.add(execution)
        return self._run(ClaimTenant, StateCall, tenant_id, execution)

    def activate(self, tenant_id: str, execution: str = "one", *, changed: bool = True) -> dict[str, Any]:
        return self._run(ActivateTenant, ActivateCall, tenant_id, execution, generation=1, changed=changed)

    def fail(
        self,
        tenant_id: str,
        error: str,
        cause: str = "",
        stage: str = "ClaimTenant",
        execution: str = "one",
        visit: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """`visit`: the same for two calls means that the second is a retry of the first."""
        entered_at = visit or f"visit-{next(self._visits)}"
        given = {"error": error, "cause": cause, "failed_stage": stage, "entered_at": entered_at, **more}
        return self._run(RecordFailure, RecordFailureCall, tenant_id, execution, **given)

    def roll_back(
        self, tenant_id: str, error: str, cause: str = "", stage: str = "ClaimTenant", execution: str = "one"
    ) -> dict[str, Any]:
        given = {"error": error, "cause": cause, "failed_stage": stage, "entered_at": f"visit-{next(self._visits)}"}
        return self._run(RollBack, FailureCall, tenant_id, execution, **given)

    def suspend(self, tenant_id: str, execution: str = "one") -> dict[str, Any]:
        return self._run(SuspendTenant, GenerationCall, tenant_id, execution, generation=1)

    def hold(self, tenant_id: str, execution: str = "one", **by: str) -> dict[str, Any]:
        """`confirmed_by`, `removed_by`: as the execution's input says."""
        self._executions.running.add(execution)
        return self._run(HoldTenant, HoldCall, tenant_id, execution, **{"confirmed_by": "", "removed_by": ""} | by)

    def release(self, tenant_id: str, execution: str = "one") -> dict[str, Any]:
        return self._run(ReleaseHostname, GenerationCall, tenant_id, execution, generation=1)

    def end(self, execution: str) -> None:
        self._executions.running.discard(execution)

    def onboard(self, tenant_id: str, execution: str = "first") -> None:
        self.claim(tenant_id, execution)
        self.activate(tenant_id, execution)
        self.end(execution)

    def _run(
        self, state: type[Any], asked: type[StateCall], tenant_id: str, execution: str, **more: Any
    ) -> dict[str, Any]:
        names = {"tenant_id": tenant_id, "stage": state.__name__, "execution_arn": execution, "entered_at": "now"}
        answer: dict[str, Any] = state(self._settings).run(asked.model_validate(names | more))
        return answer


def generation_call(stage: str, execution: str, generation: int = 1, tenant_id: str = "granja") -> GenerationCall:
    """What a state asks that comes after ClaimTenant or HoldTenant."""
    return GenerationCall(
        tenant_id=tenant_id, stage=stage, execution_arn=execution, entered_at="now", generation=generation
    )


@pytest.fixture
def lifecycle(tables: Tables, executions: Executions) -> Lifecycle:
    return Lifecycle(executions)


@pytest.fixture
def bucket(tables: Tables) -> Any:
    """Where archives are."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="archive")
    return s3


@pytest.fixture
def granja(tables: Tables, lifecycle: Lifecycle, tmp_path: Path, bucket: Any) -> "Granja":
    from .granja import Granja

    return Granja(tmp_path, tables, lifecycle)


# --- writers ----------------------------------------------------------------------------------------------------------

TARGET = "d111.cloudfront.net"
DNS = DnsSettings(
    provisioning_table="provisioning",
    base_domain=BASE,
    hosted_zone_id="Z1",
    distribution_domain_name=TARGET,
    tenants_a_call=1000,
    zone_record_quota=10_000,
    zone_change_burst=1500,
    zone_changes_per_second=100,
    zone_request_burst=50,
    zone_requests_per_second=10,
)
CDN = AliasSettings(
    provisioning_table="provisioning",
    base_domain=BASE,
    distribution_id="E1",
    alias_quota=100,
    tenants_a_call=1000,
    distribution_updates_per_second=0.04,
)
CACHE = CacheSettings(
    provisioning_table="provisioning", distribution_id="E1", tenants_a_call=1000, invalidations_per_second=150
)

type Ask = Callable[..., list[Any]]


@pytest.fixture
def route53(monkeypatch: pytest.MonkeyPatch) -> FakeRoute53:
    return instead_of("route53", FakeRoute53(), monkeypatch)


@pytest.fixture
def cloudfront(monkeypatch: pytest.MonkeyPatch) -> FakeCloudFront:
    return instead_of("cloudfront", FakeCloudFront(BASE, f"*.{BASE}"), monkeypatch)


def instead_of[Fake](service: str, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    real = aws.client

    def client(name: str, **options: Any) -> Any:
        return fake if name == service else real(name, **options)

    client.cache_clear = real.cache_clear  # type: ignore[attr-defined]
    monkeypatch.setattr(aws, "client", client)
    return fake


@pytest.fixture
def ask(
    tables: Tables,
    lifecycle: Lifecycle,
    executions: Executions,
    provisioning: Provisioning,
    virtual_time: VirtualTime,
) -> Ask:
    """Claim the tenants, let all of them ask the writer at once, and give what their states were answered: None for
    a request that is left to the next invocation."""

    def ask(
        writer: Writer, *tenants: str, stage: str = "TheStage", claim: bool = True, seconds: float = 210
    ) -> list[Any]:
        if claim:
            for tenant in tenants:
                tables.insert(tenant)
                lifecycle.claim(tenant, f"execution-of-{tenant}")
        requests = [
            Request(tenant, 1, stage, f"execution-of-{tenant}", f"token-{tenant}", str(n))
            for n, tenant in enumerate(tenants)
        ]
        executions.answers.clear()
        ends = GroupCommit(writer, provisioning).run(requests, virtual_time.now + seconds)
        answered = dict(executions.answers)
        assert len(answered) == len(executions.answers), "a token was answered twice"
        for request, end in ends.items():
            assert isinstance(end, Left) if request.token not in answered else end is None
        return [answered.get(f"token-{tenant}") for tenant in tenants]

    return ask


# --- failures ---------------------------------------------------------------------------------------------------------

RUN = "execution-of-granja"


@pytest.fixture
def begun(ask: Ask, cloudfront: FakeCloudFront, route53: FakeRoute53) -> None:
    """granja has its alias and its records, and was never live."""
    ask(Distribution(CDN), "granja")
    ask(HostedZone(DNS), "granja", claim=False)
    cloudfront.may_go = {f"granja.{BASE}"}


def record_of(provisioning: Provisioning, tenant_id: str = "granja") -> TenantRecord:
    record = provisioning.record(tenant_id)
    assert record is not None
    return record


def fields_of(tables: Tables, tenant_id: str = "granja") -> dict[str, Any]:
    return dict(tables.provisioning.get_item(Key={"pk": f"TENANT#{tenant_id}", "sk": "TENANT"})["Item"])


def claims(tables: Tables) -> list[str]:
    return [item["tenant_id"] for item in tables.items() if item["sk"] == "CLAIM"]


def last_event(tables: Tables, kind: str) -> dict[str, Any]:
    (*_, found) = sorted((item for item in tables.items() if item.get("type") == kind), key=lambda item: item["sk"])
    return dict(json.loads(found["detail"])["data"])

"""The control plane's tables on moto (which tells the truth about DynamoDB), and a Step Functions that only listens."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tenancy import aws, group_commit, workflow
from tenancy.errors import TenancyError
from tenancy.lifecycle import TenantLifecycle
from tenancy.model import StageCall
from tenancy.provisioning import Provisioning
from tenancy.settings import RecordSettings

# Powertools reads these once, when tenancy.stage is imported; the template sets them for every function.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "fluxion")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Fluxion")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")

BASE = "fluxionia.co"


class Tables:
    """What people asked for, and what is."""

    def __init__(self) -> None:
        self._resource = boto3.resource("dynamodb", region_name="us-east-1")
        self.tenants = self._create("tenants", "tenant_id")
        self.provisioning = self._create("provisioning", "pk", "sk")

    def _create(self, name: str, *keys: str) -> Any:
        return self._resource.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        )

    def insert(self, tenant_id: str, **item: object) -> None:
        self.tenants.put_item(Item={"tenant_id": tenant_id, "name": "La Granja Mercado", **item})

    def items(self) -> list[dict[str, Any]]:
        return list(self.provisioning.scan(ConsistentRead=True)["Items"])

    def events(self) -> list[str]:
        return [item["type"] for item in sorted(self.items(), key=lambda item: item["sk"]) if item["sk"][:5] == "EVENT"]


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
    monkeypatch.setattr(group_commit, "time", virtual)
    return virtual


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, virtual_time: VirtualTime) -> Iterator[Tables]:
    monkeypatch.setattr(group_commit, "ThreadPoolExecutor", Inline)
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
    monkeypatch.setattr(workflow, "is_running", fake.running.__contains__)
    monkeypatch.setattr(workflow, "answer", fake.answer)
    return fake


class Lifecycle:
    """The tenant record's states, called as an execution calls them."""

    def __init__(self, executions: Executions) -> None:
        settings = RecordSettings(tenants_table="tenants", provisioning_table="provisioning", base_domain=BASE)
        self._lifecycle = TenantLifecycle(settings)
        self._executions = executions
        self._visits = itertools.count()

    def claim(self, tenant_id: str, execution: str = "one") -> dict[str, Any]:
        self._executions.running.add(execution)
        return self._lifecycle.claim(self._call(tenant_id, "ClaimTenant", execution))

    def activate(self, tenant_id: str, execution: str = "one", *, changed: bool = True) -> dict[str, Any]:
        return self._lifecycle.activate(self._call(tenant_id, "ActivateTenant", execution, changed=changed))

    def fail(
        self,
        tenant_id: str,
        error: str,
        cause: str = "",
        stage: str = "ClaimTenant",
        execution: str = "one",
        visit: str | None = None,
    ) -> dict[str, Any]:
        """`visit`: the same for two calls means that the second is a retry of the first."""
        entered_at = visit or f"visit-{next(self._visits)}"
        call = self._call(
            tenant_id, "RecordFailure", execution, error=error, cause=cause, failed_stage=stage, entered_at=entered_at
        )
        return self._lifecycle.record_failure(call)

    def hold(self, tenant_id: str, execution: str = "one") -> dict[str, Any]:
        self._executions.running.add(execution)
        return self._lifecycle.hold(self._call(tenant_id, "HoldTenant", execution))

    def end(self, execution: str) -> None:
        self._executions.running.discard(execution)

    def onboard(self, tenant_id: str, execution: str = "first") -> None:
        self.claim(tenant_id, execution)
        self.activate(tenant_id, execution)
        self.end(execution)

    def _call(self, tenant_id: str, stage: str, execution: str, **more: Any) -> StageCall:
        return StageCall(tenant_id=tenant_id, stage=stage, execution_arn=execution, **more)


@pytest.fixture
def lifecycle(tables: Tables, executions: Executions) -> Lifecycle:
    return Lifecycle(executions)

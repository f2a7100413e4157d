"""Two tenants, each with a database of its own, behind the whole application."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import boto3
import httpx
import pytest
from moto import mock_aws

from backend.app import create_app
from backend.directory import TenantDirectory
from backend.settings import BackendSettings
from tenancy import probe_token
from tenancy.database import TenantDatabases, TenantSeeder

BASE = "fluxionia.example"
SECRET = "a secret that only the probe knows"
TABLE = "provisioning"
NAMES = {"granja": "La Granja Mercado", "vecino": "El Vecino"}


@pytest.fixture(scope="session")
def tenants_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backend")
    (folder / "tenants").mkdir()
    seeder = TenantSeeder(folder / "tenants", folder / "scratch")
    for tenant_id, name in NAMES.items():
        seeder.seed(
            {
                "tenant_id": tenant_id,
                "name": name,
                "tier": "premium",
                "contact_email": f"owner@{tenant_id}.example",
                "settings": {"colour": "#2e7d32", "motto": f"only {name}", "limit": 3},
            },
            1,
        )
    return folder / "tenants"


class Table:
    """The provisioning table, as far as the backend sees it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls = 0
        self.down = False

    def put(self, tenant_id: str, status: str) -> None:
        self.client.put_item(
            TableName=TABLE,
            Item={"pk": {"S": f"TENANT#{tenant_id}"}, "sk": {"S": "TENANT"}, "status": {"S": status}},
        )

    def get_item(self, **request: Any) -> Any:
        """Like the client's, but it can be down."""
        self.calls += 1
        if self.down:
            from botocore.exceptions import EndpointConnectionError

            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return self.client.get_item(**request)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def table(dynamodb: Any) -> Iterator[Table]:
    yield Table(dynamodb)
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Site:
    """The application as a client sees it that may send any headers at all."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def ask(
        self, path: str, *hosts: str | bytes, method: str = "GET", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        sent: dict[str, Any] = {}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                sent.update(status=message["status"], headers=message["headers"])
            else:
                sent["body"] = sent.get("body", b"") + message.get("body", b"")

        raw = [(b"host", host if isinstance(host, bytes) else host.encode("latin-1")) for host in hosts]
        raw += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": raw,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        try:
            anyio.run(self.app, scope, receive, send)
        finally:
            self.last = httpx.Response(sent["status"], headers=sent["headers"], content=sent["body"])
        return self.last


@pytest.fixture
def site(table: Table, tenants_directory: Path, clock: Clock) -> Iterator[Site]:
    settings = BackendSettings(
        provisioning_table=TABLE, tenants_directory=tenants_directory, base_domain=BASE, probe_secret=SECRET
    )
    databases = TenantDatabases(tenants_directory, busy_after=0.3)
    directory = TenantDirectory(TABLE, client=table, clock=clock)
    yield Site(create_app(settings, directory=directory, databases=databases))
    databases.close()


@pytest.fixture
def make_site() -> type[Site]:
    return Site


@pytest.fixture
def proof() -> Callable[..., dict[str, str]]:
    def build(host: str, *, secret: str = SECRET, now: float | None = None, ttl: int = 60) -> dict[str, str]:
        return {probe_token.HEADER: probe_token.sign(secret.encode(), host, now or time.time(), ttl)}

    return build

"""Two tenants, each with a database of its own, behind the whole application."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import boto3
import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from moto import mock_aws

from backend.app import create_app
from backend.directory import TenantDirectory
from backend.settings import BackendSettings
from backend.tokens import Issuer
from control.tables import ControlPlane
from local.oidc.issuer import DevelopmentIssuer
from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT
from local.oidc.tokens import Signer, operators, staff
from tenancy.database import TenantDatabases, TenantSeeder
from tenancy.domain import probe_token

BASE = "fluxionia.example"
SECRET = "a secret that only the probe knows"
TABLE, TENANTS_TABLE = "provisioning", "tenants"
ISSUER = f"https://auth.{BASE}{PREFIX}"
NAMES = {"granja": "La Granja Mercado", "vecino": "El Vecino"}


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tenants as they are at first. Nobody opens these: tests have copies."""
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


@pytest.fixture(scope="session")
def tenants_directory(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(seeded, tmp_path_factory.mktemp("shared") / "tenants"))


class Table:
    """The provisioning table, as far as the backend sees it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls = 0
        self.down = False
        self.answers = threading.Event()  # cleared, it hangs
        self.answers.set()

    def put(self, tenant_id: str, status: str) -> None:
        self.client.put_item(
            TableName=TABLE,
            Item={"pk": {"S": f"TENANT#{tenant_id}"}, "sk": {"S": "TENANT"}, "status": {"S": status}},
        )

    def get_item(self, **request: Any) -> Any:
        """Like the client's, but it can be down."""
        self.calls += 1
        self.answers.wait()
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
        client.create_table(
            TableName=TENANTS_TABLE,
            KeySchema=[{"AttributeName": "tenant_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "tenant_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def table(dynamodb: Any) -> Iterator[Table]:
    yield Table(dynamodb)
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
    for item in dynamodb.scan(TableName=TENANTS_TABLE)["Items"]:
        dynamodb.delete_item(TableName=TENANTS_TABLE, Key={"tenant_id": item["tenant_id"]})


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

    def __init__(self, portal: BlockingPortal, app: Any) -> None:
        self.portal, self.app = portal, app

    def ask(
        self,
        path: str,
        *hosts: str | bytes,
        method: str = "GET",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        json: Any = None,
        body: bytes = b"",
        token: str | None = None,
    ) -> httpx.Response:
        sent: dict[str, Any] = {}
        content = dumps(json).encode() if json is not None else body
        requests = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not requests:
                await anyio.sleep_forever()
            return requests.pop()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                sent.update(status=message["status"], headers=message["headers"])
            else:
                sent["body"] = sent.get("body", b"") + message.get("body", b"")

        given = list(headers.items() if isinstance(headers, dict) else headers or ())
        given += [("content-type", "application/json")] if json is not None else []
        given += [("authorization", f"Bearer {token}")] if token is not None else []
        raw = [(b"host", host if isinstance(host, bytes) else host.encode("latin-1")) for host in hosts]
        raw += [(name.lower().encode(), value.encode("latin-1")) for name, value in given]
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": raw,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        try:
            self.portal.call(self.app, scope, receive, send)
        finally:
            self.last = httpx.Response(sent["status"], headers=sent["headers"], content=sent["body"])
        return self.last


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def development_issuer() -> tuple[Signer, DevelopmentIssuer]:
    signer = Signer(ISSUER)
    return signer, DevelopmentIssuer(signer, BASE)


@pytest.fixture
def signer(development_issuer: tuple[Signer, DevelopmentIssuer]) -> Signer:
    return development_issuer[0]


@pytest.fixture
def token(signer: Signer) -> Callable[..., str]:
    """A token of somebody: ``token("operator")``, ``token("staff", "granja", exp=0)``."""

    def mint(name: str, tenant_id: str | None = None, **changed: Any) -> str:
        users = staff(tenant_id, BASE) if tenant_id else operators(BASE)
        (user,) = (user for user in users if user.email.startswith(f"{name}@"))
        return signer.mint(user, **changed)

    return mint


@pytest.fixture
def make_settings(tenants_directory: Path) -> Callable[..., BackendSettings]:
    def make(**changed: Any) -> BackendSettings:
        known: dict[str, Any] = {
            "tenants_table": TENANTS_TABLE,
            "provisioning_table": TABLE,
            "tenants_directory": tenants_directory,
            "base_domain": BASE,
            "oidc_issuer": ISSUER,
            "oidc_operators_client": OPERATORS_CLIENT,
            "oidc_staff_client": STAFF_CLIENT,
            "probe_secret": SECRET,
        }
        return BackendSettings(**known | changed)

    return make


@pytest.fixture
def make_app(
    table: Table,
    dynamodb: Any,
    clock: Clock,
    development_issuer: tuple[Signer, DevelopmentIssuer],
    make_settings: Callable[..., BackendSettings],
) -> Iterator[Callable[..., Any]]:
    opened = []

    def make(folder: Path | None = None, changed: dict[str, Any] | None = None, **parts: Any) -> Any:
        settings = make_settings(**({"tenants_directory": folder} if folder else {}) | (changed or {}))
        databases = TenantDatabases(settings.tenants_directory, busy_after=0.3)
        opened.append(databases)
        transport = httpx.ASGITransport(app=development_issuer[1].app)
        given = {
            "directory": TenantDirectory(TABLE, client=table, clock=clock),
            "databases": databases,
            "issuer": Issuer(ISSUER, transport=transport),
            "control_plane": ControlPlane(settings.tenants_table, settings.provisioning_table, dynamodb),
        }
        return create_app(settings, **given | parts)

    yield make
    for databases in opened:
        databases.close()


@pytest.fixture
def make_site(portal: BlockingPortal) -> Callable[[Any], Site]:
    return lambda app: Site(portal, app)


@pytest.fixture
def site(make_app: Callable[..., Any], make_site: Callable[[Any], Site]) -> Site:
    """Two tenants whose databases all tests share: for reading."""
    return make_site(make_app())


@pytest.fixture
def market(
    make_app: Callable[..., Any], make_site: Callable[[Any], Site], seeded: Path, tmp_path: Path, table: Table
) -> Site:
    """Two live tenants of the test's own, to be written."""
    shutil.copytree(seeded, tmp_path / "tenants")
    for tenant_id in NAMES:
        table.put(tenant_id, "ACTIVE")
    return make_site(make_app(tmp_path / "tenants"))


@pytest.fixture
def proof() -> Callable[..., dict[str, str]]:
    def build(host: str, *, secret: str = SECRET, now: float | None = None, ttl: int = 60) -> dict[str, str]:
        return {probe_token.HEADER: probe_token.sign(secret.encode(), host, now or time.time(), ttl)}

    return build

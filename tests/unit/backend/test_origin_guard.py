"""Who does not come through the distribution gets what a host gets that is not there."""

import hmac
from types import SimpleNamespace

import anyio
import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from pydantic import ValidationError
from starlette.responses import PlainTextResponse

from backend import origin_guard
from backend.app import from_environment
from backend.origin_guard import HEADER, OriginGuard, OriginSecrets
from backend.problems import Refused
from backend.settings import OriginSettings

GRANJA = "granja.fluxionia.example"


@pytest.fixture
def secrets(dynamodb):
    return boto3.client("secretsmanager", region_name="us-east-1")


@pytest.fixture
def arn(secrets):
    made = secrets.create_secret(Name="origin", SecretString="first")["ARN"]
    yield made
    secrets.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def known(arn, secrets, clock):
    return OriginSecrets(OriginSettings(origin_secret_arn=arn), client=secrets, clock=clock)


@pytest.fixture
def behind(make_app, make_site, known, table):
    """The application behind its door. ``granja`` is live."""
    table.put("granja", "ACTIVE")
    return make_site(OriginGuard(make_app(), known))


def includes(known, value):
    """What it says in the end: values that are old are renewed behind its back."""

    async def ask():
        await known.include(value)
        if known._renewing:
            await known._renewing
        return await known.include(value)

    return anyio.run(ask)


def test_what_the_distribution_asks_is_answered(behind):
    assert behind.ask("/api/tenant", GRANJA, headers={HEADER: "first"}).json()["tenant_id"] == "granja"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(HEADER, "")],
        [(HEADER, "firs")],
        [(HEADER, "first ")],
        [(HEADER, "first, first")],
        [(HEADER, "first"), (HEADER, "first")],
        [(HEADER, "first"), (HEADER, "other")],
        [(HEADER, "\xff")],
        [(f"{HEADER}-Secret", "first")],
    ],
)
@pytest.mark.parametrize("host", [GRANJA, "admin.fluxionia.example", "nobody.fluxionia.example"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whoever_else_asks_gets_the_answer_of_a_host_that_is_not_there(behind, headers, host, method):
    response = behind.ask("/api/tenant", host, method=method, headers=headers)

    unknown = behind.ask("/api/tenant", "nobody.fluxionia.example", headers={HEADER: "first"})
    assert (response.status_code, response.content) == (404, unknown.content)
    assert sorted(response.headers.items()) == sorted(unknown.headers.items())


def test_the_health_check_needs_no_secret(behind):
    assert behind.ask("/healthz", "10.64.8.7:8000").json() == {"status": "ok"}


def test_nothing_but_the_health_check_comes_past_the_door(make_site, known):
    site = make_site(OriginGuard(PlainTextResponse("inside"), known))

    assert site.ask("/healthz", GRANJA).text == "inside"
    for path in ("/healthz/", "/healthz2", "/healthz/../api/tenant", "//healthz", "/api/healthz", "http://x/healthz"):
        assert site.ask(path, GRANJA).status_code == 404, path


def test_every_value_is_compared_and_in_constant_time(monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(origin_guard, "hmac", SimpleNamespace(compare_digest=compare))
    known = OriginSecrets(OriginSettings(origin_secret="x"))
    known._values = (b"now", b"before")

    for value in (b"now", b"before", b"none"):
        assert anyio.run(known.include, value) is (value != b"none")
        assert compared == [(value, b"now"), (value, b"before")]
        compared.clear()


def test_during_a_rotation_both_values_are_good_and_then_the_old_one_can_be_taken_away(known, secrets, arn, clock):
    assert includes(known, b"first")
    before = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    secrets.put_secret_value(SecretId=arn, SecretString="second")
    assert not includes(known, b"second"), "the latest answer is half a minute old at most"
    clock.now += 31

    assert includes(known, b"second")
    assert includes(known, b"first")
    (version,) = before
    secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPREVIOUS", RemoveFromVersionId=version)
    clock.now += 31
    assert not includes(known, b"first")
    assert includes(known, b"second")


class Silent:
    """Secrets Manager, which may be down."""

    def __init__(self, client):
        self.client, self.exceptions, self.down, self.calls = client, client.exceptions, True, 0

    def get_secret_value(self, **request):
        self.calls += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        return self.client.get_secret_value(**request)


def test_an_outage_of_secrets_manager_changes_nothing_for_who_has_the_values(secrets, arn, clock):
    silent = Silent(secrets)
    silent.down = False
    known = OriginSecrets(OriginSettings(origin_secret_arn=arn), client=silent, clock=clock)
    assert includes(known, b"first")
    silent.down = True
    clock.now += 3600

    assert includes(known, b"first")
    assert not includes(known, b"second")


def test_without_any_value_nobody_is_let_in_and_secrets_manager_is_not_asked_each_time(secrets, arn, clock):
    silent = Silent(secrets)
    known = OriginSecrets(OriginSettings(origin_secret_arn=arn), client=silent, clock=clock)

    async def ask():
        for _ in range(20):
            with pytest.raises(Refused) as refused:
                await known.include(b"first")
            assert refused.value.problem.status == 503
            clock.now += 0.2

    anyio.run(ask)
    assert silent.calls == 1
    silent.down = False
    clock.now += 6
    assert includes(known, b"first")


def test_a_site_without_the_secret_says_that_it_is_not_available(make_app, make_site, clock, secrets):
    known = OriginSecrets(OriginSettings(origin_secret_arn="none"), client=Silent(secrets), clock=clock)
    site = make_site(OriginGuard(make_app(), known))

    response = site.ask("/api/tenant", GRANJA, headers={HEADER: "first"})

    assert (response.status_code, response.headers["cache-control"]) == (503, "no-store")


def test_the_process_does_not_start_without_a_secret(monkeypatch, make_settings):
    for name, value in make_settings().model_dump(mode="json", exclude_none=True).items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.setenv("PROBE_SECRET", "canary")
    for name in ("ORIGIN_SECRET", "ORIGIN_SECRET_ARN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match="ORIGIN_SECRET_ARN"):
        from_environment()
    with pytest.raises(ValidationError):
        OriginSettings(origin_secret="")
    monkeypatch.setenv("ORIGIN_SECRET", "canary")
    assert isinstance(from_environment(), OriginGuard)
    assert "canary" not in repr(OriginSettings.from_environment())


def test_a_web_socket_is_refused_behind_the_door_too(behind):
    sent = []

    async def send(message):
        sent.append(message)

    anyio.run(behind.app, {"type": "websocket", "path": "/api/tenant", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]

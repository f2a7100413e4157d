import shutil
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.probe_secret import ProbeSecret
from backend.settings import BackendSettings
from tenancy.database import TenantDatabases

BASE = "fluxionia.example"
GRANJA, VECINO = f"granja.{BASE}", f"vecino.{BASE}"


def assert_uniform_404(response):
    assert response.status_code == 404
    assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404}
    assert sorted((name, value) for name, value in response.headers.items()) == [
        ("cache-control", "no-store"),
        ("content-length", "60"),
        ("content-type", "application/problem+json"),
    ]


@pytest.fixture
def both(table):
    table.put("granja", "ACTIVE")
    table.put("vecino", "ACTIVE")
    return table


def test_a_tenants_host_answers_with_the_tenants_own_configuration(site, both):
    response = site.ask("/api/tenant", GRANJA)
    assert response.status_code == 200
    assert response.json() == {
        "tenant_id": "granja",
        "name": "La Granja Mercado",
        "tier": "premium",
        "settings": {"colour": "#2e7d32", "motto": "only La Granja Mercado", "limit": 3},
        "status": "ACTIVE",
    }
    assert response.headers["cache-control"] == "public, max-age=0, s-maxage=300"
    assert response.headers["cache-tag"] == "tenant:granja"
    assert "owner@" not in response.text


def test_head_is_answered_like_get(site, both):
    response = site.ask("/api/tenant", GRANJA, method="HEAD")
    assert response.status_code == 200
    assert response.headers["cache-tag"] == "tenant:granja"


def test_no_header_path_or_spelling_of_the_host_shows_another_tenants_data(site, both):
    paths = ("/api/tenant", "/", "/api/orders", "/api/tenant/", "//api/tenant", "/docs", "/openapi.json")
    misleading = (
        {},
        {"X-Forwarded-Host": VECINO},
        {"X-Tenant-Id": "vecino", "X-Tenant": "vecino"},
        {"Forwarded": f"host={VECINO}"},
        {"X-Original-Host": VECINO, "X-Host": VECINO},
    )
    for host in (GRANJA, GRANJA.upper(), f"{GRANJA}.", f"{GRANJA}:443"):
        for path in paths:
            for headers in misleading:
                response = site.ask(path, host, headers=headers)
                assert "vecino" not in f"{response.text} {response.headers}".lower()
                if path == "/api/tenant":
                    assert response.json()["name"] == "La Granja Mercado"
                elif path == "/api/orders":
                    assert response.status_code == 401
                else:
                    assert_uniform_404(response)


def test_a_whole_uri_in_the_request_line_is_nobodys(site, both):
    assert_uniform_404(site.ask(f"http://{VECINO}/api/tenant", GRANJA))
    assert_uniform_404(site.ask(f"http://{GRANJA}/api/tenant", GRANJA))


def test_unknown_malformed_doubled_and_reserved_hosts_get_one_and_the_same_404(site, both):
    for hosts in (
        (), (GRANJA, VECINO), (GRANJA, GRANJA), ("",), ("granja",), (BASE,), (f"origin.{BASE}",), (f"www.{BASE}",),
        (f"api.{BASE}",), (f"admin.{BASE}",), (f"unknown.{BASE}",), (f"granja.{BASE}.evil.example",), ("127.0.0.1:80",),
        (f"ñandú.{BASE}",), ("granja.fluxionia.example\xa0",), (f"a.granja.{BASE}",), (f"x' OR '1'='1.{BASE}",),
    ):  # fmt: skip
        for path in ("/api/tenant", "/api/nothing"):
            assert_uniform_404(site.ask(path, *hosts))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(hosts=st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"", b"www", b"%"])), max_size=3))
def test_no_host_whatever_gets_anything_but_the_404(site, both, hosts):
    assert_uniform_404(site.ask("/api/tenant", *hosts))


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "OFFBOARDING", "OFFBOARDED", "ROLLBACK_INCOMPLETE", "?"])
def test_a_tenant_that_is_not_live_cannot_be_told_from_one_that_is_not_there(site, table, status):
    table.put("granja", status)
    assert_uniform_404(site.ask("/api/tenant", GRANJA))


def test_a_suspended_tenant_is_503_and_never_cached(site, table, proof):
    table.put("granja", "SUSPENDED")
    for headers in ({}, proof(VECINO)):
        for path in ("/api/tenant", "/api/orders", "/"):
            response = site.ask(path, GRANJA, headers=headers)
            assert response.status_code == 503
            assert response.headers["cache-control"] == "no-store"
            assert int(response.headers["retry-after"]) > 0
            assert "Granja" not in response.text


@pytest.mark.parametrize("status", ["PENDING", "SUSPENDED"])
def test_the_probe_sees_a_site_that_is_not_live_and_nothing_of_it_is_cached(site, table, proof, status):
    table.put("granja", status)
    for host in (GRANJA, GRANJA.upper(), f"{GRANJA}:8443"):
        response = site.ask("/api/tenant", host, headers=proof(GRANJA))
        assert response.status_code == 200
        assert response.json()["tenant_id"] == "granja"
        assert response.headers["cache-control"] == "no-store"
        assert "cache-tag" not in response.headers


def test_a_proof_is_good_for_its_host_and_its_time_and_in_its_form_only(site, table, proof):
    table.put("granja", "PENDING")
    for headers in (
        proof(VECINO),
        proof(GRANJA, secret="guessed"),
        proof(GRANJA, now=time.time() - 120),
        proof(GRANJA, now=time.time() + 3600),
        proof(GRANJA, ttl=10_000),
        {"X-Fluxion-Probe": ""},
        {"X-Fluxion-Probe": "v1"},
        {"X-Fluxion-Probe": "\xff" * 100},
    ):
        assert_uniform_404(site.ask("/api/tenant", GRANJA, headers=headers))


@pytest.mark.parametrize("status", ["FAILED", "OFFBOARDED", "OFFBOARDING"])
def test_a_proof_opens_nothing_but_pending(site, table, proof, status):
    table.put("granja", status)
    assert_uniform_404(site.ask("/api/tenant", GRANJA, headers=proof(GRANJA)))


def test_a_proof_makes_no_live_site_private_and_no_other_tenant_visible(site, both, proof):
    both.put("vecino", "PENDING")
    assert site.ask("/api/tenant", GRANJA, headers=proof(VECINO)).json()["tenant_id"] == "granja"
    assert_uniform_404(site.ask("/api/tenant", VECINO, headers=proof(GRANJA)))


@pytest.mark.parametrize("hosts", [(), (GRANJA,), ("10.0.0.7:8080",), (f"origin.{BASE}",), (GRANJA, VECINO)])
def test_health_is_answered_on_any_host_without_asking_anybody(site, table, hosts):
    table.down = True
    response = site.ask("/healthz", *hosts)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"
    assert table.calls == 0


def test_an_outage_of_the_table_is_503_for_the_unknown_and_nothing_for_the_known(site, both, clock):
    assert site.ask("/api/tenant", GRANJA).status_code == 200
    both.down = True
    clock.now += 60
    from_memory = site.ask("/api/tenant", GRANJA)
    assert from_memory.status_code == 200
    assert from_memory.headers["cache-control"] == "no-store", "the edge could keep it beyond a suspension"
    response = site.ask("/api/tenant", VECINO)
    assert response.status_code == 503
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["retry-after"]) > 0


def test_a_busy_database_is_503_for_its_tenant_alone(site, both, tenants_directory):
    with TenantDatabases(tenants_directory).open("granja", "write"):
        response = site.ask("/api/tenant", GRANJA)
        assert response.status_code == 503
        assert response.headers["cache-control"] == "no-store"
        assert int(response.headers["retry-after"]) > 0
        assert "lock" not in response.text
        assert site.ask("/api/tenant", VECINO).status_code == 200
    assert site.ask("/api/tenant", GRANJA).status_code == 200


def test_a_missing_database_is_503(site, table, tenants_directory):
    table.put("nadie", "ACTIVE")
    response = site.ask("/api/tenant", f"nadie.{BASE}")
    assert response.status_code == 503
    assert "retry-after" in response.headers
    assert not (tenants_directory / "nadie").exists()


def test_a_database_in_the_wrong_folder_shows_nothing(site, table, tenants_directory):
    # A restore into the wrong place must not become another customer's site.
    table.put("impostor", "ACTIVE")
    shutil.copytree(tenants_directory / "vecino", tenants_directory / "impostor")
    response = site.ask("/api/tenant", f"impostor.{BASE}")
    assert response.status_code == 503
    assert "Vecino" not in response.text


def test_what_the_backend_did_not_expect_is_a_plain_500_that_nobody_caches(site, both, monkeypatch):
    from backend.tenant import site as configuration

    def fail(rows, status):
        raise RuntimeError("canary: /mnt/tenants/granja")

    monkeypatch.setattr(configuration, "site", fail)
    with pytest.raises(RuntimeError):
        # Raised again for the server's log, after the answer was sent.
        site.ask("/api/tenant", GRANJA)
    assert site.last.status_code == 500
    assert site.last.headers["cache-control"] == "no-store"
    assert "canary" not in site.last.text


def test_a_method_that_is_not_allowed_says_which_are(site, both):
    response = site.ask("/api/tenant", GRANJA, method="DELETE")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.headers["cache-control"] == "no-store"


def test_an_updated_name_is_served_by_the_next_request_that_reaches_the_backend(
    site, both, tenants_directory, tmp_path
):
    from tenancy.database import TenantSeeder

    before = site.ask("/api/tenant", VECINO).json()
    spec = {**before, "contact_email": "owner@vecino.example"}
    TenantSeeder(tenants_directory, tmp_path).seed(spec | {"name": "El Vecino Nuevo"}, 2)
    assert site.ask("/api/tenant", VECINO).json()["name"] == "El Vecino Nuevo"
    TenantSeeder(tenants_directory, tmp_path).seed(spec, 3)


def test_settings_say_what_is_missing(monkeypatch):
    needed = {
        "TENANTS_TABLE": "tenants",
        "PROVISIONING_TABLE": "t",
        "TENANTS_DIRECTORY": "/mnt",
        "BASE_DOMAIN": "Fluxionia.Example.",
        "OIDC_ISSUER": "https://issuer.example/pool",
        "OIDC_OPERATORS_CLIENT": "operators",
        "OIDC_STAFF_CLIENT": "staff",
        "PROBE_SECRET": "canary",
    }
    for name in (*needed, "PROBE_SECRET_ARN", "OIDC_DISCOVERY_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        BackendSettings.from_environment()
    assert [name for name in needed if name not in str(ended.value) and name != "PROBE_SECRET"] == []
    assert "PROBE_SECRET_ARN" in str(ended.value)
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    found = BackendSettings.from_environment()
    assert found.base_domain == BASE
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oidc_issuer", "http://issuer.example"),
        ("oidc_issuer", "issuer.example"),
        ("oidc_discovery_url", "http://10.0.0.7/x"),
        ("oidc_staff_client", "fluxion-operators"),
        ("tenants_table", ""),
    ],
)
def test_settings_refuse_what_would_be_unsafe(make_settings, name, value):
    with pytest.raises(ValidationError, match=name):
        make_settings(**{name: value})


def test_the_probes_secret_comes_from_secrets_manager_and_may_be_rotated(table, clock, make_settings):
    import boto3

    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="probe", SecretString="first")["ARN"]
    settings = make_settings(probe_secret=None, probe_secret_arn=arn)
    secret = ProbeSecret(settings, clock=clock)
    assert secret.value() == b"first"
    client.put_secret_value(SecretId=arn, SecretString="second")
    assert secret.value() == b"first"
    clock.now += 61
    assert secret.value() == b"second"


def test_a_secret_that_cannot_be_read_opens_nothing(table, make_app, make_settings, proof, make_site):
    table.put("granja", "PENDING")
    secret = ProbeSecret(make_settings(probe_secret=None, probe_secret_arn="arn"))
    assert_uniform_404(make_site(make_app(probe_secret=secret)).ask("/api/tenant", GRANJA, headers=proof(GRANJA)))


def test_a_web_socket_is_refused(site, both):
    import anyio

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/tenant", "headers": [(b"host", GRANJA.encode())]}
    anyio.run(site.app, scope, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]

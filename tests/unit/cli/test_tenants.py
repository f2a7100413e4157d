"""`fluxion tenants`: nothing is overwritten, nothing bad is written, and what is shown cannot harm a terminal."""

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Deployed, Fluxion

ESCAPE = "\x1b[31mred"


def test_a_new_tenant_is_written_as_asked(deployed: Deployed, fluxion: Fluxion):
    answer = fluxion.json(
        "tenants", "add", "granja", "--name", "La Granja Mercado", "--tier", "premium",
        "--contact-email", "hola@granja.example", "--setting", "colour=#0a0", "--setting", "motto=a=b", "--no-watch",
    )  # fmt: skip

    item = deployed.item("granja")
    assert item == {
        "tenant_id": "granja",
        "name": "La Granja Mercado",
        "tier": "premium",
        "contact_email": "hola@granja.example",
        "settings": {"colour": "#0a0", "motto": "a=b"},
        "requested_at": answer["requested_at"],
        "requested_by": answer["requested_by"],
    }
    assert answer["requested_at"].endswith("Z")


def test_an_existing_item_is_not_overwritten(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado")

    result = fluxion("tenants", "add", "granja", "--name", "Somebody else", "--no-watch")

    assert result.exit_code == 1
    assert "'granja' exists" in result.stderr
    assert "tenants retry granja" in result.stderr
    assert deployed.item("granja") == {"tenant_id": "granja", "name": "La Granja Mercado"}


def test_a_retry_changes_nothing_but_who_asked_and_when(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado", requested_at="2026-01-01T00:00:00Z", note="kept")

    assert fluxion("tenants", "retry", "granja", "--no-watch").exit_code == 0

    item = deployed.item("granja") or {}
    assert item["requested_at"] > "2026-01-01T00:00:00Z"
    assert {key: item[key] for key in ("name", "note")} == {"name": "La Granja Mercado", "note": "kept"}


def test_a_retry_needs_an_item(deployed: Deployed, fluxion: Fluxion):
    missing = fluxion("tenants", "retry", "granja", "--no-watch")

    assert (missing.exit_code, deployed.item("granja")) == (1, None)
    assert "no item 'granja'" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("www", "--name", "x"), ("tenant_id", "'www'", "reserved")),
        (("Granja", "--name", "x"), ("tenant_id", "'Granja'")),
        (("../etc", "--name", "x"), ("tenant_id", "'../etc'")),
        (("granja",), ("name is missing",)),
        (("granja", "--name", "a\nb"), ("name", "control characters or line breaks")),
        (("granja", "--name", "x", "--contact-email", "nobody"), ("contact_email", "e-mail address")),
        (("granja", "--name", "x", "--setting", "colour"), ("KEY=VALUE",)),
    ],
)
def test_a_bad_item_is_refused_before_anything_is_written(
    deployed: Deployed, fluxion: Fluxion, arguments: tuple[str, ...], words: tuple[str, ...]
):
    result = fluxion("tenants", "add", *arguments, "--no-watch")

    assert result.exit_code == 1
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stderr.count("\n") == 1, "one sentence, on one line"
    assert deployed.item(arguments[0]) is None


def test_watch_shows_each_stage_with_its_duration_and_the_site(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado")
    deployed.record("granja")
    deployed.event("granja", 10, "TenantClaimed", "ClaimTenant", "2026-11-24T08:00:00.500Z")
    deployed.event("granja", 20, "CnameAttached", "AttachCname", "2026-11-24T08:00:02.500Z")

    result = fluxion("tenants", "watch", "granja")

    assert result.exit_code == 0
    assert "ClaimTenant           0.5 s" in result.stderr
    assert "AttachCname           2.0 s" in result.stderr
    assert "https://granja.fluxionia.co/" in result.stdout


@pytest.mark.parametrize("state", ["FAILED", "STALLED"])
def test_watch_exits_1_and_says_what_to_do(deployed: Deployed, fluxion: Fluxion, state: str):
    operation = {"state": state, "stage": "CreateDnsRecords"}
    error = {"code": "RecordBelongsToOthers", "message": "granja has an A record", "remedy": "Delete it."}
    error |= {"stage": "CreateDnsRecords"}
    deployed.record("granja", status="FAILED", operation=operation, last_error=error)

    result = fluxion("tenants", "watch", "granja")

    assert result.exit_code == 1
    assert "RecordBelongsToOthers: granja has an A record" in result.stdout
    assert "What to do: Delete it." in result.stdout


def test_watching_gives_up_in_one_sentence(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado")

    result = fluxion("tenants", "watch", "granja", "--timeout", "1")

    assert result.exit_code == 1
    assert "still WAITING after 1 s" in result.stderr


def test_a_tenant_that_nobody_asked_for_is_no_tenant(deployed: Deployed, fluxion: Fluxion):
    for command in ("watch", "show"):
        result = fluxion("tenants", command, "nobody")
        assert result.exit_code == 1
        assert "There is no tenant 'nobody'" in result.stderr


def test_list_has_what_is_wanted_and_what_is(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado")
    deployed.put(tenant_id="huerta", name="Huerta")
    deployed.record("granja")
    deployed.record("gone", status="OFFBOARDED")

    assert [(row["tenant_id"], row["status"]) for row in fluxion.json("tenants", "list")] == [
        ("granja", "ACTIVE"),
        ("huerta", "NOT SEEN YET"),
    ]
    assert [row["tenant_id"] for row in fluxion.json("tenants", "list", "--all")] == ["gone", "granja", "huerta"]
    assert [row["tenant_id"] for row in fluxion.json("tenants", "list", "--status", "active")] == ["granja"]


def test_list_finds_what_has_come_to_a_halt(deployed: Deployed, fluxion: Fluxion):
    for tenant, state in (("granja", "SUCCEEDED"), ("huerta", "STALLED")):
        deployed.put(tenant_id=tenant, name=tenant)
        deployed.record(tenant, operation={"kind": "update", "state": state, "stage": "VerifyTenant"})

    assert [row["tenant_id"] for row in fluxion.json("tenants", "list", "--status", "stalled")] == ["huerta"]


@pytest.fixture
def halted(deployed: Deployed) -> Deployed:
    """Two tenants that one error has brought to a halt, one that it has not, one that got over it, one that is gone."""
    for tenant, code, state in (
        ("granja", "ServiceThrottled", "STALLED"),
        ("huerta", "ServiceThrottled", "FAILED"),
        ("mercado", "AccessDenied", "FAILED"),
        ("vivero", "ServiceThrottled", "SUCCEEDED"),
        ("gone", "ServiceThrottled", "FAILED"),
    ):
        if tenant != "gone":
            deployed.put(tenant_id=tenant, name=tenant)
        operation = {"kind": "update", "state": state, "stage": "AttachCname"}
        deployed.record(tenant, operation=operation, last_error={"code": code})
    return deployed


def test_list_finds_what_one_error_has_brought_to_a_halt(halted: Deployed, fluxion: Fluxion):
    rows = fluxion.json("tenants", "list", "--cause", "ServiceThrottled")

    assert [row["tenant_id"] for row in rows] == ["granja", "huerta"]


def test_retry_asks_for_all_that_one_error_has_brought_to_a_halt(halted: Deployed, fluxion: Fluxion):
    asked = fluxion.json("tenants", "retry", "--cause", "ServiceThrottled")

    assert {each["tenant_id"]: each["asked"] for each in asked} == {"gone": False, "granja": True, "huerta": True}
    with_item = ("granja", "huerta", "mercado", "vivero")
    assert [tenant for tenant in with_item if "requested_at" in halted.item(tenant)] == ["granja", "huerta"]
    assert halted.item("gone") is None


@pytest.mark.parametrize("arguments", [(), ("granja", "--cause", "ServiceThrottled")])
def test_retry_wants_either_a_tenant_or_a_cause(halted: Deployed, fluxion: Fluxion, arguments: tuple[str, ...]):
    result = fluxion("tenants", "retry", *arguments)

    assert result.exit_code == 1
    assert "--cause" in result.stderr


def test_more_tenants_than_one_call_can_read_are_all_listed(deployed: Deployed, fluxion: Fluxion):
    for number in range(120):
        deployed.put(tenant_id=f"tenant-{number:03d}", name="x")
        deployed.record(f"tenant-{number:03d}")

    rows = fluxion.json("tenants", "list")

    assert len(rows) == 120
    assert {row["status"] for row in rows} == {"ACTIVE"}


def test_show_has_item_record_effects_and_events(deployed: Deployed, fluxion: Fluxion):
    deployed.put(tenant_id="granja", name="La Granja Mercado")
    deployed.record("granja")
    deployed.effect("granja", "dns_records", "DONE")
    deployed.event("granja", 10, "TenantClaimed", "ClaimTenant", "2026-11-24T08:00:00.500Z")

    shown = fluxion.json("tenants", "show", "granja")
    assert shown["item"]["name"] == "La Granja Mercado"
    assert shown["record"]["generation"] == 1
    assert [effect["sk"] for effect in shown["effects"]] == ["EFFECT#dns_records"]
    assert shown["events"][0]["detail"]["data"]["stage"] == "ClaimTenant"

    text = fluxion("tenants", "show", "granja").stdout
    assert all(word in text for word in ("La Granja Mercado", "dns_records", "DONE", "TenantClaimed", "ActivateTenant"))


@pytest.mark.parametrize("command", [("list",), ("show", "granja"), ("watch", "granja")])
def test_what_a_table_holds_is_shown_as_text(deployed: Deployed, fluxion: Fluxion, command: tuple[str, ...]):
    evil = f"[bold red]{ESCAPE}\r\n\u202eforged[/]"
    deployed.put(tenant_id="granja", name=evil)
    deployed.record(
        "granja", status="FAILED", host=evil, spec={"name": evil}, last_error={"message": evil, "code": evil}
    )
    deployed.event("granja", 10, evil, evil, "2026-11-24T08:00:00.500Z")

    output = fluxion("tenants", *command).output

    assert not set(output) & {"\x1b", "\r", "\u202e"}
    if command[0] != "watch":
        assert "[bold red]\\x1b" in output.replace("\n", ""), "markup is not obeyed but shown"


def test_a_missing_stack_is_one_sentence(deployed: Deployed, fluxion: Fluxion):
    result = fluxion("tenants", "list", "--stack", "nothing")

    assert result.exit_code == 1
    assert result.stderr.startswith("fluxion: There is no stack 'nothing' in us-east-1")
    assert result.stderr.count("\n") == 1


def test_the_local_aws_is_used_where_it_runs_and_that_is_said(deployed: Deployed, fluxion: Fluxion, state_folder: Path):
    variables = {"AWS_ENDPOINT_URL": "'http://127.0.0.1:9'", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    (state_folder / "env").write_text("".join(f"export {name}={value}\n" for name, value in variables.items()))

    local = fluxion("tenants", "list")
    assert "Using the local AWS at http://127.0.0.1:9" in local.stderr

    other = fluxion("tenants", "list", "--no-local")
    assert other.exit_code == 0
    assert "Using" not in other.stderr


def test_local_without_a_running_one_says_how_to_start_it(fluxion: Fluxion):
    result = fluxion("tenants", "list", "--local")

    assert result.exit_code == 1
    assert "make up" in result.stderr


@pytest.mark.parametrize(
    ("edge", "address"),
    [
        ({}, "https://granja.fluxionia.co/"),
        ({"FLUXION_EDGE_URL": "https://127.0.0.1:8443"}, "https://granja.fluxionia.co:8443/"),
    ],
)
def test_the_address_of_a_site_has_the_port_of_the_edge(
    monkeypatch: pytest.MonkeyPatch, edge: dict[str, str], address: str
):
    from cli.session import Session, Where

    monkeypatch.delenv("FLUXION_EDGE_URL", raising=False)

    assert Session(Where(edge, "here"), "fluxion").site("granja.fluxionia.co") == address

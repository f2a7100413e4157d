"""What operators and viewers may ask on the admin host."""

import hashlib
import json
import time

import pytest
from botocore.exceptions import EndpointConnectionError

from backend.admin import api
from backend.admin.events import Looks, Rhythm
from control.tables import ControlPlane
from tenancy.platform.dynamodb_values import plain, typed

BASE = "fluxionia.example"
ADMIN = f"admin.{BASE}"
GRANJA = {"tenant_id": "granja", "name": "La Granja Mercado"}


class Panel:
    """The admin API, asked by somebody; and both tables beside it."""

    def __init__(self, site, dynamodb, token):
        self.site, self.dynamodb, self.token = site, dynamodb, token

    def ask(self, path, *, by="operator", **more):
        headers = more.pop("headers", {})
        return self.site.ask(f"/api{path}", ADMIN, token=self.token(by), headers=headers, **more)

    def post(self, path, wanted=None, **more):
        return self.ask(path, method="POST", json=wanted, **more)

    def item(self, tenant_id="granja"):
        found = self.dynamodb.get_item(TableName="tenants", Key=typed({"tenant_id": tenant_id})).get("Item")
        return plain(found) if found else None

    def put(self, item):
        self.dynamodb.put_item(TableName="tenants", Item=typed(item))

    def record(self, tenant_id="granja", *, status="ACTIVE", state="SUCCEEDED", stage="ActivateTenant", **more):
        operation = {
            "kind": more.pop("kind", "onboard"),
            "state": state,
            "stage": stage,
            "execution_arn": more.pop("arn", "arn:1"),
            "started_at": "2026-11-24T03:00:00.000Z",
        }
        values = {"generation": 1, "attempt": 1, "status": status, "operation": operation, "tenant_id": tenant_id}
        item = {"pk": f"TENANT#{tenant_id}", "sk": "TENANT", **values, **more}
        self.dynamodb.put_item(TableName="provisioning", Item=typed(item))

    def event(self, kind, *, order, stage, at, tenant_id="granja", attempt=1, **data):
        detail = {"metadata": {}, "data": {"stage": stage, "attempt": attempt, **data}}
        item = {
            "pk": f"TENANT#{tenant_id}",
            "sk": f"EVENT#000001#{attempt:06d}#{order:02d}#{kind}#{hashlib.sha256(kind.encode()).hexdigest()[:8]}",
            "tenant_id": tenant_id,
            "event_id": f"id-{kind}-{attempt}",
            "type": kind,
            "detail": json.dumps(detail),
            "occurred_at": f"2026-11-24T03:00:{at:06.3f}Z",
        }
        self.dynamodb.put_item(TableName="provisioning", Item=typed(item))

    def claim(self, skeleton, tenant_id, **more):
        item = {"pk": f"CLAIM#{skeleton}", "sk": "CLAIM", "tenant_id": tenant_id, **more}
        self.dynamodb.put_item(TableName="provisioning", Item=typed(item))


@pytest.fixture
def panel(site, dynamodb, token):
    return Panel(site, dynamodb, token)


CHANGES = [
    ("POST", "/tenants", GRANJA, {}),
    ("PATCH", "/tenants/granja", {"name": "x"}, {"Fluxion-If-Match": "*"}),
    ("POST", "/tenants/granja/suspend", None, {}),
    ("POST", "/tenants/granja/resume", None, {}),
    ("POST", "/tenants/granja/retry", None, {}),
    ("DELETE", "/tenants/granja", None, {"Fluxion-Confirm": "granja"}),
]
LOOKS = ["/me", "/tenants", "/tenants/granja", "/tenants/granja/history", "/names/otra", "/tenants/granja/events"]


def test_every_route_of_the_document_is_tried_here(panel):
    paths = panel.site.ask("/api/openapi.json", ADMIN).json()["paths"]
    documented = {(method.upper(), path.removeprefix("/api")) for path, routes in paths.items() for method in routes}
    tried = {("GET", path) for path in LOOKS} | {(method, path) for method, path, *_ in CHANGES}
    named = {(method, path.replace("granja", "{tenant_id}").replace("otra", "{tenant_id}")) for method, path in tried}
    assert documented - {("GET", "/auth"), ("POST", "/auth/token")} == named


@pytest.mark.parametrize(("method", "path", "body", "headers"), CHANGES)
def test_a_viewer_changes_nothing(panel, method, path, body, headers):
    panel.put(GRANJA)
    before = panel.item()
    response = panel.ask(path, by="viewer", method=method, json=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "role_forbids")
    assert panel.item() == before


@pytest.mark.parametrize("path", LOOKS)
def test_a_viewer_sees_everything_and_nobody_else_sees_anything(panel, site, token, path):
    panel.put(GRANJA)
    panel.record()
    assert panel.ask(path, by="viewer").status_code == 200
    assert panel.site.last.headers["cache-control"] == "no-store"
    assert site.ask(f"/api{path}", ADMIN).status_code == 401
    assert site.ask(f"/api{path}", ADMIN, token=token("staff", "granja")).status_code == 401
    disguised = token("staff", "granja", aud="fluxion-operators")
    assert site.ask(f"/api{path}", ADMIN, token=disguised).status_code == 403
    assert site.ask(f"/api{path}", ADMIN, token=token("viewer", fluxion_role="root")).status_code == 403


@pytest.mark.parametrize("host", [f"granja.{BASE}", f"api.{BASE}", BASE, f"www.{BASE}"])
def test_the_admin_api_is_on_its_own_host_alone(panel, site, token, table, host):
    table.put("granja", "ACTIVE")
    for path in LOOKS:
        response = site.ask(f"/api{path}", host, token=token("operator"))
        assert response.status_code == 404


def test_a_page_of_another_site_changes_nothing(panel):
    for origin in ("https://evil.example", f"https://granja.{BASE}", f"https://{BASE}", "null"):
        response = panel.post("/tenants", GRANJA, headers={"Origin": origin})
        assert (response.status_code, response.json()["code"]) == (403, "origin_forbidden")
    assert panel.item() is None
    assert panel.post("/tenants", GRANJA, headers={"Origin": f"https://{ADMIN}:8443"}).status_code == 201


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_new_tenant_is_one_item_that_says_who_asked(panel):
    wanted = GRANJA | {"tier": "premium", "contact_email": "a@b.example", "settings": {"colour": "#fff", "n": 1.5}}
    response = panel.post("/tenants", wanted)
    assert response.status_code == 201
    assert response.headers["location"] == "/api/tenants/granja"
    asked = response.json()
    assert panel.item() == wanted | {"requested_by": f"operator@{BASE}", "requested_at": asked["requested_at"]}
    assert (asked["changed"], asked["after"]) == (True, "none")


def test_an_existing_item_is_never_overwritten(panel):
    panel.put(GRANJA | {"name": "Another"})
    response = panel.post("/tenants", GRANJA)
    assert (response.status_code, response.json()["code"]) == (409, "exists")
    assert panel.item()["name"] == "Another"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (GRANJA | {"tenant_id": "www"}, "tenant_id"),
        (GRANJA | {"tenant_id": "Granja"}, "tenant_id"),
        (GRANJA | {"name": ""}, "name"),
        (GRANJA | {"name": "a\u202eb"}, "name"),
        (GRANJA | {"tier": "gold"}, "tier"),
        (GRANJA | {"contact_email": "nobody"}, "contact_email"),
        (GRANJA | {"settings": {"a": [1]}}, "settings.a.str"),
        (GRANJA | {"settings": {"a": 1e300}}, "settings"),
        (GRANJA | {"settings": {"a": 1e-300}}, "settings"),
        (GRANJA | {"settings": {"a": 10**40}}, "settings"),
        (GRANJA | {"settings": {"ä": "x"}}, "settings"),
        (GRANJA | {"desired_state": "gone"}, "desired_state"),
        (GRANJA | {"requested_by": "somebody else"}, "requested_by"),
        (GRANJA | {"domains": ["x.example"]}, "domains"),
        ({"tenant_id": "granja"}, "name"),
    ],
)
def test_what_the_workflow_would_refuse_is_refused_by_its_field(panel, wanted, field):
    response = panel.post("/tenants", wanted)
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert response.json()["errors"][0]["field"] == field
    assert panel.item(wanted["tenant_id"]) is None


def test_a_change_writes_what_is_given_and_nothing_else(panel):
    panel.put(GRANJA | {"settings": {"a": 1}, "unknown": {"kept": [1, 2]}, "contact_email": "a@b.example"})
    etag = panel.ask("/tenants/granja").headers["etag"]
    response = panel.ask(
        "/tenants/granja",
        method="PATCH",
        json={"name": "New", "contact_email": None},
        headers={"Fluxion-If-Match": etag},
    )
    assert response.status_code == 202
    asked = response.json()
    assert panel.item() == {
        "tenant_id": "granja", "name": "New", "settings": {"a": 1}, "unknown": {"kept": [1, 2]},
        "requested_by": f"operator@{BASE}", "requested_at": asked["requested_at"],
    }  # fmt: skip
    assert panel.ask("/tenants/granja").headers["etag"] == asked["etag"] != etag


def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(panel):
    panel.put(GRANJA)
    etag = panel.ask("/tenants/granja").headers["etag"]
    panel.put(GRANJA | {"tier": "basic"})
    change = {"method": "PATCH", "json": {"name": "New"}}
    response = panel.ask("/tenants/granja", **change, headers={"Fluxion-If-Match": etag})
    assert (response.status_code, response.json()["code"]) == (412, "changed_meanwhile")
    response = panel.ask("/tenants/granja", **change)
    assert (response.status_code, response.json()["code"]) == (428, "if_match_required")
    assert panel.item() == GRANJA | {"tier": "basic"}


def test_even_a_change_between_our_read_and_our_write_is_not_overwritten(panel, monkeypatch):
    panel.put(GRANJA)
    read = ControlPlane.record

    def slow(self, tenant_id):
        panel.put(GRANJA | {"tier": "basic"})  # somebody is faster
        return read(self, tenant_id)

    monkeypatch.setattr(ControlPlane, "record", slow)
    change = {"method": "PATCH", "json": {"name": "New"}, "headers": {"Fluxion-If-Match": "*"}}
    assert panel.ask("/tenants/granja", **change).status_code == 412
    panel.put(GRANJA)
    assert panel.post("/tenants/granja/suspend").status_code == 409
    assert panel.item() == GRANJA | {"tier": "basic"}


def test_a_change_to_what_is_so_already_writes_nothing(panel):
    panel.put(GRANJA)
    same = {"name": GRANJA["name"], "tier": "standard", "desired_state": "active", "settings": {}}
    response = panel.ask("/tenants/granja", method="PATCH", json=same, headers={"Fluxion-If-Match": "*"})
    assert (response.status_code, response.json()["changed"], response.json()["after"]) == (202, False, None)
    assert panel.post("/tenants/granja/resume").json()["changed"] is False
    assert panel.item() == GRANJA


def test_suspend_resume_and_retry_ask_for_another_run(panel):
    panel.put(GRANJA)
    panel.record()
    seen = [panel.item()]
    for what, state in (("suspend", "suspended"), ("resume", "active"), ("retry", "active")):
        asked = panel.post(f"/tenants/granja/{what}").json()
        seen.append(panel.item())
        assert seen[-1]["desired_state"] == state
        assert seen[-1] != seen[-2]
        assert seen[-1]["requested_by"] == f"operator@{BASE}"
        assert asked["after"].startswith("1.1.")


@pytest.mark.parametrize(("method", "path", "body", "headers"), CHANGES[1:])
def test_a_tenant_that_is_not_there_cannot_be_changed(panel, method, path, body, headers):
    assert panel.ask(path, method=method, json=body, headers=headers).status_code == 404
    assert panel.item() is None


@pytest.mark.parametrize("headers", [{}, {"Fluxion-Confirm": ""}, {"Fluxion-Confirm": "Granja"}])
def test_nothing_is_removed_before_its_id_was_said_twice(panel, headers):
    panel.put(GRANJA)
    response = panel.ask("/tenants/granja", method="DELETE", headers=headers)
    assert (response.status_code, response.json()["code"]) == (428, "confirmation_required")
    assert panel.item() == GRANJA


def test_a_removal_deletes_the_item_and_says_what_it_was(panel):
    panel.put(GRANJA | {"settings": {"a": 1}})
    response = panel.ask("/tenants/granja", method="DELETE", headers={"Fluxion-Confirm": "granja"})
    assert response.status_code == 202
    assert response.json()["item"] == GRANJA | {"settings": {"a": 1}}
    assert panel.item() is None
    assert panel.post("/tenants", response.json()["item"]).status_code == 201, "putting it back cancels"


# --- looking ----------------------------------------------------------------------------------------------------------


def test_tenants_are_listed_in_pages_and_found(panel):
    for number in range(12):
        panel.put({"tenant_id": f"tienda-{number:02d}", "name": f"Tienda número {number}"})
        panel.record(f"tienda-{number:02d}", status="ACTIVE" if number % 2 else "FAILED")
    panel.put(GRANJA)
    panel.record("ida", status="OFFBOARDED", kind="offboard")

    def listed(query):
        return [row["tenant_id"] for row in panel.ask(f"/tenants?{query}").json()["items"]]

    first = panel.ask("/tenants?limit=5").json()
    second = panel.ask(f"/tenants?limit=20&cursor={first['next']}").json()
    ids = [row["tenant_id"] for row in first["items"] + second["items"]]
    assert ids == ["granja", *(f"tienda-{number:02d}" for number in range(12))]
    assert second["next"] is None
    assert listed("status=FAILED&limit=3") == ["tienda-00", "tienda-02", "tienda-04"]
    assert listed("status=not_seen") == ["granja"]
    assert listed("q=N%C3%9AMERO%201") == ["tienda-01", "tienda-10", "tienda-11"]
    assert listed("q=granja") == ["granja"]
    assert listed("removed=true") == ["ida"]
    row = panel.ask("/tenants?q=tienda-01").json()["items"][0]
    assert (row["status"], row["operation"]["state"]) == ("ACTIVE", "SUCCEEDED")
    assert (row["host"], row["url"]) == (f"tienda-01.{BASE}", f"https://tienda-01.{BASE}/")


def test_the_address_of_a_site_has_the_port_that_the_panel_has(site, panel, token):
    panel.put(GRANJA)
    rows = site.ask("/api/tenants", f"{ADMIN}:8443", token=token("viewer")).json()["items"]
    assert rows[0]["url"] == f"https://granja.{BASE}:8443/"


def test_one_tenant_is_shown_with_all_that_both_tables_say(panel):
    panel.put(GRANJA)
    error = {"code": "RecordBelongsToOthers", "message": "taken", "stage": "CreateDnsRecords"}
    panel.record(status="FAILED", state="FAILED", stage="CreateDnsRecords", last_error=error)
    panel.event("TenantClaimed", order=10, stage="ClaimTenant", at=1.5, requested_by="ana", after={"tier": "basic"})
    failed = {"code": "RecordBelongsToOthers", "message": "taken"}
    panel.event("TenantOnboardingFailed", order=80, stage="CreateDnsRecords", at=4.0, **failed)
    effect = {"state": "DONE", "generation": 1, "attempt": 1, "target": "t", "at": "2026-11-24T03:00:00Z"}
    panel.dynamodb.put_item(
        TableName="provisioning", Item=typed({"pk": "TENANT#granja", "sk": "EFFECT#cdn_aliases", **effect})
    )
    shown = panel.ask("/tenants/granja").json()
    assert shown["item"] == GRANJA
    assert shown["record"]["generation"] == 1
    assert shown["effects"] == [{"system": "cdn_aliases", **effect}]
    assert [event["event"] for event in shown["events"]] == ["TenantOnboardingFailed", "TenantClaimed"]
    assert shown["events"][0]["es"] == shown["last_error"]["es"]
    assert shown["events"][1]["changed"] == {"tier": {"before": None, "after": "basic"}}
    assert shown["last_error"]["remedy"].startswith("Delete or rename the record")
    assert shown["last_error"]["es"]["cause"].startswith("La zona ya tiene")
    assert shown["last_error"]["es"]["remedy"].startswith("Borre o renombre el registro")
    progress = shown["progress"]
    assert (progress["state"], progress["ended"], progress["run"]) == ("FAILED", True, "1.1")
    assert [(stage["name"], stage["state"], stage["seconds"]) for stage in progress["stages"]] == [
        ("ClaimTenant", "done", 1.5), ("CreateDnsRecords", "failed", 2.5),
    ]  # fmt: skip
    assert panel.ask("/tenants/nadie").status_code == 404


def test_every_error_is_told_in_both_languages(panel):
    from tenancy.domain import errors
    from tenancy.domain.languages import ENGLISH

    panel.put(GRANJA)
    codes = set(errors.leaves()) - set(errors.leaves(errors.SupersededError))
    for code in sorted({*codes, "States.Timeout"}):
        panel.record(status="FAILED", state="FAILED", last_error={"code": code, "message": "m", "stage": "ClaimTenant"})
        (shown,) = panel.ask("/tenants?q=granja").json()["items"]
        error = shown["last_error"]
        assert error["remedy"] == ENGLISH.remedy(code)
        assert error["es"]["cause"].endswith(".")
        assert error["es"]["remedy"].endswith(".")
        assert error["es"]["remedy"] != error["remedy"]


def test_a_removal_is_told_in_the_order_in_which_it_went(panel):
    panel.record(status="OFFBOARDED", kind="offboard", state="SUCCEEDED", stage="ReleaseHostname")
    panel.event("CacheInvalidated", order=50, stage="InvalidateCache", at=4)
    panel.event("DnsRecordsDeleted", order=81, stage="DeleteDnsRecords", at=1)
    panel.event("CnameDetached", order=82, stage="DetachCname", at=2)
    panel.event("DatabaseArchived", order=83, stage="ArchiveDatabase", at=3)
    panel.event("HostnameReleased", order=85, stage="ReleaseHostname", at=5)
    panel.event("TenantOffboarded", order=86, stage="ReleaseHostname", at=5)
    shown = panel.ask("/tenants/granja").json()
    went = ["DeleteDnsRecords", "DetachCname", "ArchiveDatabase", "InvalidateCache", "ReleaseHostname"]
    assert [stage["name"] for stage in shown["progress"]["stages"]] == went
    told = [entry["stage"] for entry in panel.ask("/tenants/granja/history").json()["items"]]
    assert told == [entry["stage"] for entry in shown["events"]] == ["ReleaseHostname", *went[::-1]]


def test_a_removal_that_is_held_shows_no_stages_of_the_run_before(panel):
    panel.record(kind="offboard", state="HELD", stage="HoldTenant")
    panel.event("TenantActivated", order=70, stage="ActivateTenant", at=4)
    progress = panel.ask("/tenants/granja").json()["progress"]
    assert (progress["state"], progress["ended"], progress["stages"]) == ("HELD", True, [])


def test_drift_is_told_with_what_was_found_and_is_no_stage(panel):
    panel.record()
    found = {"kind": "RECORD_MISSING", "where": "dns_records", "what": "granja A", "repair": "workflow"}
    panel.event("DriftDetected", order=97, stage="Reconcile", at=9, findings=[found | {"since": "now"}])
    shown = panel.ask("/tenants/granja").json()
    assert [stage["name"] for stage in shown["progress"]["stages"]] == []
    assert shown["events"][0]["found"] == [found]


def test_history_is_newest_first_in_pages(panel):
    panel.record()
    for number in range(7):
        panel.event(f"Event{number}", order=number, stage="Stage", at=number)
    first = panel.ask("/tenants/granja/history?limit=4").json()
    second = panel.ask(f"/tenants/granja/history?limit=4&cursor={first['next']}").json()
    names = [entry["event"] for entry in first["items"] + second["items"]]
    assert names == [f"Event{number}" for number in reversed(range(7))]
    assert second["next"] is None
    assert panel.ask("/tenants/nadie/history").status_code == 404
    assert panel.ask("/tenants/granja/history?cursor=WyJURU5BTlQiXQ").status_code == 400


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ab", "length"), ("a" * 33, "length"), ("Granja", "plain_form"), ("gr_anja", "characters"),
        ("-granja", "characters"), ("xn--granja", "hyphens"), ("12345", "digits"), ("www", "reserved"),
        ("l0gin", "looks_reserved"), ("granja", "taken"), ("otra", None), ("1agranja", "looks_taken"),
        ("lagranja", None), ("antes", None), ("%C3%B1and%C3%BA", "characters"), ("a%20b%20c", "characters"),
    ],
)  # fmt: skip
def test_a_name_is_checked_by_the_products_own_rules(panel, name, code):
    panel.put(GRANJA)
    panel.claim("granja", "granja")
    panel.claim("lagranja", "lagranja")
    panel.claim("antes", "antes", free_at="2020-01-01T00:00:00.000Z")
    response = panel.ask(f"/names/{name}")
    assert response.status_code == 200
    found = response.json()
    assert (found["code"], found["ok"]) == (code, code is None)
    assert (found["rule"] is None) == (code is None)


def test_the_name_of_one_who_held_it_until_lately_is_taken_until_it_is_free(panel):
    panel.claim("lagranja", "lagranja", free_at="2999-01-01T00:00:00.000Z")
    assert panel.ask("/names/1agranja").json()["like"] == "lagranja"
    assert panel.post("/tenants", {"tenant_id": "1agranja", "name": "x"}).json()["code"] == "name_taken"
    assert panel.ask("/names/lagranja").json()["ok"] is True


def test_tables_that_do_not_answer_are_503(make_app, make_settings, make_site, token):
    class Down:
        def __getattr__(self, name):
            def fail(*_, **__):
                raise EndpointConnectionError(endpoint_url="https://dynamodb")

            return fail

    site = make_site(make_app(control_plane=ControlPlane("tenants", "provisioning", Down())))
    for path in ("/tenants", "/tenants/granja", "/names/otra"):
        response = site.ask(f"/api{path}", ADMIN, token=token("viewer"))
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert site.ask("/api/me", ADMIN, token=token("viewer")).json()["role"] == "viewer"


# --- live progress ----------------------------------------------------------------------------------------------------


def events_of(response):
    found = []
    for block in response.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if "data" in fields:
            found.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return found


def test_a_run_that_has_ended_is_told_and_the_stream_ends(panel):
    panel.put(GRANJA)
    panel.record()
    panel.event("TenantClaimed", order=10, stage="ClaimTenant", at=1)
    panel.event("TenantActivated", order=70, stage="ActivateTenant", at=3)
    response = panel.ask("/tenants/granja/events", by="viewer")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    ((kind, _, progress),) = events_of(response)
    assert (kind, progress["state"], progress["ended"]) == ("end", "SUCCEEDED", True)
    assert [stage["name"] for stage in progress["stages"]] == ["ClaimTenant", "ActivateTenant"]


@pytest.fixture
def live(make_app, make_settings, make_site, dynamodb, token, monkeypatch):
    """A panel whose streams look every moment, and whose tables change between two looks as a script says."""

    def build(script, **rhythm):
        steps = iter(script)

        class Scripted(ControlPlane):
            def record(self, tenant_id):
                next(steps, lambda: None)()
                return super().record(tenant_id)

        monkeypatch.setattr(api, "Rhythm", lambda: Rhythm(**{"look": 0.001, "beat": 5, "longest": 5} | rhythm))
        monkeypatch.setattr(api, "Looks", lambda: Looks(fresh_seconds=-1))
        site = make_site(make_app(control_plane=Scripted("tenants", "provisioning", dynamodb)))
        return Panel(site, dynamodb, token)

    return build


def test_stages_are_told_as_they_complete_each_time_the_whole_picture(live):
    def run(stage, state="RUNNING", **more):
        return lambda: panel.record(status="PENDING", stage=stage, state=state, attempt=2, arn="arn:2", **more)

    def told(kind, order, stage):
        return lambda: panel.event(kind, order=order, stage=stage, at=order, attempt=2)

    script = [
        lambda: panel.record(attempt=1), lambda: None, run("ClaimTenant"), told("TenantClaimed", 10, "ClaimTenant"),
        run("AttachCname"), lambda: None, lambda: None, told("CnameAttached", 20, "AttachCname"),
        run("ActivateTenant", "SUCCEEDED"),
    ]  # fmt: skip
    panel = live(script)
    panel.put(GRANJA)
    panel.record(attempt=1)
    panel.event("TenantActivated", order=70, stage="ActivateTenant", at=0)
    after = f"1.1.{hashlib.sha256(b'arn:1').hexdigest()[:8]}"
    found = events_of(panel.ask(f"/tenants/granja/events?after={after}"))
    seen = [
        (kind, progress["state"], [(stage["name"], stage["state"]) for stage in progress["stages"]])
        for kind, _, progress in found
    ]
    claimed, attached = ("ClaimTenant", "done"), ("AttachCname", "done")
    assert seen == [
        ("progress", "WAITING", []),
        ("progress", "RUNNING", [("ClaimTenant", "running")]),
        ("progress", "RUNNING", [claimed]),
        ("progress", "RUNNING", [claimed, ("AttachCname", "running")]),
        ("progress", "RUNNING", [claimed, attached]),
        ("end", "SUCCEEDED", [claimed, attached]),
    ]
    assert len({mark for _, mark, _ in found}) == len(found)


def test_a_stream_that_broke_goes_on_where_it_was(live):
    panel = live([], longest=0.05)
    panel.put(GRANJA)
    panel.record(status="PENDING", state="RUNNING", stage="ClaimTenant")
    ((kind, mark, _),) = events_of(panel.ask("/tenants/granja/events"))
    assert kind == "progress"
    assert events_of(panel.ask("/tenants/granja/events", headers={"Last-Event-ID": mark})) == []
    panel.record(status="PENDING", state="RUNNING", stage="AttachCname")
    assert len(events_of(panel.ask("/tenants/granja/events", headers={"Last-Event-ID": mark}))) == 1


def test_a_stream_gives_signs_of_life_and_ends_with_its_token(live, monkeypatch):
    panel, rhythms = live([], beat=0.01), []
    stream = api.stream

    def noted(look, last_id, rhythm):
        rhythms.append(rhythm)
        return stream(look, last_id, rhythm)

    monkeypatch.setattr(api, "stream", noted)
    panel.put(GRANJA)
    panel.record(status="PENDING", state="RUNNING", stage="ClaimTenant")
    good_for_a_moment = panel.token("viewer", exp=int(time.time()) + 2)  # whole seconds
    response = panel.site.ask("/api/tenants/granja/events", ADMIN, token=good_for_a_moment)
    assert response.text.count(": beat") > 1
    assert [kind for kind, *_ in events_of(response)] == ["progress"]
    assert rhythms[0].longest <= 2


def test_a_stream_survives_tables_that_do_not_answer_for_a_moment(live):
    def fail():
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    script = [lambda: None, fail, fail]
    panel = live(script)
    script.append(panel.record)
    panel.put(GRANJA)
    panel.record(status="PENDING", state="RUNNING")
    assert events_of(panel.ask("/tenants/granja/events"))[-1][0] == "end"


def test_a_tenant_that_nobody_knows_has_no_stream(panel):
    assert panel.ask("/tenants/nadie/events").status_code == 404

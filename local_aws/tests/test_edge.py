"""The edge: hosts, behaviours, cache, invalidation, TLS."""

import json
import socket
import ssl
import threading
import time

import httpx
import pytest
from cryptography import x509

from local_aws.edge import serve
from local_aws.settings import Settings
from local_aws.tests.control_plane import BASE, Backend, ControlPlane, behaviour, distribution

APPLE, ACME = f"apple.{BASE}", f"acme.{BASE}"
SHELL = """
function handler(event) {
    var request = event.request, host = request.headers.host.value;
    if (host.startsWith('www.') && !request.uri.startsWith('/api/')) {
        var location = 'https://' + host.slice(4) + request.uri + '?' + request.rawQueryString();
        return { statusCode: 301, headers: { location: { value: location } } };
    }
    if (request.uri.indexOf('.') < 0) { request.uri = '/index.html'; }
    return request;
}
"""
KEPT = {"Cache-Control": "public, max-age=0, s-maxage=300"}


@pytest.fixture
def control_plane():
    return ControlPlane(views=[distribution("E1", BASE, f"*.{BASE}")])


@pytest.fixture
def backend():
    running = Backend()
    yield running
    running.close()


@pytest.fixture
def edge(tmp_path, control_plane, backend):
    running = serve(Settings(state_dir=tmp_path, origins={f"origin.{BASE}": backend.url}), control_plane)
    yield running
    running.close()


@pytest.fixture
def visit(edge):
    context = ssl.create_default_context(cafile=str(edge.ca))
    with httpx.Client(base_url=f"https://127.0.0.1:{edge.port}", verify=context, trust_env=False) as client:

        def visit(host, path="/api/offer", method="GET", **options):
            headers = {"Host": host, **options.pop("headers", {})}
            return client.request(method, path, headers=headers, **options)

        yield visit


def certificate_for(edge, name):
    context = ssl.create_default_context(cafile=str(edge.ca))
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", edge.port), 5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_a_host_that_no_distribution_covers_gets_403(visit):
    for host in ("example.com", f"a.b.{BASE}", "localhost", ""):
        answer = visit(host)
        assert (answer.status_code, answer.headers["x-cache"]) == (403, "Error from cloudfront")


def test_a_host_is_found_whatever_its_case_port_or_final_dot(visit):
    for host in (APPLE, APPLE.upper(), f"{APPLE}:8443", f"{APPLE}."):
        assert visit(host).json()["headers"]["host"] == host


def test_the_exact_alias_wins_over_another_distributions_wildcard(control_plane, visit):
    control_plane.objects["/index.html"] = b"shell"
    control_plane.views.append(distribution("E2", APPLE, behaviours=()))
    assert visit(APPLE, "/api/offer").status_code == 403  # E2 has the bucket alone, and no such object
    assert visit(ACME, "/api/offer").status_code == 200


def test_a_disabled_distribution_answers_for_nobody(control_plane, visit):
    control_plane.views[:] = [distribution("E1", f"*.{BASE}", enabled=False)]
    assert visit(APPLE).status_code == 403


def test_paths_go_to_the_origin_of_their_behaviour(visit):
    assert visit(APPLE, "/api/x?a=1&b=2").json()["target"] == "/api/x?a=1&b=2"
    assert visit(APPLE, "/healthz").json()["target"] == "/healthz"
    assert visit(APPLE, "/").text == "<h1>shell</h1>"
    assert visit(APPLE, "/missing").status_code == 403
    assert visit(APPLE, "/elsewhere").status_code == 502  # nothing here talks to the internet


def test_a_method_that_the_behaviour_does_not_allow_is_refused(visit):
    assert visit(APPLE, "/read/x", method="POST", content="a").status_code == 403
    assert visit(APPLE, "/read/x").status_code == 200


def test_the_error_page_of_a_single_page_application(control_plane, visit):
    control_plane.pages = {403: {"page": "/index.html", "response_code": 200}}
    answer = visit(APPLE, "/orders/7")
    assert (answer.status_code, answer.text) == (200, "<h1>shell</h1>")


def test_the_origin_gets_the_viewers_host_and_who_asked(visit):
    sent = {"X-Forwarded-For": "192.0.2.1", "Cookie": "a=1", "X-Mine": "2", "Connection": "close, x-hop", "X-Hop": "3"}
    seen = visit(APPLE, "/api/x", headers=sent).json()["headers"]
    assert seen["host"] == APPLE
    assert seen["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert (seen["x-mine"], seen["cookie"], seen["x-origin-secret"]) == ("2", "a=1", "hush")
    assert "cloudfront" in seen["via"].lower()
    assert "x-hop" not in seen


def test_without_a_policy_the_origin_gets_its_own_host_and_no_more(control_plane, visit):
    seen = visit(APPLE, "/read/x?a=1", headers={"Cookie": "a=1", "X-Mine": "2"}).json()
    assert seen["target"] == "/read/x"
    assert seen["headers"]["host"] == f"origin.{BASE}"
    assert seen["headers"]["user-agent"] == "Amazon CloudFront"
    assert not {"x-mine", "cookie"} & seen["headers"].keys()


def test_a_body_reaches_the_origin_and_is_never_cached(backend, visit):
    backend.headers = KEPT
    for count in (1, 2):
        answer = visit(APPLE, "/api/orders", method="POST", content="milk")
        assert (answer.json()["body"], answer.json()["count"]) == ("milk", count)


def test_an_answer_is_kept_per_host_and_query(backend, visit):
    backend.headers = KEPT
    first, second = visit(APPLE), visit(APPLE)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("Miss from cloudfront", "Hit from cloudfront")
    assert (second.headers["age"], second.content) == ("0", first.content)
    assert visit(APPLE, "/api/offer?a=1").headers["x-cache"] == "Miss from cloudfront"
    assert visit(ACME).json()["headers"]["host"] == ACME
    assert visit(APPLE, method="HEAD").headers["x-cache"] == "Hit from cloudfront"
    assert backend.count == 3


def test_the_shell_is_one_object_for_all_hosts(visit):
    assert visit(APPLE, "/").headers["x-cache"] == "Miss from cloudfront"
    answer = visit(ACME, "/?a=1")
    assert answer.headers["x-cache"] == "Hit from cloudfront"
    assert answer.headers["strict-transport-security"] == "max-age=63072000"


@pytest.mark.parametrize("control", ["no-store", "private", "no-cache, s-maxage=300", "max-age=300, s-maxage=0", ""])
def test_what_the_origin_does_not_allow_is_not_kept(backend, visit, control):
    backend.headers = {"Cache-Control": control}
    assert [visit(APPLE).json()["count"] for _ in range(2)] == [1, 2]


def test_errors_are_kept_ten_seconds_unless_configured_otherwise(backend, control_plane, visit):
    backend.status, backend.headers = 404, {"Cache-Control": "no-store"}
    assert [visit(APPLE).json()["count"] for _ in range(2)] == [1, 2]
    control_plane.views[:] = [distribution("E1", f"*.{BASE}", error_caching_seconds={})]
    assert [visit(APPLE).json()["count"] for _ in range(2)] == [3, 3]


def test_a_tag_invalidation_touches_what_has_it_alone(backend, control_plane, visit):
    backend.headers = KEPT
    for host in (APPLE, ACME):
        visit(host)
    control_plane.invalidate("E1", "#SHOP:Apple")
    assert visit(APPLE).headers["x-cache"] == "Miss from cloudfront"
    assert visit(ACME).headers["x-cache"] == "Hit from cloudfront"


def test_a_path_invalidation_is_exact_or_ends_in_a_star(backend, control_plane, visit):
    backend.headers = KEPT
    paths = ("/api/offer", "/api/offer?a=1", "/api/offers")
    hits = lambda: [visit(APPLE, path).headers["x-cache"].startswith("Hit") for path in paths]  # noqa: E731
    hits()
    control_plane.invalidate("E1", "/api/offer")
    assert hits() == [False, True, True]
    control_plane.invalidate("E1", "/api/*nant")  # a star inside is an ordinary character
    assert hits() == [True, True, True]
    control_plane.invalidate("E1", "/api/offer*")
    assert hits() == [False, False, False]


def test_another_distributions_invalidation_touches_nothing(backend, control_plane, visit):
    backend.headers = KEPT
    visit(APPLE)
    control_plane.invalidate("E2", "/*", "#shop:apple")
    assert visit(APPLE).headers["x-cache"] == "Hit from cloudfront"


def test_an_answer_that_was_on_its_way_during_an_invalidation_is_not_kept(backend, control_plane, visit):
    backend.headers = KEPT
    backend.before_answer = lambda: control_plane.invalidate("E1", "#shop:apple")
    visit(APPLE)
    backend.before_answer = lambda: None
    assert visit(APPLE).headers["x-cache"] == "Miss from cloudfront"


def test_a_kept_answer_outlives_the_backend_and_a_new_one_is_502(backend, visit):
    backend.headers = {"Cache-Control": "s-maxage=1"}
    kept = visit(APPLE)
    backend.close()
    time.sleep(1.1)
    assert visit(APPLE).content == kept.content
    assert visit(ACME).status_code == 502


def test_a_viewer_that_has_the_object_gets_304(visit):
    etag = visit(APPLE, "/").headers["etag"]
    answer = visit(APPLE, "/", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_what_is_not_kept_is_passed_on_as_it_comes(edge, backend):
    go_on = threading.Event()

    def pieces():
        yield b"first"
        assert go_on.wait(5)
        yield b"second"

    backend.pieces = pieces()
    context = ssl.create_default_context(cafile=str(edge.ca))
    with (
        httpx.Client(verify=context, trust_env=False) as client,
        client.stream("GET", f"https://127.0.0.1:{edge.port}/api/events", headers={"Host": APPLE}) as answer,
    ):
        received = answer.iter_raw()
        assert next(received) == b"first"  # the origin has not ended yet
        go_on.set()
        assert next(received) == b"second"


def test_the_certificate_is_the_distributions_by_sni_else_the_default(edge):
    assert certificate_for(edge, APPLE) == [BASE, f"*.{BASE}"]
    for name in ("example.com", f"a.b.{BASE}", None):
        assert "*.cloudfront.net" in certificate_for(edge, name)


def test_requests_are_logged_one_line_each(edge, visit, tmp_path):
    visit(APPLE, "/healthz")
    edge.close()  # a line is written once the viewer has its answer
    line = json.loads((tmp_path / "edge.jsonl").read_text().splitlines()[-1])
    assert (line["host"], line["path"], line["status"], line["cache"]) == (APPLE, "/healthz", 200, "miss")


def test_the_old_aliases_serve_until_the_new_ones_are_deployed(control_plane, visit):
    assert visit(APPLE).status_code == 200
    control_plane.views[:] = [distribution("E1", ACME)]
    assert (visit(APPLE).status_code, visit(ACME).status_code) == (403, 200)


def test_many_viewers_at_once(backend, visit):
    backend.headers = {"Cache-Control": "no-store"}
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(visit(APPLE).status_code)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40


def test_a_closed_edge_leaves_no_thread_and_no_listener(tmp_path, control_plane, backend):
    before = threading.active_count()
    running = serve(Settings(state_dir=tmp_path, origins={f"origin.{BASE}": backend.url}), control_plane)
    running.close()
    assert threading.active_count() <= before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.port), 1)


def test_behaviours_are_tried_in_order(control_plane, visit):
    control_plane.views[:] = [
        distribution(
            "E1",
            f"*.{BASE}",
            behaviours=(behaviour("api/?ffer", "assets", "none"), behaviour("/api/*", "api", "none")),
        )
    ]
    assert visit(APPLE, "/api/offer").status_code == 403
    assert visit(APPLE, "/api/offers").status_code == 200


# --- functions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_function(control_plane):
    """Have the default behaviour run a program on viewers' requests."""

    def having(code):
        control_plane.functions["arn"] = code
        default = behaviour(None, "assets", "shared", response_headers_policy_id="secure")
        default["functions"] = {"viewer-request": "arn"}
        control_plane.views[:] = [distribution("E1", BASE, f"*.{BASE}", default_behaviour=default)]

    return having


def test_a_page_of_the_frontend_is_the_shell_and_a_missing_file_stays_missing(visit, with_function):
    with_function(SHELL)
    assert visit(APPLE, "/orders/7?x=1").text == "<h1>shell</h1>"
    assert visit(ACME, "/").headers["x-cache"] == "Hit from cloudfront"  # one page, whatever its path was
    assert visit(APPLE, "/missing.js").status_code == 403
    assert visit(APPLE, "/api/orders").json()["target"] == "/api/orders"


def test_www_is_redirected_to_the_base_domain_with_its_port(visit, with_function):
    with_function(SHELL)
    answer = visit(f"www.{BASE}:8443", "/a%20b?q=1&q=2")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{BASE}:8443/a%20b?q=1&q=2")
    assert answer.headers["x-cache"] == "FunctionGeneratedResponse from cloudfront"
    assert "max-age=63072000" in answer.headers["strict-transport-security"]
    assert visit(f"www.{BASE}", "/api/offer").status_code == 200


def test_a_replaced_function_is_used_from_then_on(visit, with_function):
    with_function("function handler(event) { event.request.uri = '/other.html'; return event.request; }")
    assert visit(APPLE, "/").status_code == 403
    with_function(SHELL)
    assert visit(APPLE, "/").status_code == 200


def test_a_function_that_fails_is_the_edges_error(visit, with_function):
    with_function("function handler(event) { return event.nothing.at.all; }")
    answer = visit(APPLE, "/")
    assert (answer.status_code, answer.headers["x-cache"]) == (503, "Error from cloudfront")

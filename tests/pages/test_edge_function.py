"""The CloudFront Function in QuickJS, which runs it here, against the same file in Node."""

import json
import subprocess
import threading

import pytest

from edge import VIEWER_REQUEST
from local_aws.edge.function import EdgeFunction, Redirect, viewer_request
from tests.pages.conftest import FRONTEND, ROOT, node

CASES = json.loads((ROOT / "edge/cases.json").read_text())

_IN_NODE = """
const vm = require('node:vm'), fs = require('node:fs');
const handler = vm.runInNewContext(fs.readFileSync(process.argv[1], 'utf8') + '; handler');
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(asked.map(({ event, raw }) => {
  Object.defineProperty(event.request, 'rawQueryString', { value: () => (raw === null ? undefined : raw) });
  return handler(event);
})));
"""


@pytest.fixture(scope="module")
def function() -> EdgeFunction:
    return EdgeFunction(VIEWER_REQUEST.read_text())


def test_quickjs_and_node_give_the_same_answers(function: EdgeFunction) -> None:
    queries = [None, "", "a=1", "a=1&a=2&b=%20", "q=caf%C3%A9+y&&=&x"]
    hosts = [*CASES["hosts"], "www.fluxionia.co", "WWW.Fluxionia.CO", "www.fluxionia.localhost:8443"]
    asked = [
        {"event": viewer_request(method, uri, raw, {"host": host} if host else {}), "raw": raw}
        for uri in [*CASES["pages"], *CASES["files"]]
        for raw in queries
        for host in hosts
        for method in ("GET", "HEAD")
    ]
    in_node = subprocess.run(
        [node(), "-e", _IN_NODE, str(VIEWER_REQUEST)],
        input=json.dumps(asked),
        capture_output=True,
        check=True,
        text=True,
    )

    assert [function.result(one["event"], one["raw"]) for one in asked] == json.loads(in_node.stdout)


@pytest.mark.parametrize("uri", CASES["pages"])
def test_a_path_without_an_extension_is_a_page(function: EdgeFunction, uri: str) -> None:
    assert function("GET", uri, None, {"host": "granja.fluxionia.co"}) == "/index.html"


@pytest.mark.parametrize("uri", CASES["files"])
def test_a_path_with_an_extension_is_a_file(function: EdgeFunction, uri: str) -> None:
    assert function("GET", uri, None, {"host": "granja.fluxionia.co"}) == uri


@pytest.mark.parametrize(("host", "uri", "raw", "location"), CASES["redirects"])
def test_www_is_redirected_for_good(
    function: EdgeFunction, host: str, uri: str, raw: str | None, location: str
) -> None:
    assert function("GET", uri, raw, {"host": host}) == Redirect(301, {"location": location})


def test_it_may_be_called_from_any_thread(function: EdgeFunction) -> None:
    answers: list[object] = []

    def ask() -> None:
        answers.extend(function("GET", "/order", None, {"host": "granja.fluxionia.co"}) for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["/index.html"] * 800


def test_a_function_that_does_not_end_is_ended() -> None:
    wedged = EdgeFunction("function handler(event) { while (true) {} }")

    with pytest.raises(Exception, match="interrupted"):
        wedged("GET", "/", None, {})


def test_it_is_written_in_the_language_that_cloudfront_has() -> None:
    """ECMAScript 5.1, all of which cloudfront-js-2.0 has; QuickJS and Node would take much more."""
    parse = "require('acorn').parse(require('node:fs').readFileSync(process.argv[1], 'utf8'), { ecmaVersion: 5 })"
    done = subprocess.run(
        [node(), "-e", parse, str(VIEWER_REQUEST)], cwd=FRONTEND, capture_output=True, check=False, text=True
    )

    assert done.returncode == 0, done.stderr
    assert len(VIEWER_REQUEST.read_bytes()) < 10 * 1024  # CloudFront's quota for a function

"""What `npm run build` has made: small, whole in itself, and the same for every tenant."""

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.pages.conftest import FRONTEND, Site, node

DIST = FRONTEND / "dist"
BUDGET = 200_000  # bytes of JavaScript, gzipped


@pytest.fixture(scope="module")
def scripts(site: Site) -> list[Path]:
    return sorted((DIST / "assets").glob("*.js"))


def test_the_frontends_own_tests_pass(site: Site) -> None:
    """They need what the build needs, and no build of their own."""
    done = subprocess.run(
        [node(), "node_modules/vitest/vitest.mjs", "run"],
        cwd=FRONTEND,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"Tests +(\d+) passed \(\1\)", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= 140


def test_the_frontend_is_formatted_and_linted(site: Site) -> None:
    done = subprocess.run(
        [node(), "node_modules/@biomejs/biome/bin/biome", "ci", "--colors=off", "."],
        cwd=FRONTEND,
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def _gzipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_all_javascript_together_keeps_to_the_budget(scripts: list[Path]) -> None:
    assert 0 < sum(map(_gzipped, scripts)) <= BUDGET


def test_a_visitor_of_a_shop_does_not_load_the_panel(scripts: list[Path]) -> None:
    (entry,) = re.findall(r'src="/assets/([^"]+\.js)"', (DIST / "index.html").read_text())
    (panel,) = [path for path in scripts if path.name.startswith("Panel-")]

    assert "ReleaseHostname" in panel.read_text()
    assert [path.name for path in scripts if "ReleaseHostname" in path.read_text()] == [panel.name]
    assert panel.name not in re.findall(r"from\s*\"\./([^\"]+)\"", (DIST / "assets" / entry).read_text())


def test_the_page_has_nothing_that_a_strict_policy_forbids(site: Site) -> None:
    page = (DIST / "index.html").read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", page) == []
    assert re.findall(r"""(?:src|href)=["'](?!/)""", page) == []


def test_nothing_is_evaluated(scripts: list[Path]) -> None:
    assert [path.name for path in scripts if re.search(r"\beval\(|new Function\(", path.read_text())] == []


def test_nothing_comes_from_elsewhere(site: Site) -> None:
    """Addresses in the build, but for those in the libraries' messages, and namespaces. The pages' tests note every
    request that is made."""
    messages = ("https://react.dev/", "https://reactrouter.com/", "https://github.com/ungap/url-search-params")
    known = ("http://www.w3.org/", "http://localhost", "http://invalid", *messages)
    named = {
        (path.name, address)
        for path in DIST.rglob("*")
        if path.suffix in {".html", ".js", ".css", ".svg", ".json"}
        for address in re.findall(r"(?:https?:|url\()//[\w.-]+[^\s\"'`)]*", path.read_text())
        if not address.startswith(known)
    }

    assert named == set()


def test_the_build_belongs_to_no_tenant_and_no_domain(site: Site) -> None:
    texts = [path.read_text() for path in DIST.rglob("*") if path.suffix in {".html", ".js", ".css", ".json"}]

    assert [text[:80] for text in texts if re.search(r"fluxionia\.|mock|operator@", text)] == []
    assert not (DIST / "config.json").exists()


def test_every_file_but_the_page_may_be_kept_for_ever(site: Site) -> None:
    loose = {path.name for path in DIST.iterdir() if path.is_file()}

    assert loose == {"index.html", "favicon.svg"}
    unnamed = [path.name for path in (DIST / "assets").iterdir() if not re.search(r"-[\w-]{8}\.\w+$", path.name)]
    assert unnamed == []

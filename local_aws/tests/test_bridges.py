"""What another version of MiniStack means for the bridges."""

from __future__ import annotations

import re
import tomllib

import pytest

from local_aws.bridges.__main__ import PACKAGE, probed
from local_aws.bridges.verdict import Outcome, Probed, Verdict, outcomes, report, verdicts
from local_aws.patching import MINISTACK
from local_aws.services import BRIDGES
from local_aws.tests.conformance.emulator import interpreter
from local_aws.tests.conformance.table import documents

STOCK = {"a.b": Probed({"m.f": "def f():\n    return 1\n", "m.g": "def g(): ...\n"})}
FAILS, PASSES = Outcome("test_x::test_it", "a.b", passed=False), Outcome("test_x::test_it", "a.b", passed=True)


def judged(after: Probed, bridged: Outcome = PASSES, stock: Outcome | None = FAILS) -> Verdict:
    (verdict,) = verdicts(STOCK, {"a.b": after}, [bridged], [stock] if stock else [])
    return verdict


def test_what_is_what_it_was_stays_as_before() -> None:
    assert judged(STOCK["a.b"]).says == "as before"


def test_a_bridge_whose_target_differs_has_moved() -> None:
    verdict = judged(Probed({"m.f": "def f():\n    x = 2\n    return x\n"}))
    assert (verdict.says, verdict.moved) == ("moved", ("m.f (+2 -1)", "m.g (gone)"))


def test_a_bridge_whose_cases_pass_on_stock_is_no_longer_needed() -> None:
    assert judged(STOCK["a.b"], stock=PASSES).says == "no longer needed"
    assert judged(STOCK["a.b"], stock=None).says == "as before", "nobody asked"


def test_a_bridge_fails_that_cannot_be_installed_or_has_a_case_that_fails() -> None:
    refused = judged(Probed({"m.f": STOCK["a.b"].targets["m.f"]}, error="PatchTargetMoved: m.g is gone"))
    assert (refused.says, refused.moved) == ("fails", ())
    assert judged(STOCK["a.b"], bridged=FAILS).failing == ("test_x::test_it",)
    text = report([refused], ["test_y::test_native"])
    assert "fails  PatchTargetMoved: m.g is gone" in text
    assert "native: fails  test_y::test_native" in text


def test_a_report_of_pytest_is_read() -> None:
    def test(name: str, bridge: str, inside: str = "") -> str:
        noted = f'<properties><property name="bridge" value="{bridge}"/></properties>'
        return f'<testcase classname="local_aws.tests.conformance.test_x" name="{name}">{noted}{inside}</testcase>'

    tests = [
        test("test_a[one]", "a.b", "<failure/>"),
        test("test_a[two]", "a.b"),
        test("test_b", "", "<error/>"),
        test("test_c", "a.b", "<skipped/>"),
        '<testcase classname="local_aws.tests.test_edge" name="test_d"/>',
    ]
    assert outcomes(f"<testsuites><testsuite>{''.join(tests)}</testsuite></testsuites>") == [
        Outcome("test_x::test_a", "a.b", passed=False),
        Outcome("test_x::test_b", "", passed=False),
    ]


def test_every_bridge_installs_on_the_pinned_version_and_says_what_it_leans_on() -> None:
    found = probed(interpreter())
    assert list(found) == list(BRIDGES)
    assert {bridge: there.error for bridge, there in found.items() if there.error or not there.targets} == {}
    assert "def _fanout(" in found["sns.email"].targets["ministack.services.sns._fanout"]


def test_the_package_asks_for_the_version_that_the_bridges_are_written_for() -> None:
    asked = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"ministack=={MINISTACK}" in asked


@pytest.mark.parametrize("name", ["README.md", "behaviours.md", "quotas.md"])
def test_a_generated_section_is_what_its_source_says(name: str) -> None:
    assert (PACKAGE / name).read_text() == documents()[PACKAGE / name], (
        "run `python -m local_aws.tests.conformance.table`"
    )


def test_every_bridge_says_whether_it_is_worth_offering() -> None:
    offers = re.findall(
        r"^\| `(\S+)` \|.*\| (?:whole|in part|no)[:,][^|]*\|$", (PACKAGE / "README.md").read_text(), re.M
    )
    assert sorted(offers) == sorted(BRIDGES)

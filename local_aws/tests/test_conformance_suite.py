"""The conformance suite proves what it says: each test is a case, each bridge has some, and they fail without it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_aws.services import BRIDGES
from local_aws.tests.conformance.case import FOLDER, all_tests

ROOT = Path(__file__).resolve().parents[2]
TESTS = all_tests()
CASES = {test: case for test, case in TESTS.items() if case}


def test_every_test_there_is_a_case() -> None:
    assert [test for test, case in TESTS.items() if case is None] == []


def test_every_case_names_a_bridge_that_exists_and_every_bridge_has_a_case() -> None:
    assert {case.bridge for case in CASES.values()} - {None} == set(BRIDGES)


def test_no_two_cases_are_the_same_behaviour() -> None:
    behaviours = [case.behaviour for case in CASES.values()]
    assert sorted(set(behaviours)) == sorted(behaviours)


@dataclass(frozen=True)
class Outcomes:
    """Of the runs without the cases' own bridges: tests by outcome, and what pytest printed."""

    passed: frozenset[str]
    failed: frozenset[str]
    printed: str


def run_without_their_bridges(bridges: list[str]) -> Outcomes:
    """The cases of these bridges, each against an embedded AWS that lacks its own."""
    tests = [f"{FOLDER}/{test}" for bridge in bridges for test in cases_of(bridge)]
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=line", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "LOCAL_AWS_BRIDGES_OFF": "own", "LOCAL_AWS_PACE": "0.25"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)

    def ended(outcome: str) -> frozenset[str]:
        nodes = re.findall(rf"^{outcome} (\S+)", done.stdout, re.MULTILINE)
        return frozenset(Path(node.partition("[")[0]).name for node in nodes)

    return Outcomes(ended("PASSED"), ended("FAILED"), done.stdout + done.stderr)


def cases_of(bridge: str) -> set[str]:
    return {test for test, case in CASES.items() if case.bridge == bridge}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcomes]:
    """By bridge, of those that this session asks about; two runs side by side."""
    test = test_without_its_bridge_each_case_fails.__name__
    mine = [item for item in request.session.items if getattr(item, "originalname", "") == test]
    asked = sorted((item.callspec.params["bridge"] for item in mine), key=lambda bridge: -len(cases_of(bridge)))
    halves = [half for half in (asked[::2], asked[1::2]) if half]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run_without_their_bridges, halves))
    return {bridge: result for half, result in zip(halves, results, strict=True) for bridge in half}


@pytest.mark.parametrize("bridge", BRIDGES)
def test_without_its_bridge_each_case_fails(bridge: str, outcomes: dict[str, Outcomes]) -> None:
    seen, cases = outcomes[bridge], cases_of(bridge)
    advice = f"passes although {bridge} is off: make it bridge=None, or make it look closer"
    assert seen.passed & cases == frozenset(), advice
    assert cases - seen.failed == set(), f"did not run:\n{seen.printed}"

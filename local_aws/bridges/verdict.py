"""Decide what becomes of a bridge on another version: a comparison of values, without any process."""

from __future__ import annotations

import difflib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Probed:
    """The parts of one MiniStack version that a bridge leans on, and why it could not be installed there."""

    targets: Mapping[str, str]
    """Name → source in stock MiniStack."""
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of one conformance case: passed or failed; skipped cases are no outcomes."""

    case: str
    bridge: str
    """Empty for what MiniStack does by itself."""
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """A verdict on one bridge on the other version."""

    bridge: str
    targets: int
    moved: tuple[str, ...] = ()
    """`name (+lines -lines)` of targets that are there and differ, `name (gone)` of those that are not."""
    error: str | None = None
    failing: tuple[str, ...] = field(default=())
    """Cases that fail although the bridge is there."""
    is_needed: bool = True
    """Whether some case fails without it, or could not be asked."""

    @property
    def says(self) -> str:
        """Return the verdict in a few words."""
        if self.error or self.failing:
            return "fails"
        if not self.is_needed:
            return "no longer needed"
        return "moved" if self.moved else "as before"


def verdicts(
    before: Mapping[str, Probed], after: Mapping[str, Probed], bridged: Iterable[Outcome], stock: Iterable[Outcome]
) -> list[Verdict]:
    """Return a verdict for each bridge of the pinned version.

    bridged: outcomes on the other version with its bridges; stock: of each case there without its own bridge.
    """
    failing = [outcome for outcome in bridged if not outcome.passed]
    asked = list(stock)
    found = []
    for bridge, known in before.items():
        without = [outcome.passed for outcome in asked if outcome.bridge == bridge]
        found.append(
            Verdict(
                bridge,
                targets=len(known.targets),
                moved=tuple(_moved(known, after[bridge])),
                error=after[bridge].error,
                failing=tuple(outcome.case for outcome in failing if outcome.bridge == bridge),
                is_needed=not without or not all(without),
            )
        )
    return found


def _moved(before: Probed, after: Probed) -> Iterable[str]:
    for name, source in before.targets.items():
        there = after.targets.get(name)
        if there is not None and there != source:
            changed = list(difflib.unified_diff(source.splitlines(), there.splitlines(), n=0, lineterm=""))[2:]
            added, removed = (sum(line.startswith(sign) for line in changed) for sign in "+-")
            yield f"{name} (+{added} -{removed})"
        elif there is None and not after.error:
            yield f"{name} (gone)"


def outcomes(report: str) -> list[Outcome]:
    """Return what a JUnit report of the conformance cases says. A test with several parameters passes if all pass."""
    found: dict[str, Outcome] = {}
    for test in ET.fromstring(report).iter("testcase"):  # noqa: S314 - pytest has written it a moment ago
        bridge = test.find("properties/property[@name='bridge']")
        if bridge is None or test.find("skipped") is not None:
            continue
        case = f"{test.attrib['classname'].rpartition('.')[2]}::{test.attrib['name'].partition('[')[0]}"
        passed = test.find("failure") is None and test.find("error") is None
        earlier = found.get(case)
        found[case] = Outcome(case, bridge.attrib["value"], passed and (earlier is None or earlier.passed))
    return list(found.values())


def report(found: Iterable[Verdict], natives: Iterable[str]) -> str:
    """Return the verdicts as lines of text. natives: failing cases of what stock MiniStack did by itself."""
    lines = []
    for verdict in found:
        lines.append(f"{verdict.bridge:34} {verdict.targets:3} targets  {verdict.says}")
        lines += [f"    moved  {name}" for name in verdict.moved]
        lines += [f"    fails  {case}" for case in verdict.failing]
        lines += [f"    fails  {verdict.error}"] if verdict.error else []
    lines += [f"native: fails  {case}" for case in natives]
    return "\n".join(lines)

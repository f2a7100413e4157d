"""A part of `make faults`, by seed: one fault at every call that the product makes."""

import os
import random

import botocore.session
import pytest

from tests.faults import errors, report, suite
from tests.faults.cases import Case, Run, all_cases
from tests.faults.points import Place
from tests.faults.scenarios import SCENARIOS, trace_of
from tests.faults.template import ROOT

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("FLUXION_FAULTS_SEED", "5"))
PROCESSES = 2
_COMMON = {  # errors that every operation of a service has, and that models do not list
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "InvalidInput",
    "NoSuchBucket",  # of S3, whose model lists hardly any
    "RequestTimeout",
    "Throttled",
    "ThrottlingException",
    "Unprocessed",
}


def part() -> list[Case]:
    """One case for every call that the product makes, in whatever scenario."""
    cases = list(all_cases())
    random.Random(SEED).shuffle(cases)  # noqa: S311 - reproducible on purpose
    return list({case.strikes[0].signature: case for case in cases}.values())


def test_whatever_goes_wrong_all_is_well_in_the_end() -> None:
    cases = part()
    outcomes = suite.run(cases, SEED, PROCESSES)

    found = report.summary(ROOT, SEED, outcomes, [])
    assert found["failures"] == [], f"seed {SEED}"
    assert found["converged"] == found["cases"] == len(cases)


def test_there_is_a_case_for_every_call() -> None:
    covered = {(case.scenario, strike.place) for case in all_cases() for strike in case.strikes}
    for scenario in SCENARIOS.values():
        alike = {crossing.place for name in scenario.like for crossing in trace_of(name)}
        places = {crossing.place for crossing in trace_of(scenario.name) if not crossing.struck}
        assert {(scenario.name, place) for place in places - alike} <= covered


def test_the_same_seed_gives_the_same_result_in_another_process() -> None:
    cases = suite.sample(all_cases(), 8, SEED)

    first, second = (report.summary(ROOT, SEED, suite.run(cases, SEED, 1), []) for _ in range(2))
    assert first["result"] == second["result"]


@pytest.mark.parametrize("case", ["onboard", "no-activation"])
def test_a_case_is_replayed_by_its_id(case: str) -> None:
    some = next(each for each in all_cases() if each.scenario == case)
    assert Case.parse(some.id) == some


def test_a_fault_that_never_strikes_is_no_success() -> None:
    case = Case.parse("onboard@cdn-aliases/cloudfront.UpdateDistribution/9:throttle:once")
    assert Run(case, SEED).outcome().wrong == [
        "converged: cdn-aliases/cloudfront.UpdateDistribution/9 was never struck"
    ]


def test_the_services_own_codes_are_in_their_models() -> None:
    session = botocore.session.get_session()
    for (service, operation), codes in errors._CODES.items():
        if service in ("files", "states"):
            continue
        model = session.get_service_model(service).operation_model(operation)
        listed = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
        listed |= {shape.name for shape in model.error_shapes}
        unknown = {code.partition(":")[0] for code in codes} - listed - _COMMON
        assert not {code for code in unknown if f"{code}Exception" not in listed}, f"{service} {operation}: {unknown}"


def test_a_place_is_named_as_it_is_written() -> None:
    assert str(Place("dns-records", "route53", "ListResourceRecordSets", 2)) == (
        "dns-records/route53.ListResourceRecordSets/2"
    )

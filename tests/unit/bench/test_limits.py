"""The least time of a burst, by hand: the formulas stand in bench/limits.py, the sums here."""

import pytest

from bench.limits import Mode, t_dns, t_one_call, t_sfn, t_star


def test_the_zone_takes_its_burst_at_once_and_a_hundred_changes_a_second() -> None:
    assert t_dns(750) == 0
    assert t_dns(1_000) == 5
    assert t_dns(10_000) == 185


def test_executions_start_ten_at_a_time_and_then_as_fast_as_step_functions_allows() -> None:
    assert t_sfn(1_000) == 3  # 30 ms each, 10 at a time; transitions would allow it in 2 s
    assert t_sfn(10_000) == 30
    assert t_sfn(100_000) == pytest.approx(329)  # 98,700 at 300 a second


@pytest.mark.parametrize(
    ("tenants", "mode", "u", "rho", "seconds"),
    [
        (1, "alias", 1, 10, 61),
        (100, "alias", 0.04, 10, 85),
        (1_000, "alias", 1, 10, 65),
        (1_000, "alias", 0.2, 10, 65),
        (1_000, "alias", 0.04, 10, 85),
        (10_000, "alias", 0.04, 10, 245),
        (1, "distribution-tenant", 1, 10, 60.1),
        (100, "distribution-tenant", 1, 10, 70),
        (1_000, "distribution-tenant", 1, 10, 160),
        (10_000, "distribution-tenant", 1, 10, 1_060),
        (1, "wildcard", 1, 10, 5.003),
        (1_000, "wildcard", 1, 10, 8),
        (10_000, "wildcard", 1, 10, 35),
    ],
)
def test_the_limit_of_a_burst(tenants: int, mode: Mode, u: float, rho: float, seconds: float) -> None:
    assert t_star(tenants, mode, u, rho) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("tenants", "u", "seconds"), [(1, 1, 61), (100, 1, 160), (1_000, 1, 1_060), (100, 0.04, 2_560), (10_000, 1, 10_060)]
)
def test_the_limit_of_a_call_for_each_tenant(tenants: int, u: float, seconds: float) -> None:
    assert t_one_call(tenants, u) == pytest.approx(seconds)

"""The model of EFS delays what it says and nothing else, and a wrong one is found out."""

import pytest

from bench.efs import Delays, Model, ModelUnavailable, WrongModel, compiled, doubts

pytestmark = pytest.mark.slow

SLOW = {"pread": 1.05, "pwrite": 2.75, "stat": 2.75, "flock": 2.75, "link": 2.75, "fsync": 2.9}
FAST = {"pread": 0.01, "pwrite": 0.01, "stat": 0.01, "flock": 0.01, "link": 0.02, "fsync": 0.8}
ENGINE = {"reads": 0, "writes": 18, "syncs": 5, "metadata": 9, "locks": 4}


def probe(**changes):
    return {"inside": SLOW, "outside": FAST, "engine": ENGINE, "kernel_writes": 18} | changes


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    try:
        return compiled(tmp_path_factory.mktemp("model"))
    except ModelUnavailable as reason:
        pytest.skip(str(reason))


def test_a_right_model_raises_no_doubt():
    assert list(doubts(probe(), Delays())) == []
    assert list(doubts(probe(inside=SLOW | {"pwrite": 0.01}), Delays(write_back=True))) == []


def test_a_disk_that_is_slower_than_the_network_is_no_fault_of_the_model():
    assert list(doubts(probe(inside=SLOW | {"fsync": 9.0}, outside=FAST | {"fsync": 9.0}), Delays())) == []


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"inside": SLOW | {"pread": 0.9}}, "pread takes 0.90 ms instead of 1.0 ms"),
        ({"inside": SLOW | {"link": 0.01}}, "link takes 0.01 ms instead of 2.7 ms"),
        ({"inside": SLOW | {"pwrite": 6.0}}, "pwrite takes 6.00 ms instead of 2.7 ms"),
        ({"outside": FAST | {"pread": 1.0}}, "pread takes 1.00 ms in a folder that the model has no part in"),
        ({"kernel_writes": 19}, "it saw 18 of the 19 writes of DuckDB"),
        ({"engine": ENGINE | {"locks": 0}}, "it saw no locks of DuckDB"),
    ],
)
def test_a_wrong_model_is_named(changes, doubt):
    assert list(doubts(probe(**changes), Delays())) == [doubt]


@pytest.mark.parametrize("write_back", [False, True])
def test_the_model_delays_its_folder_and_sees_all_that_duckdb_writes(library, tmp_path, monkeypatch, write_back):
    # A sleep that ends late says something of the machine; that none ends early says something of the model.
    monkeypatch.setattr("bench.efs._LATE_FACTOR", 1000.0)
    monkeypatch.setattr("bench.efs._OUTSIDE_MS", 1000.0)
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    Model(library, inside, Delays(write_back=write_back)).check(outside)


def test_a_model_of_another_folder_is_refused(library, tmp_path, monkeypatch):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    monkeypatch.setattr(Model, "environment", Model(library, outside, Delays()).environment)
    with pytest.raises(WrongModel, match=r"stat takes 0\.\d\d ms instead of 2\.7 ms"):
        Model(library, inside, Delays()).check(outside)


def test_a_model_that_is_not_loaded_is_refused(tmp_path):
    with pytest.raises(WrongModel, match="could not be checked"):
        Model(tmp_path / "nothing.so", tmp_path, Delays()).check(tmp_path)

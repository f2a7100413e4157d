"""The AWS of the cases: an embedded one for the session or, with `make conformance PROFILE=…`, an account."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.client import Faults
from local_aws.tests.conformance.account import Account
from local_aws.tests.conformance.case import FOLDER, case_of
from local_aws.tests.conformance.cloud import Cloud
from local_aws.tests.conformance.emulator import Emulator
from local_aws.tests.isolation import no_real_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["no_real_aws"]

INSYNC_SECONDS, DEPLOY_SECONDS = 0.4, 0.4


OFF = os.environ.get("LOCAL_AWS_BRIDGES_OFF", "")
"""Comma list of bridges that the emulator lacks; `own` in it stands for each case's own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note the bridge of each case, for who reads the report; leave out what cannot run or would prove nothing."""
    for item in items:
        described = case_of(getattr(item, "function", None)) if item.path.parent == FOLDER else None
        if not described:
            continue
        item.user_properties.append(("bridge", described.bridge or ""))
        if os.environ.get("LOCAL_AWS_PROFILE") and not described.on_aws:
            item.add_marker(pytest.mark.skip(reason=described.why_not))
        if "own" in OFF.split(",") and not described.bridge:
            item.add_marker(pytest.mark.skip(reason="it has no bridge"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each case of a bridge against an emulator that lacks it, one after another, if LOCAL_AWS_BRIDGES_OFF says own."""
    if "bridges_off" in metafunc.fixturenames and "own" in OFF.split(","):
        described = case_of(metafunc.function)
        bridge = (described.bridge if described else None) or ""
        off = [bridge if name == "own" else name for name in OFF.split(",")]
        metafunc.parametrize("bridges_off", [",".join(dict.fromkeys(off))], indirect=True, scope="session")


@pytest.fixture(scope="session")
def bridges_off(request: pytest.FixtureRequest) -> str:
    """The bridges that the emulator lacks: shows that a case fails without its own."""
    return str(getattr(request, "param", OFF))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, bridges_off: str) -> Iterator[Emulator]:
    """Only cases that cannot run in an account ask for it by name."""
    propagation = ("--insync-seconds", str(INSYNC_SECONDS), "--deploy-seconds", str(DEPLOY_SECONDS))
    off = ("--off", bridges_off)
    running = Emulator(tmp_path_factory.mktemp("emulator"), *propagation, *off)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest, bridges_off: str) -> Iterator[Callable[..., Any]]:
    """The administrator's client of a service, by its boto3 name; of somebody else with `access_key`, `secret_key`."""
    if profile := os.environ.get("LOCAL_AWS_PROFILE"):
        with Account(profile, os.environ.get("LOCAL_AWS_ENDPOINT") or None) as account:
            yield account.client
        return
    emulator = request.getfixturevalue("emulator")
    clients: dict[str, Any] = {}

    def client(service: str, **keys: str) -> Any:
        if keys:
            return emulator.client(service, **keys)
        if service not in clients:
            clients[service] = emulator.client(service)
        return clients[service]

    yield client


@pytest.fixture(scope="session")
def cloud(aws: Callable[..., Any]) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def faults(emulator: Emulator) -> Iterator[Faults]:
    client = Faults(emulator.facts["faults_url"])
    yield client
    client.clear()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder that handlers (real local processes) can write what they saw into."""
    return tmp_path

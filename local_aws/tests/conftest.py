"""An embedded AWS without edge and name server, for the tests of what stands in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.faults import Faults
from tests.conformance.cloud import Cloud
from tests.conformance.emulator import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Callable[[str], Any]:
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = emulator.client(service)
        return clients[service]

    return client


@pytest.fixture(scope="session")
def cloud(aws: Callable[[str], Any]) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def faults(emulator: Emulator) -> Iterator[Faults]:
    client = Faults(emulator.facts["faults_url"])
    yield client
    client.clear()

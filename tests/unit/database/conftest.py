"""A tenants' folder, and other processes that come to its door."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenancy.database import SeedResult, TenantDatabases, TenantSeeder

CHILD = Path(__file__).with_name("child.py")


class Child:
    """Another process. It says what it does on its standard output, one word a line."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, CHILD, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def says_json(self) -> Any:
        return json.loads(self.says())

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self, timeout: float = 20) -> int:
        code = self.process.wait(timeout)
        self.process.stdin.close()
        self.process.stdout.close()
        return code


SPEC = {
    "tenant_id": "granja",
    "name": "La Granja Mercado",
    "tier": "standard",
    "contact_email": "hola@example.org",
    "settings": {"colour": "#2e7d32", "locale": "es-CO"},
}


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SeedResult]:
    folder = tmp_path_factory.mktemp("built")
    return folder, TenantSeeder(folder, folder / "scratch").seed(SPEC, 1)


@pytest.fixture
def seeded(built_once: tuple[Path, SeedResult], directory: Path) -> SeedResult:
    """The tenant granja as a first seed leaves it, without the time that it takes."""
    folder, result = built_once
    shutil.copytree(folder / "granja", directory / "granja")
    return result


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "tenants"
    folder.mkdir()
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def seeder(directory: Path, scratch: Path) -> TenantSeeder:
    return TenantSeeder(directory, scratch)


@pytest.fixture
def databases(directory: Path) -> Iterator[TenantDatabases]:
    found = TenantDatabases(directory, busy_after=5, idle_after=0.4)
    yield found
    found.close()


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(*arguments: object) -> Child:
        started.append(Child(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.ends()
        one.process.stdin.close()
        one.process.stdout.close()


@pytest.fixture
def spec() -> Callable[..., dict[str, Any]]:
    def build(tenant_id: str = "granja", **changes: Any) -> dict[str, Any]:
        return SPEC | {"tenant_id": tenant_id} | changes

    return build


@pytest.fixture
def soon() -> Callable[[Callable[[], bool]], bool]:
    """Whether something becomes true within five seconds."""

    def wait(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 5
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    return wait

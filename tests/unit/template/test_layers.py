"""What the layers bring, and what each function loads of it."""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from .reading import FOLDERS, FUNCTIONS, MAIN, ROOT

pytestmark = pytest.mark.slow

LAYER = ROOT / "layers" / "tenancy"
REGION = "us-east-1"
FUNCTION_NAMES = sorted(FOLDERS.values())

# What costs ten milliseconds or more, and who may load it.
HEAVY = {
    "aws_lambda_powertools.utilities.batch": set(),
    "aws_lambda_powertools.utilities.data_classes": set(),
    "aws_lambda_powertools.utilities.parser": set(),
    "dns": {"tenant_probe"},
    "duckdb": {"tenant_database", "database_migrations"},
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The modules that each function has loaded when it is ready for its first event, by the function's name."""
    common = MAIN["Globals"]["Function"]["Environment"]["Variables"]

    def modules(name: str) -> set[str]:
        own = FUNCTIONS[name].get("Environment", {}).get("Variables", {})
        variables = dict.fromkeys({**common, **own}, "1") | {"POWERTOOLS_LOG_LEVEL": "INFO", "CA_BUNDLE": ""}
        done = subprocess.run(
            [sys.executable, "-c", "import app, json, sys; print(json.dumps(sorted(sys.modules)))"],
            cwd=ROOT / "functions" / FOLDERS[name],
            env={**variables, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "LAMBDA_TASK_ROOT": "/var/task"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return set(json.loads(done.stdout))

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(FOLDERS.values(), pool.map(modules, FOLDERS), strict=True))


@pytest.mark.parametrize("function", FUNCTION_NAMES)
def test_a_function_loads_nothing_heavy_that_it_does_not_need(loaded: dict[str, set[str]], function: str) -> None:
    assert HEAVY.keys() & loaded[function] == {module for module, who in HEAVY.items() if function in who}


def test_the_engine_s_layer_is_attached_exactly_where_the_engine_is_loaded(loaded: dict[str, set[str]]) -> None:
    has_layer = {FOLDERS[name] for name, function in FUNCTIONS.items() if "DuckdbLayer" in str(function.get("Layers"))}

    assert has_layer == {function for function, modules in loaded.items() if "duckdb" in modules}


def test_the_layer_brings_no_package_that_no_function_loads(loaded: dict[str, set[str]]) -> None:
    brought = set(re.findall(r"^([a-z0-9-]+)", (LAYER / "requirements.in").read_text(), re.MULTILINE))
    modules = {module.partition(".")[0] for modules in loaded.values() for module in modules}
    packages = packages_distributions()
    used = {name.lower().replace("_", "-") for module in modules for name in packages.get(module, ())}

    assert brought
    assert brought <= used


def test_clients_find_the_same_endpoints_in_what_is_left_of_botocore(tmp_path: Path) -> None:
    makefile = (LAYER / "Makefile").read_text()
    services = re.search(r"^SERVICES := (.+)$", makefile, re.MULTILINE)[1].split()  # type: ignore[index]
    whole, data = Path(botocore.__file__).parent / "data", tmp_path / "data"
    data.mkdir()
    for path in whole.iterdir():
        if path.is_file():
            shutil.copy(path, data)
        elif path.name in services:
            shutil.copytree(path, data / path.name)
    (data / "ec2").mkdir()

    subprocess.run([sys.executable, LAYER / "trim_botocore.py", data, *services], check=True)

    assert {path.name for path in data.iterdir() if path.is_dir()} == set(services)
    assert (data / "endpoints.json").stat().st_size < 100_000
    for service in services:
        assert endpoint(service, data) == endpoint(service, whole)


def endpoint(service: str, data: Path) -> tuple[Any, ...]:
    """Where a client of a service turns to, in two regions, and how it signs."""
    session = Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    )
    found: list[Any] = []
    for region in ("us-east-1", "eu-west-1"):
        client = session.create_client(
            service, region_name=region, aws_access_key_id="none", aws_secret_access_key="none"
        )
        found += [client.meta.endpoint_url, client.meta.region_name, client._request_signer.region_name]
    return tuple(found)

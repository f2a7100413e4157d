"""The image: what it holds is what the backend imports, and it runs as nobody in particular."""

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "backend" / "Dockerfile").read_text()
OWN = ("backend", "control")
OF_ANOTHER_NAME = {"starlette": "fastapi", "anyio": "fastapi", "botocore": "boto3"}  # come with it, by contract


def imported():
    found = set()
    for path in (path for folder in OWN for path in (ROOT / folder).rglob("*.py")):
        module = ast.parse(path.read_text())
        module.body = [node for node in module.body if not ast.unparse(node).startswith("if TYPE_CHECKING:")]
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module).partition(".")[0])
    return found - set(sys.stdlib_module_names)


def required(path):
    found = set()
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found |= required((path.parent / line[3:]).resolve())
        elif line and line[0] != "#":
            found.add(Requirement(line).name)
    return found


def test_everything_that_is_imported_is_in_the_image():
    of_others = {OF_ANOTHER_NAME.get(name, name) for name in imported() - {*OWN, "tenancy"}}
    assert of_others <= required(ROOT / "backend" / "requirements.in")
    assert "--require-hashes" in DOCKERFILE


def test_what_is_copied_is_all_of_this_project_that_is_imported(tmp_path):
    for source, target in re.findall(r"^COPY ([^-\s]\S+) /app/(\S+)$", DOCKERFILE, re.MULTILINE):
        shutil.copytree(ROOT / source, tmp_path / target)
    packages = sysconfig.get_path("purelib")  # without .pth files, which lead to the project itself
    code = f"import sys; sys.path += {[str(tmp_path), packages]!r}; import backend.app; print(backend.__path__)"
    answer = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert str(tmp_path) in answer.stdout, answer.stderr


def test_it_runs_as_the_user_of_the_access_point_and_can_be_asked_for_its_health():
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    (of_the_files,) = re.findall(r'PosixUser: \{Uid: "(\d+)"', (ROOT / "data.yaml").read_text())
    assert user == of_the_files != "0"
    assert "/healthz" in DOCKERFILE.partition("HEALTHCHECK")[2]
    assert "PYTHONDONTWRITEBYTECODE=1" in DOCKERFILE
    assert '"--http", "h11"' in DOCKERFILE


def test_the_page_on_deploying_names_every_setting():
    from backend.settings import BackendSettings, OriginSettings

    page = (ROOT / "docs" / "deploying.md").read_text()
    for name in (*BackendSettings.model_fields, *OriginSettings.model_fields):
        assert f"`{name.upper()}`" in page, name

"""The embedded AWS stands for AWS: nothing in it is ours. Contracts hold the imports, this the words."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = [path.parent.name for path in (ROOT / "functions").glob("*/app.py")]
WORDS = [
    "fluxion",
    "tenant",
    "tenancy",
    "granja",
    "onboard",
    *FUNCTIONS,
    *(name.replace("_", "-") for name in FUNCTIONS),
]
OURS = re.compile("|".join(sorted(WORDS, key=len, reverse=True)), re.IGNORECASE)
CLOUDFRONTS = re.compile(r"distribution[ _]?tenants?", re.IGNORECASE)


def ours_in(text: str) -> list[str]:
    return OURS.findall(CLOUDFRONTS.sub("", text))


def test_no_file_of_the_embedded_aws_names_this_project_its_tenants_or_its_functions() -> None:
    files = [path for path in (ROOT / "local_aws").rglob("*") if path.suffix in (".py", ".md", ".toml")]
    named = {str(path.relative_to(ROOT)): words for path in files if (words := ours_in(path.read_text()))}

    assert len(files) > 60
    assert named == {}


def test_such_a_name_would_be_found() -> None:
    assert ours_in("TENANTS_TABLE of fluxion-cdn-aliases") == ["TENANT", "fluxion", "cdn-aliases"]
    assert ours_in("CreateDistributionTenant, a distribution tenant") == []

"""What all tests share: an AWS that cannot be the real one, and folders by what they prove.

`unit` is pure and has no network; `conformance` holds the embedded AWS to AWS's words; `workflow` runs the shipped
state machines and templates on it.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_WITH_AN_EMBEDDED_AWS = ("conformance", "local", "workflow")


class SharedScheduling(LoadScopeScheduling):
    """Which tests run in one process where there are several (`make test` has two).

    Those with an embedded AWS mostly wait, some of them for a certain time: one after the other, and beside them tests
    that reckon. A browser is started for a folder, everything else at most for a file.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return "aws" if folder in _WITH_AN_EMBEDDED_AWS else folder if folder == "pages" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedScheduling:
    return SharedScheduling(config, log)


@pytest.fixture(autouse=True)
def no_real_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the developer's shell says (`. .local/env`, a profile), no test can reach an account or their stack."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("EDGE_URL", "BACKEND_URL", "DNS", "FAULTS", "DATA_DIR", "MAIL_DIR", "CA", "BASE_DOMAIN", "STATE_DIR"):
        monkeypatch.delenv(f"FLUXION_{name}", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

"""What all tests share: an AWS that cannot be the real one, and folders by what they prove.

`unit` is pure and has no network; `workflow` runs the shipped state machines and templates on the embedded AWS. Its own
tests are in local_aws/tests.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from local_aws.tests.isolation import no_real_aws

__all__ = ["no_real_aws"]

_WITH_A_STACK = ("local", "workflow")


class SharedScheduling(LoadScopeScheduling):
    """Which tests run in one process where there are several (`make test` has two).

    Those with an embedded AWS mostly wait, some of them for a certain time: those of the stack one after the other, and
    beside them those of the embedded AWS itself, then tests that reckon. A browser is started for a folder, everything
    else at most for a file.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("local_aws/"):
            return "local_aws"
        folder = file.split("/")[1]
        return "stack" if folder in _WITH_A_STACK else folder if folder == "pages" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedScheduling:
    return SharedScheduling(config, log)


@pytest.fixture(autouse=True)
def no_running_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the developer's shell says (`. .local/env`), no test can reach that stack."""
    for name in ("EDGE_URL", "BACKEND_URL", "DNS", "FAULTS", "DATA_DIR", "MAIL_DIR", "CA", "BASE_DOMAIN", "STATE_DIR"):
        monkeypatch.delenv(f"FLUXION_{name}", raising=False)

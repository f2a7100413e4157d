"""What all tests share: an AWS that cannot be the real one, and folders by what they prove.

`unit` is pure and has no network; `conformance` holds the embedded AWS to AWS's words; `workflow` runs the shipped
state machines and templates on it.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
_SHARE_A_STACK = ("conformance", "local", "pages", "workflow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Says which tests share what takes long to start, so that several processes do not each start it.

    A stack is shared by a whole folder; elsewhere at most a file shares something.
    """
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(pytest.mark.xdist_group(folder if folder in _SHARE_A_STACK else str(item.path)))


@pytest.fixture(autouse=True)
def no_real_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the developer's shell says, no test can reach an account."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

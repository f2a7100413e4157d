"""Ask fluxion-tenant-database for what a person wants done beside the workflow."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.config import Config

from cli.session import Session

# The function may work for 2 minutes (its timeout); asked again while it works, it would do all of it twice.
_LONG = Config(connect_timeout=5, read_timeout=150, retries={"mode": "standard", "total_max_attempts": 1})


class DatabaseFunctionFailed(Exception):
    """Say by ``str(error)`` what the function says. kind: the error's class in the function."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("errorMessage", "it did not say why")))
        self.kind = str(answer.get("errorType", "Unknown"))


def ask(session: Session, stage: str, tenant_id: str, **question: str) -> dict[str, Any]:
    """Return what the function answers. What is asked is asked once, and never repeated by itself.

    Raises DatabaseFunctionFailed.
    """
    order = {"tenant_id": tenant_id, "stage": stage, **question}
    function = session.client("lambda", _LONG)
    answer = function.invoke(FunctionName="fluxion-tenant-database", Payload=json.dumps(order).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DatabaseFunctionFailed(said)
    return said

"""Hand out a role's credentials over HTTP to a process that stands for a task of ECS, as ECS does.

`GET /_local_aws/task-credentials/<name of the role>` on the emulator's port, in the form that
AWS_CONTAINER_CREDENTIALS_FULL_URI wants. So such a process is held to its role, as functions are to theirs.

Source: Amazon ECS Developer Guide, Task IAM role; SDKs and Tools Reference Guide, Container credential provider.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import iam

from local_aws.settings import ACCOUNT, REGION

PATH = "/_local_aws/task-credentials"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LIFE = timedelta(hours=6)  # they are asked for again before; what is handed out stays good


def answer(method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Return (status, JSON to send)."""
    host = headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in _LOOPBACK or method != "GET":  # a web page that resolves its own name to this machine
        return 403, {"code": "AccessDenied", "message": "GET it, by 127.0.0.1 or localhost"}
    name = path.removeprefix(PATH).strip("/")
    with request_scope(ACCOUNT, REGION):
        role = iam._roles.get(name)
    if role is None:
        return 404, {"code": "NoSuchEntity", "message": f"there is no role {name!r}"}
    arn = role["Arn"]
    # As functions get theirs: the same role, the same keys.
    task = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    keys = lambda_runtime.execution_credentials({"FunctionArn": task, "Role": arn, "FunctionName": "task"})
    return 200, {
        "RoleArn": arn,
        "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
        "Token": keys["AWS_SESSION_TOKEN"],
        "Expiration": (datetime.now(UTC) + _LIFE).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

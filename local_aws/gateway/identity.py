"""Find out who calls, and what a role may do, from MiniStack's own IAM."""

from __future__ import annotations

import os
import re
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region

from local_aws.settings import ACCOUNT


def name_of_role(role_arn: str) -> str:
    """Return the role's name, without its path."""
    return role_arn.rsplit("/", 1)[-1]


def role_may(role_arn: str, action: str, resource_arn: str, context: dict[str, Any] | None = None) -> bool:
    """Return whether the role's own policies and its boundary allow the action; resource policies are not asked."""
    account, role = get_account_id(), name_of_role(role_arn)
    from ministack.services import iam

    request = iam_evaluator.EvalContext(
        principal_arn=assumed_role_arn(role_arn),
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    return iam_evaluator.evaluate(request, policies, *limits).decision == "Allow"


def assumed_role_arn(role_arn: str, session: str = "session") -> str:
    return f"arn:aws:sts::{get_account_id()}:assumed-role/{name_of_role(role_arn)}/{session}"


def client_of_function(config: dict[str, Any], service: str) -> Any:
    """Return a botocore client of this emulator that signs as the function's execution role."""
    import botocore.session

    keys = lambda_runtime.execution_credentials(config)
    return botocore.session.get_session().create_client(
        service,
        region_name=get_region(),
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
    )


_names: dict[str, str] = {}


def principal_of_key(access_key: str) -> str:
    """Return the role's or user's name behind an access key; the key itself while it is unknown."""
    if access_key not in _names:
        arn = getattr(iam_evaluator.resolve_credential(access_key, ACCOUNT), "principal_arn", "")
        if not arn:
            return access_key or "anonymous"
        parts = arn.split(":", 5)[-1].split("/")  # role/name, user/path/name, assumed-role/name/session, root
        _names[access_key] = parts[1] if parts[0] == "assumed-role" else parts[-1]
    return _names[access_key]


def create_administrator() -> tuple[str, str]:
    """Make the IAM user `administrator`, who may do everything; return (access key id, secret access key)."""
    from ministack.services import iam

    iam._create_user({"UserName": "administrator"})
    iam._attach_user_policy({"UserName": "administrator", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    _, _, body = iam._create_access_key({"UserName": "administrator"})
    text = body.decode() if isinstance(body, bytes) else body
    key, secret = (re.search(f"<{tag}>(.*?)</{tag}>", text) for tag in ("AccessKeyId", "SecretAccessKey"))
    if key is None or secret is None:
        raise RuntimeError(f"no administrator: {text}")
    return key[1], secret[1]

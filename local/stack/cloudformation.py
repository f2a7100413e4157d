"""Deploy stacks without functions, which need no SAM, and say in one sentence what broke a stack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from control.stacks import outputs_of
from local.stack.errors import StackFailed

_POLL_SECONDS, _PATIENCE_SECONDS = 0.1, 60.0


def create(client: Any, stack: str, template: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Make a stack and return its outputs.

    client: of CloudFormation. values: of parameters; those that the template does not have are for other stacks.
    Raises StackFailed.
    """
    body = template.read_text()
    try:
        known = {each["ParameterKey"] for each in client.validate_template(TemplateBody=body)["Parameters"]}
        given = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items() if value and name in known
        ]
        client.create_stack(StackName=stack, TemplateBody=body, Parameters=given)
        attempts = int(_PATIENCE_SECONDS / _POLL_SECONDS)
        client.get_waiter("stack_create_complete").wait(
            StackName=stack, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": attempts}
        )
    except (ClientError, WaiterError) as error:
        raise StackFailed(f"Deploying {stack} failed: {first_failure(client, stack) or error}") from None
    return outputs_of(client, stack)


def first_failure(client: Any, stack: str) -> str | None:
    """Return the event that broke a deployment, as `<logical id> (<type>): <reason>`."""
    try:
        pages = client.get_paginator("describe_stack_events").paginate(StackName=stack)
        events = [event for page in pages for event in page["StackEvents"]]
    except (BotoCoreError, ClientError):
        return None
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
    own = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "")]
    if not own:
        return None
    first = own[-1]  # events come newest first
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {first.get('ResourceStatusReason', 'no reason')}"

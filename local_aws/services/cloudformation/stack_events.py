"""Each change of a stack's status is an event on the default bus; MiniStack tells nobody.

Source: AWS CloudFormation User Guide, Managing events with CloudFormation and Amazon EventBridge, Stack status changes.

Upstream: whole: one event at each change of a status.
"""

import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import changesets, stacks

from local_aws import patching
from local_aws.settings import Settings

_STACK = "AWS::CloudFormation::Stack"


def tell(stack_id: str, status: str, reason: str) -> None:
    """Put the event of one change on the default bus."""
    detail = {"stack-id": stack_id, "status-details": {"status": status, "status-reason": reason}}
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": "CloudFormation Stack Status Change",
        "Detail": json.dumps({**detail, "client-request-token": ""}),
        "Resources": [stack_id],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def install(_: Settings) -> None:
    """Wrap the one place where an event of a stack is written down."""

    def bridged(original: Any) -> Any:
        def add_event(
            stack_id: str,
            stack_name: str,
            logical_id: str,
            kind: str,
            status: str,
            reason: str = "",
            *rest: Any,
            **more: Any,
        ) -> None:
            original(stack_id, stack_name, logical_id, kind, status, reason, *rest, **more)
            if kind == _STACK and logical_id == stack_name:
                tell(stack_id, status, reason)

        return add_event

    patching.replace(stacks, "_add_event", bridged, "_stack_events[stack_id].append(event)")
    changesets._add_event = stacks._add_event  # it has imported the name

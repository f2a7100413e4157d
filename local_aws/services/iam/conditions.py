r"""IAM condition keys of Route 53, and what SQS's batches are authorised as.

AWS supplies route53:ChangeResourceRecordSetsNormalizedRecordNames, …RecordTypes and …Actions with every
ChangeResourceRecordSets: names in lower case, without the final dot, other characters as octal codes (`*` is `\052`).
SQS has no actions for batches: ChangeMessageVisibilityBatch needs sqs:ChangeMessageVisibility.
Stock MiniStack supplies none: a grant with `Null: false` is refused, a ForAnyValue Deny never fires, a batch needs a
permission that AWS does not know.

Source: docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html,
docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html.

Upstream: whole: condition keys from the request, and one name in a table.
"""

from __future__ import annotations

import re
from typing import Any

from ministack.core import iam_actions
from ministack.services import route53

from local_aws import patching
from local_aws.settings import Settings

PREFIX = "route53:ChangeResourceRecordSets"
_CODE = re.compile(r"\\([0-7]{3})")


def normalised(name: str) -> str:
    """Return a record's name as the condition key has it."""
    plain = _CODE.sub(lambda code: chr(int(code[1], 8)), name).lower().rstrip(".")
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else f"\\{ord(c) & 0xFF:03o}" for c in plain)


def condition_keys(body: bytes) -> dict[str, list[str]]:
    """Return the three multi-valued keys of a request; empty if the request has no changes."""
    root = route53._parse_body(body)
    changes = [] if root is None else [el for el in root.iter() if el.tag.rsplit("}", 1)[-1] == "Change"]
    names, types, actions = set(), set(), set()
    for change in changes:
        record = route53._find(change, "ResourceRecordSet")
        actions.add(route53._text(change, "Action"))
        if record is not None:
            names.add(normalised(route53._text(record, "Name")))
            types.add(route53._text(record, "Type"))
    keys = {"NormalizedRecordNames": names, "RecordTypes": types, "Actions": actions}
    return {f"{PREFIX}{key}": sorted(values) for key, values in keys.items() if values}


def _action_from_target(original: Any) -> Any:
    def action_from_target(headers: dict[str, str]) -> Any:
        action = original(headers)
        is_sqs = headers.get("x-amz-target", "").startswith("AmazonSQS.")
        return action.removesuffix("Batch") if action and is_sqs else action

    return action_from_target


def install(settings: Settings) -> None:
    def bridged(original: Any) -> Any:
        def request_tag_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
            context = original(service, iam_action, body, params)
            return {**context, **condition_keys(body)} if iam_action == PREFIX else context

        return request_tag_context

    patching.replace(iam_actions, "request_tag_context", bridged, "_tag_operations(service)")
    patching.replace(iam_actions, "_action_from_target", _action_from_target, 'target.rsplit(".", 1)[-1]')

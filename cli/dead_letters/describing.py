"""Describe the messages of dead-letter queues in words."""

from collections.abc import Mapping
from typing import Any

from cli.dead_letters.functions import name_of
from cli.dead_letters.queues import Letter


def described(letter: Letter) -> str:
    """Return a message in one line, for a person; its first 100 characters, if it is not what it seems."""
    try:
        return _described(letter)
    except (AttributeError, LookupError, TypeError):
        return letter.body[:100]


def _described(letter: Letter) -> str:
    content = letter.content
    if batch := content.get("DDBStreamBatchInfo"):
        context = content["requestContext"]
        since = batch["approximateArrivalOfFirstRecord"]
        return f"{name_of(context['functionArn'])}: {context['condition']}, {batch['batchSize']} records since {since}"
    if record := content.get("record"):
        tenant = record.get("dynamodb", {}).get("Keys", {}).get("tenant_id", {}).get("S", "?")
        return f"{tenant} {record.get('eventName')}: {why(content)}"
    if detail := content.get("detail"):
        tenant = detail.get("metadata", {}).get("tenant_id") or detail.get("name", "?")
        code = detail.get("data", {}).get("code") or detail.get("status", "")
        return f"{tenant} {content.get('detail-type')}: {code}"
    function = letter.target or content.get("requestContext", {}).get("functionArn", "")
    return f"a call of {name_of(function)}" if ":function:" in function else letter.body[:100]


def why(content: Mapping[str, Any]) -> str:
    """Return why a record was set aside."""
    return f"{content.get('error')}: {content.get('message')}"

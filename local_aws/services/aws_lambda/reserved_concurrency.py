"""Reserved concurrency of functions that a template asks for.

AWS: the property is set on the function; calls above it are throttled (TooManyRequestsException); without it there is
no reservation. Stock MiniStack: the API's PutFunctionConcurrency works, the template's property is dropped.

Source: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-function.html.

Upstream: whole: the API has it, the template's property only has to be handed on.
"""

from typing import Any

from ministack.services import lambda_svc

from local_aws import patching
from local_aws.settings import Settings


def _reserve(name: str, properties: dict[str, Any]) -> None:
    wanted = properties.get("ReservedConcurrentExecutions")
    if name in lambda_svc._functions:
        lambda_svc._functions[name]["concurrency"] = None if wanted is None else int(wanted)


def _create(original: Any) -> Any:
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        made = original(logical_id, properties, stack_name)
        _reserve(made[0], properties)
        return made

    return create


def _update(original: Any) -> Any:
    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any, **named: Any) -> Any:
        changed = original(physical_id, old, new, *more, **named)
        _reserve(changed[0], new)
        return changed

    return update


def install(settings: Settings) -> None:
    patching.resource("AWS::Lambda::Function", "create", _create)
    patching.resource("AWS::Lambda::Function", "update", _update)

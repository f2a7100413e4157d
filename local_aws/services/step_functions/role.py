"""The machine's role, checked for the calls that Step Functions makes itself, which are traced too.

AWS calls Lambda, DynamoDB, … with the machine's role; without the permission the task fails with the service's generic
exception (Lambda.AWSLambdaException, DynamoDb.DynamoDbException, …). Stock MiniStack makes these calls in its own
process and checks nothing.

Source: docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html.

Upstream: in part: the check of the role under AUTH; the trace of these calls is ours.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, stepfunctions

from local_aws import patching
from local_aws.gateway import faults, identity, trace, validation
from local_aws.services.step_functions.executions import running
from local_aws.settings import Settings


def _check(service: str, operation: str, action: str, resource: str, denied_as: str) -> None:
    """Raise the task's error if the running machine's role may not do it; check nothing outside an execution."""
    run = running.get()
    if run is None or identity.role_may(run.role_arn, action, resource):
        return
    trace.record(
        identity.name_of_role(run.role_arn), service, operation, 400, via="states", error="AccessDeniedException"
    )
    caller = identity.assumed_role_arn(run.role_arn, run.execution["name"][:64])
    message = f"User: {caller} is not authorized to perform: {action} on resource: {resource}"
    raise stepfunctions._ExecutionError(denied_as, f"{message} because no identity-based policy allows the action")


def _traced(service: str, operation: str, denied_as: str, call: Any, *arguments: Any) -> Any:
    """Make the call, held to the service's model, struck by the faults that are set, and traced."""
    run = running.get()
    role = identity.name_of_role(run.role_arn) if run else "states"
    started = time.perf_counter()

    def note(status: int, error: str | None = None, **more: str) -> None:
        took = round((time.perf_counter() - started) * 1000, 1)
        trace.record(role, service, operation, status, ms=took, via="states", error=error, **more)

    if problem := validation.problem_of_integration(service, operation, arguments[-1]):
        note(400, denied_as, invalid=problem)
        raise stepfunctions._ExecutionError(denied_as, f"1 validation error detected: {problem}")
    try:
        result = faults.in_process(role, service, operation, arguments[-1], lambda: call(*arguments))
    except faults.Struck as struck:
        name = f"{denied_as.partition('.')[0]}.{struck.code}"
        note(struck.status, name, fault=struck.fault)
        raise stepfunctions._ExecutionError(name, str(struck)) from None
    except stepfunctions._ExecutionError as error:
        note(200 if service == "lambda" and not error.error.startswith("Lambda.") else 400, error.error)
        raise
    note(200)
    return result


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def _call_lambda(original: Any) -> Any:
    def call_lambda(func_ref: str, event: Any) -> Any:
        _, config, name = lambda_svc._get_func_record_for_ref(func_ref)
        arn = config["FunctionArn"] if config else _arn("lambda", f"function:{name}")
        _check("lambda", "Invoke", "lambda:InvokeFunction", arn, "Lambda.AWSLambdaException")
        return _traced("lambda", "Invoke", "Lambda.AWSLambdaException", original, func_ref, event)

    return call_lambda


def _sdk(original: Any) -> Any:
    def invoke_aws_sdk_integration(resource: str, request: Any) -> Any:
        service, action = resource.replace(".waitForTaskToken", "").split(":")[6:8]
        operation, denied_as = action[0].upper() + action[1:], "DynamoDb.DynamoDbException"
        table = str((request if isinstance(request, dict) else {}).get("TableName", ""))
        arn = table if table.startswith("arn:") else _arn(service, f"table/{table}")
        _check(service, operation, f"{service}:{operation}", arn, denied_as)
        return _traced(service, operation, denied_as, original, resource, request)

    return invoke_aws_sdk_integration


def install(settings: Settings) -> None:
    patching.replace(stepfunctions, "_call_lambda", _call_lambda, "_get_func_record_for_ref(func_ref)")
    patching.replace(
        stepfunctions,
        "_invoke_aws_sdk_integration",
        _sdk,
        "# parts after split: ['arn', 'aws', 'states', '', '', 'aws-sdk'",
    )

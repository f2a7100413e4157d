"""Execution environments: errors under their class's name, warm after an error, function code before layers, only
bundled packages.

AWS: a handler's exception is reported under its class's own name (Retry and Catch match it) and the environment stays
warm; the death of the process is Runtime.ExitError; a timeout Sandbox.Timedout; function code comes before layers on
sys.path. Only the standard library, the function and its layers can be imported (AWS also has a boto3; here it must
be bundled).
Stock MiniStack: every exception is Runtime.HandlerError and kills the worker; layers shadow the function's code; the
emulator's own site-packages can be imported; print() costs each call a wait for log lines.

Uses MiniStack's pool of workers (`acquire_worker`, concurrency slots) with an environment of our own in it.
Deliberately different from AWS: at most LOCAL_AWS_LAMBDA_ENVIRONMENTS (default 4) processes a function; more concurrent
calls wait for a free one instead of starting a process each, which a workstation's memory would not bear. A call that
waits is not concurrent yet, and for a task of Step Functions TimeoutSeconds have not begun.

Upstream: in part: errors under their class's name, and function code before layers. The pool of forked processes is
ours.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from local_aws import patching
from local_aws.services.aws_lambda.sandbox import Environment
from local_aws.settings import Settings

_places: dict[str, threading.BoundedSemaphore] = defaultdict(
    lambda: threading.BoundedSemaphore(int(os.environ.get("LOCAL_AWS_LAMBDA_ENVIRONMENTS", "4")))
)
_places_lock = threading.Lock()
taken: ContextVar[threading.Event | None] = ContextVar("taken", default=None)
"""To be set when a process takes the call of this context: until then the call waits, as none does on AWS."""


def _execute_function(original: Any) -> Any:
    """Wait for one of the function's places first: a call that waits is neither concurrent nor throttled yet."""

    def execute_function(func: dict[str, Any], event: Any) -> dict[str, Any]:
        config = func.get("config") or func
        if lambda_svc._function_config_scope_mismatch(config):
            return original(func, event)  # which comes here again, in the function's own account and region
        with _places_lock:
            place = _places[f"{get_account_id()}:{get_region()}:{config.get('FunctionArn')}"]
        with place:
            if noted := taken.get():
                noted.set()
            return original(func, event)

    return execute_function


def _execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """Do as `lambda_svc._execute_function_warm`: `{body, log}`, or `{body: error object, error: True, log}`."""
    config = func.get("config") or func
    code_zip = func.get("code_zip")
    if not code_zip:
        raise RuntimeError(f"function {config.get('FunctionName')} has no code")
    lambda_svc._ensure_reaper_thread()
    name, version = config.get("FunctionName", "unknown"), config.get("Version", "$LATEST")
    environment, _ = lambda_runtime.acquire_worker(name, config, code_zip, qualifier=version)
    try:
        trace = lambda_svc._xray_trace_id_for_invocation(config)
        outcome = environment.invoke(event, request_id, trace_id=trace)
    finally:
        lambda_runtime.release_worker(environment)
        if environment.retired:
            environment.kill()
    if outcome["status"] == "ok":
        return {"body": outcome["result"], "log": outcome["log"]}
    return {"body": outcome["error_payload"], "error": True, "function_error": "Unhandled", "log": outcome["log"]}


def _kill(environments: list[Environment]) -> None:
    for environment in environments:
        environment.kill()


def end_all() -> None:
    """Kill every environment at once, busy or not: the emulator stops."""
    for environments in list(lambda_runtime._workers.values()):
        for environment in environments:
            environment.end()


def install(settings: Settings) -> None:
    Environment.cache = settings.cache_dir or settings.state_dir / "tmp" / "code"
    Environment.log_folder = settings.state_dir / "logs"
    Environment.log_folder.mkdir(parents=True, exist_ok=True)
    patching.replace(
        lambda_runtime, "_worker_class_for", lambda _: lambda config: Environment, "ProvidedWorker", "return Worker"
    )
    patching.replace(
        lambda_svc,
        "_execute_function_warm",
        lambda _: _execute,
        "acquire_worker(func_name, config, code_zip, qualifier=qualifier)",
        '"Runtime.HandlerError"',
    )
    patching.replace(
        lambda_svc, "_execute_function", _execute_function, "_run_with_function_config_scope(config, _execute_function"
    )
    patching.replace(lambda_runtime, "kill_workers", lambda _: _kill, "worker._proc = worker._proc, None")
    patching.replace(
        lambda_runtime,
        "acquire_worker",
        lambda original: original,
        "_worker_class_for(config)(func_name, config, code_zip)",
    )

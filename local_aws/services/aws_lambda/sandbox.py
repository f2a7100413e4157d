"""A process that has a function's handler loaded, and serves one invocation at a time."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid
from ministack.services import lambda_svc

from local_aws.services.aws_lambda.extraction import unpacked
from local_aws.services.aws_lambda.template_process import POSSIBLE, Forked, Template
from local_aws.services.aws_lambda.worker import END_OF_LOG

logger = logging.getLogger("local.lambda")
WORKER = Path(__file__).with_name("worker.py")
COMMAND = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", str(WORKER)]
INIT_SECONDS = 60.0  # AWS: 10 s, then once more within the function's timeout; one generous limit for slow machines
INHERITED = ("PATH", "LANG", "LC_ALL", "HOME")


class Environment(lambda_runtime.Worker):
    """A process that imported the handler once and serves one invocation at a time."""

    cache = Path(tempfile.gettempdir())
    log_folder = cache
    retired = False
    _proc: Any
    _tmpdir: str | None
    _shelf: Shelf | None = None

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        super().__init__(func_name, config, code_zip)
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._log: SimpleQueue[str | None] = SimpleQueue()
        self._start_lines: list[str] = []

    def invoke(self, event: Any, request_id: str, trace_id: str | None = None, **_: Any) -> dict[str, Any]:
        """Return `{status: ok, result: <JSON text>, log}` or `{status: error, error_payload: {errorType, ...},
        log}`.
        """
        with self._lock:
            limit = float(self.config.get("Timeout", 3))
            cold = self._proc is None or self._proc.poll() is not None
            try:
                if cold:
                    self._spawn()
                    self._cold = False
                answer = self._call(
                    {
                        "invoke": {
                            "event": event,
                            "request_id": request_id,
                            "function_arn": self.config.get("FunctionArn", ""),
                            "deadline": time.time() + limit,
                            "trace_id": trace_id
                            or f"Root=1-{int(time.time()):08x}-{new_uuid().replace('-', '')[:24]};Sampled=0",
                        }
                    },
                    limit,
                )
            except InitFailed as failure:
                answer = {"error": failure.body}
            except TimeoutError:
                answer = {"error": _error("Sandbox.Timedout", request_id, f"Task timed out after {limit:.2f} seconds")}
                self.end()
            except (OSError, EOFError):
                answer = {"error": _error("Runtime.ExitError", request_id, self._exit_reason())}
                self.end()
            log = self._take_log(request_id)
            if "error" in answer:
                return {"status": "error", "error_payload": answer["error"], "cold_start": cold, "log": log}
            return {"status": "ok", "result": json.loads(answer["result"]), "cold_start": cold, "log": log}

    def _spawn(self) -> None:
        self.end()
        self._tmpdir = tempfile.mkdtemp(prefix=f"lambda-{self.func_name}-")
        code = unpacked(self.code_zip, self.cache)
        layers = [unpacked(archive, self.cache) for archive in self._layer_archives()]
        init = {"path": _search_path(code, layers), "handler": self.config.get("Handler", "")}
        variables = self._variables(code)
        forked = self._forked(code, variables, init)
        self._proc = forked or subprocess.Popen(
            COMMAND,
            cwd=code,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._answers, self._log = SimpleQueue(), SimpleQueue()
        threading.Thread(target=_pump_answers, args=(self._proc.stdout, self._answers), daemon=True).start()
        threading.Thread(target=_pump_log, args=(self._proc.stderr, self._log), daemon=True).start()
        try:
            answer = self._answer(INIT_SECONDS) if forked else self._call({"init": init}, INIT_SECONDS)
        except (TimeoutError, OSError, EOFError) as error:
            reason = "Init timed out" if isinstance(error, TimeoutError) else self._exit_reason()
            answer = {"error": _error("Runtime.ExitError", new_uuid(), reason)}
        if "error" in answer:
            self.end()
            raise InitFailed(answer["error"])
        self._start_lines = self._lines_to_mark()

    def _forked(self, code: Path, variables: dict[str, str], init: dict[str, Any]) -> Forked | None:
        """Return a fork of the function's template; None for its first environment, or where forking is impossible."""
        with _templates_lock:
            shelf = _shelves.setdefault(f"{self.config.get('FunctionArn')}:{self.config.get('RevisionId')}", Shelf())
        with shelf.lock:
            shelf.users.add(self)
            self._shelf = shelf
            if len(shelf.users) == 1 or not POSSIBLE or shelf.unusable:
                return None
        with shelf.making:
            try:
                if shelf.template is None:
                    log = self.log_folder / f"{self.func_name}.log"
                    own = {**variables, "TMPDIR": str(self.cache)}
                    shelf.template = Template(COMMAND, code, own, init, log, INIT_SECONDS)
                return shelf.template.fork(variables)
            except OSError as error:
                logger.info("%s: environments are not forked: %s", self.func_name, error)
                shelf.unusable = True
                return None

    def _call(self, message: dict[str, Any], limit: float) -> dict[str, Any]:
        self._proc.stdin.write(json.dumps(message).encode() + b"\n")
        self._proc.stdin.flush()
        return self._answer(limit)

    def _answer(self, limit: float) -> dict[str, Any]:
        """Return the worker's next answer. Raises TimeoutError, or EOFError when the process ended."""
        try:
            answer = self._answers.get(timeout=limit)
        except Empty:
            raise TimeoutError from None
        if answer is None:
            raise EOFError
        return answer

    def _layer_archives(self) -> list[bytes]:
        archives = []
        for layer in self.config.get("Layers") or ():
            archive = lambda_svc._resolve_layer_zip(layer)
            if not archive:
                raise InitFailed(_error("Runtime.LayerMissing", new_uuid(), f"layer {layer} has no content"))
            archives.append(archive)
        return archives

    def _variables(self, code: Path) -> dict[str, str]:
        """Return what AWS sets, the function's variables and its role's credentials; nothing else of this process."""
        _, region = lambda_runtime._account_region_from_function_config(self.config)
        name = self.config.get("FunctionName", "")
        own = (self.config.get("Environment") or {}).get("Variables") or {}
        return {
            **{key: os.environ[key] for key in INHERITED if key in os.environ},
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.config.get('Runtime', '')}",
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "TMPDIR": self._tmpdir or "",
            "TZ": ":UTC",
            **{key: str(value) for key, value in own.items() if key not in lambda_runtime._RESERVED_RUNTIME_ENV_VARS},
            "_HANDLER": self.config.get("Handler", ""),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": self.config.get("Version", "$LATEST"),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": time.strftime("%Y/%m/%d/[$LATEST]") + new_uuid().replace("-", ""),
            "LAMBDA_TASK_ROOT": str(code),
            **lambda_runtime.execution_credentials(self.config),
        }

    def _exit_reason(self) -> str:
        code = self._proc.wait(5) if self._proc else None
        if code is None or code == 0:
            return "Runtime exited without providing a reason"
        if code < 0:
            return f"Runtime exited with error: signal: {'killed' if code == -9 else -code}"
        return f"Runtime exited with error: exit status {code}"

    def _take_log(self, request_id: str) -> str:
        """Return the lines of this invocation and of a cold start before it; append them to `logs/<function>.log`."""
        lines = [*self._start_lines, *self._lines_to_mark()]
        self._start_lines = []
        if lines:
            with (self.log_folder / f"{self.func_name}.log").open("a", encoding="utf-8") as file:
                file.write("\n".join([f"-- {request_id}", *lines, ""]))
        return "\n".join(lines)

    def _lines_to_mark(self) -> list[str]:
        """Return the lines up to the worker's mark, or what a dead worker left."""
        lines: list[str] = []
        with contextlib.suppress(Empty):
            while (line := self._log.get(timeout=1.0)) is not None and line != END_OF_LOG:
                lines.append(line)
        return lines

    def end(self) -> None:
        proc, self._proc = self._proc, None
        if proc is not None:
            proc.kill()
            proc.wait(5)
            with contextlib.suppress(OSError):
                proc.stdin.close()
        if self._shelf:
            self._shelf.leave(self)
            self._shelf = None
        self._discard_tmpdir()

    def kill(self) -> None:
        """End the process; one that serves an invocation ends after it, as when AWS replaces a function's code."""
        self.retired = True
        if not self.in_use:
            self.end()

    def _discard_tmpdir(self) -> None:
        if self._tmpdir:
            shutil.rmtree(self._tmpdir, ignore_errors=True)
            self._tmpdir = None


class Shelf:
    """The environments of one revision of a function, and the template that further ones are forked from."""

    def __init__(self) -> None:
        self.lock, self.making = threading.Lock(), threading.Lock()
        self.users: set[Environment] = set()
        self.template: Template | None = None
        self.unusable = False

    def leave(self, environment: Environment) -> None:
        """Count one less; the last one to leave ends the template."""
        with self.lock:
            self.users.discard(environment)
            template, self.template = (self.template, None) if not self.users else (None, self.template)
        if template:
            template.close()


_shelves: dict[str, Shelf] = {}
_templates_lock = threading.Lock()


class InitFailed(Exception):
    """An environment could not load the handler; `body` is the error object that the caller gets."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body["errorMessage"])
        self.body = body


def _error(error_type: str, request_id: str, reason: str) -> dict[str, Any]:
    return {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {reason}"}


def _search_path(code: Path, layers: list[Path]) -> list[str]:
    """Return /var/task, /opt/python/lib/python3.x/site-packages and /opt/python, a later layer over an earlier one."""
    path = [code]
    for layer in reversed(layers):
        path += [*sorted(layer.glob("python/lib/python3*/site-packages")), layer / "python"]
    return [str(folder) for folder in path if folder.is_dir()]


def _pump_answers(pipe: Any, queue: SimpleQueue[dict[str, Any] | None]) -> None:
    with pipe:
        for line in pipe:
            queue.put(json.loads(line))
    queue.put(None)


def _pump_log(pipe: Any, queue: SimpleQueue[str | None]) -> None:
    with pipe:
        for line in pipe:
            queue.put(line.decode("utf-8", "replace").rstrip("\n"))
    queue.put(None)

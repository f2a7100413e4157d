"""The product's functions in this process: loaded as Lambda loads them, ended as Lambda ends them."""

import importlib.util
import io
import json
import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.warnings import PowertoolsUserWarning

from tests.faults.clock import Clock, TimedOut
from tests.faults.points import Crash, Points
from tests.faults.template import ROOT, Function


class FunctionFailed(Exception):
    """What the caller of a function sees. error: its name in Retry and Catch."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error, self.message = error, message


class Inline(Executor):
    """A pool without threads. A process that dies takes its threads along, so a crash is not kept for later."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future gives it to whoever asks for the result
            done.set_exception(error)
        return done


@dataclass
class _Context:
    """What Lambda gives beside the event."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int
    clock: Clock

    def get_remaining_time_in_millis(self) -> int:
        assert self.clock.deadline is not None
        return int((self.clock.deadline - self.clock.now) * 1000)


class Functions:
    """Warm handlers by function's name. current: the function that runs now, ``""`` between invocations."""

    def __init__(
        self, functions: Mapping[str, Function], points: Points, clock: Clock, imported: Callable[[], None]
    ) -> None:
        self._functions, self._points, self._clock, self._imported = functions, points, clock, imported
        self._warm: dict[str, Callable[..., Any]] = {}
        self._requests = 0
        self.settings: dict[str, str] = {}
        """Environment variables that are this world's, over the template's."""
        self.current = ""
        self.ended: Callable[[], None] = lambda: None
        """Called after an invocation whose process died."""

    def invoke(self, name: str, event: Any) -> Any:
        """What the handler returns. Raises FunctionFailed."""
        assert not self.current, f"{self.current} is still running"
        function, clock, points = self._functions[name], self._clock, self._points
        self._requests += 1
        context = _Context(
            name, f"arn:aws:lambda:us-east-1:123456789012:function:{name}", f"{self._requests}", 256, clock
        )
        self.current, points.is_dead = name, False
        clock.deadline = clock.now + function.timeout
        try:
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                # Metrics are printed; that a process died without any is no reason for another exception.
                warnings.simplefilter("ignore", PowertoolsUserWarning)
                warnings.filterwarnings("ignore", "No application metrics to publish")
                answer = self._handler(function)(json.loads(json.dumps(event)), context)
            return json.loads(json.dumps(answer))
        except Crash:
            self._die(name)
            raise FunctionFailed("Runtime.ExitError", "Error: Runtime exited with error: signal: killed") from None
        except TimedOut:
            self._die(name)
            raise FunctionFailed(
                "Sandbox.Timedout", f"Error: Task timed out after {function.timeout:.2f} seconds"
            ) from None
        except Exception as error:
            raise FunctionFailed(type(error).__name__, str(error)) from error
        finally:
            self.current, points.is_dead, clock.deadline = "", False, None

    def forget(self) -> None:
        """Every environment ends; the next invocations begin cold."""
        self._warm.clear()

    def _die(self, name: str) -> None:
        """The process's memory goes: its handler, and what it had gathered to say."""
        from tenancy import handlers

        self._warm.pop(name, None)
        handlers.metrics.clear_metrics()
        self.ended()

    def _handler(self, function: Function) -> Callable[..., Any]:
        if function.name not in self._warm:
            self._warm[function.name] = self._load(function)
        return self._warm[function.name]

    def _load(self, function: Function) -> Callable[..., Any]:
        path = ROOT / "functions" / function.folder / "app.py"
        spec = importlib.util.spec_from_file_location(f"functions_{function.folder}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        before = dict(os.environ)
        os.environ.update(function.environment | self.settings | {"AWS_REGION": "us-east-1"})
        try:
            spec.loader.exec_module(module)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self._imported()
        return module.handler  # type: ignore[no-any-return]

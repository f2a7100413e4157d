"""Run a local Lambda execution environment from the inside, under a bare Python, as AWS's runtime client does.

It is started as a file by `sandbox` and imports nothing but the standard library.
Line protocol, JSON: stdin takes {"init": …} once and then {"invoke": …}; answers go to a private copy of stdout, so
that whatever the handler prints is log. At end of input (the emulator is gone) the process ends at once.
"""

import importlib
import json
import os
import queue
import sys
import threading
import time
import traceback

END_OF_LOG = "\x00end-of-log"


class Fault(Exception):
    """An error that AWS reports under a Runtime.* name of its own."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type, self.trace = error_type, list(trace)


class LambdaContext:
    def __init__(self, invoke):
        self.aws_request_id = invoke["request_id"]
        self.invoked_function_arn = invoke["function_arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = self.client_context = None
        self._deadline = invoke["deadline"]

    def get_remaining_time_in_millis(self):
        return max(int((self._deadline - time.time()) * 1000), 0)


def load(handler):
    """Return the handler function, with AWS's errors for what cannot be loaded."""
    module_name, _, function_name = handler.rpartition(".")
    if not module_name:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        place = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", place) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from None


def to_json(value):
    def default(item):
        if type(item).__name__ == "Decimal":
            return float(item)
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    try:
        return json.dumps(value, default=default, ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 - whatever a returned object raises
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def describe(error, request_id=""):
    """Return the error object that the Runtime API is given: the class's own name, str(error), the handler's stack."""
    if isinstance(error, Fault):
        body = {"errorMessage": str(error), "errorType": error.error_type}
        stack = error.trace
    else:
        body = {"errorMessage": str(error), "errorType": type(error).__name__}
        frames = traceback.extract_tb(error.__traceback__)
        stack = traceback.format_list([frame for frame in frames if frame.filename != __file__])
    return {**body, "requestId": request_id, "stackTrace": stack}


def log_streams():
    """Make a log of what print() and subprocesses write: descriptor 2, line by line."""
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False, errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False, errors="backslashreplace")


class Emulator:
    """The other end: lines of JSON on stdin, answers on the descriptor that was stdout."""

    def __init__(self):
        self._answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        os.dup2(2, 1)
        self._inbox = queue.SimpleQueue[object]()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):  # on the bare descriptor: no buffer of stdin is locked when the process exits
        pending = b""
        while chunk := os.read(0, 1 << 16):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._inbox.put(json.loads(line))
        os._exit(1)

    def receive(self):
        return self._inbox.get()

    def answer(self, **message):
        sys.stdout.flush()
        sys.stderr.write(END_OF_LOG + "\n")
        sys.stderr.flush()
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()


def main():
    """Serve as one environment: import the handler, then handle one invocation after the other."""
    emulator = Emulator()
    log_streams()
    init = emulator.receive()["init"]
    sys.path[:0] = init["path"]
    try:
        handler = load(init["handler"])
    except Exception as error:  # noqa: BLE001 - anything a module raises
        body = describe(error)
        print(f"[ERROR] {body['errorType']}: {body['errorMessage']}\n{''.join(body['stackTrace'])}", file=sys.stderr)
        emulator.answer(error=body)
        os._exit(1)
    serve(emulator, handler)


def serve(emulator, handler):
    emulator.answer(ready=True)
    while True:
        invoke = emulator.receive()["invoke"]
        os.environ["_X_AMZN_TRACE_ID"] = invoke["trace_id"]
        try:
            result = to_json(handler(invoke["event"], LambdaContext(invoke)))
        except Exception as error:  # noqa: BLE001 - the caller is told
            body = describe(error, invoke["request_id"])
            message = f"[ERROR] {body['errorType']}: {body['errorMessage']}\nTraceback (most recent call last):\n"
            print(message + "".join(body["stackTrace"]), file=sys.stderr)
            emulator.answer(error=body)
        else:
            emulator.answer(result=result)


def template():
    """Import the handler once, then fork an environment for every request; see `template_process`."""
    import socket

    control = socket.socket(fileno=0)
    log_streams()

    def reply(**message):
        control.send(json.dumps(message).encode())

    init = json.loads(control.recv(1 << 20))["init"]
    sys.path[:0] = init["path"]
    try:
        handler = load(init["handler"])
    except Exception as error:  # noqa: BLE001 - an environment of its own will tell
        reply(unusable=str(error))
        os._exit(1)
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - no pathlib at start
        reply(unusable="it started threads, which a fork would lose")
        os._exit(1)
    reply(ready=True)
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not data:
            os._exit(0)
        request = json.loads(data)
        if "poll" in request:
            done, status = os.waitpid(request["poll"], os.WNOHANG)
            reply(code=os.waitstatus_to_exitcode(status) if done else None)
        elif child := os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            reply(pid=child)
        else:
            control.detach()
            become_environment(request["fork"], descriptors, handler)


def become_environment(variables, descriptors, handler):
    """Become what a fork of the template is: own descriptors and variables, then one invocation after the other."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.update(variables)
    if tempfile := sys.modules.get("tempfile"):
        tempfile.__dict__["tempdir"] = None  # each environment has a /tmp of its own
    serve(Emulator(), handler)


if __name__ == "__main__":
    code = 0
    try:
        template() if sys.argv[1:] == ["template"] else main()
    except SystemExit as leaving:  # sys.exit() in a handler ends the environment, on AWS too
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

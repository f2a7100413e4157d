"""The inside of a local Lambda execution environment: runs under a bare Python, as AWS's runtime client does.

It is started as a file by `local.emulator.bridges.lambda_environment` and imports nothing but the standard library.
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
    """The handler function, with AWS's errors for what cannot be loaded."""
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
    """The error object that the Runtime API is given: the class's own name, str(error), the handler's stack."""
    if isinstance(error, Fault):
        body = {"errorMessage": str(error), "errorType": error.error_type}
        stack = error.trace
    else:
        body = {"errorMessage": str(error), "errorType": type(error).__name__}
        frames = traceback.extract_tb(error.__traceback__)
        stack = traceback.format_list([frame for frame in frames if frame.filename != __file__])
    return {**body, "requestId": request_id, "stackTrace": stack}


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # print() and whatever subprocesses write is log
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False, errors="backslashreplace")
    inbox: queue.SimpleQueue = queue.SimpleQueue()  # type: ignore[type-arg]

    def read():  # on the bare descriptor: no buffer of stdin is locked when the process exits
        pending = b""
        while chunk := os.read(0, 1 << 16):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                inbox.put(json.loads(line))
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()

    def answer(**message):
        sys.stdout.flush()
        sys.stderr.write(END_OF_LOG + "\n")
        sys.stderr.flush()
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    init = inbox.get()["init"]
    sys.path[:0] = init["path"]
    try:
        handler = load(init["handler"])
    except Exception as error:  # noqa: BLE001 - anything a module raises
        body = describe(error)
        print(f"[ERROR] {body['errorType']}: {body['errorMessage']}\n{''.join(body['stackTrace'])}", file=sys.stderr)
        answer(error=body)
        os._exit(1)
    answer(ready=True)

    while True:
        invoke = inbox.get()["invoke"]
        os.environ["_X_AMZN_TRACE_ID"] = invoke["trace_id"]
        try:
            result = to_json(handler(invoke["event"], LambdaContext(invoke)))
        except Exception as error:  # noqa: BLE001 - the caller is told
            body = describe(error, invoke["request_id"])
            message = f"[ERROR] {body['errorType']}: {body['errorMessage']}\nTraceback (most recent call last):\n"
            print(message + "".join(body["stackTrace"]), file=sys.stderr)
            answer(error=body)
        else:
            answer(result=result)


if __name__ == "__main__":
    code = 0
    try:
        main()
    except SystemExit as leaving:  # sys.exit() in a handler ends the environment, on AWS too
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

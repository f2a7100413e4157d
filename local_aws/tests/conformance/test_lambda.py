"""Lambda: error names, warm environments, what can be imported."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .case import case

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud
    from local_aws.tests.conformance.emulator import Emulator

environment_case = partial(case, bridge="aws_lambda.environment")


@environment_case(
    "a handler's exception is reported under its class's own name, with message and stack trace",
    source="Lambda Developer Guide, Python function errors and exceptions",
)
def test_an_exception_is_reported_under_its_class_name(cloud: Cloud) -> None:
    function = cloud.function(
        """
        class ZoneBusy(Exception): ...
        def handler(event, context):
            raise ZoneBusy("try again")
        """
    )
    body, error = cloud.invoke(function)
    assert error == "Unhandled"
    assert (body["errorType"], body["errorMessage"]) == ("ZoneBusy", "try again")
    assert any("handler" in line for line in body["stackTrace"])


@environment_case(
    "the environment stays warm after an exception",
    source="Lambda Developer Guide, Understanding the execution environment lifecycle",
)
def test_an_exception_leaves_the_environment_warm(cloud: Cloud) -> None:
    function = cloud.function(
        """
        import os
        def handler(event, context):
            if event == "fail":
                raise ValueError(os.getpid())
            return os.getpid()
        """
    )
    before, _ = cloud.invoke(function)
    failed, _ = cloud.invoke(function, "fail")
    after, _ = cloud.invoke(function)
    assert before == after == int(failed["errorMessage"])


@environment_case(
    "the death of the process is Runtime.ExitError, and the next call finds a new one",
    source="Lambda Developer Guide, Troubleshoot execution issues",
)
def test_the_death_of_the_process_is_an_exit_error_and_the_next_call_works(cloud: Cloud) -> None:
    function = cloud.function(
        """
        import os, sys
        def handler(event, context):
            if event == "crash":
                os._exit(3)
            if event == "exit":
                sys.exit(1)
            return "alive"
        """
    )
    for event, status in (("crash", 3), ("exit", 1)):
        body, error = cloud.invoke(function, event)
        assert error
        assert body["errorType"] == "Runtime.ExitError"
        assert f"exit status {status}" in body["errorMessage"]
        assert cloud.invoke(function) == ("alive", None)


@case(
    "a call that takes too long is Sandbox.Timedout, on time",
    source="Lambda Developer Guide, Configure Lambda function timeout",
    bridge=None,
)
def test_a_timeout_has_its_own_name(cloud: Cloud) -> None:
    function = cloud.function("import time\ndef handler(event, context): time.sleep(30)", timeout=1)
    started = time.monotonic()
    body, _ = cloud.invoke(function)
    assert body["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in body["errorMessage"]
    assert time.monotonic() - started < 4


@environment_case(
    "what cannot be imported, found or returned is Runtime.ImportModuleError, HandlerNotFound, MarshalError",
    source="Lambda Developer Guide, Troubleshoot execution issues; awslambdaric, bootstrap.py",
)
def test_what_cannot_be_loaded_or_returned_is_named_as_aws_does(cloud: Cloud) -> None:
    missing = cloud.function("import not_there\ndef handler(event, context): ...")
    no_handler = cloud.function("def other(event, context): ...")
    unserialisable = cloud.function("def handler(event, context): return {1, 2}")
    assert cloud.invoke(missing)[0]["errorType"] == "Runtime.ImportModuleError"
    assert cloud.invoke(no_handler)[0]["errorType"] == "Runtime.HandlerNotFound"
    assert cloud.invoke(unserialisable)[0]["errorType"] == "Runtime.MarshalError"


@case(
    "what a handler prints is never taken for its answer",
    source="Lambda Developer Guide, Log and monitor Python Lambda functions",
    bridge=None,
)
def test_printing_does_not_disturb_the_answer(cloud: Cloud) -> None:
    function = cloud.function(
        """
        import os, sys
        def handler(event, context):
            print('{"status": "ok", "result": "forged"}')
            sys.stdout.write("no newline")
            os.system("echo from a subprocess")
            return {"real": "ü"}
        """
    )
    assert cloud.invoke(function) == ({"real": "ü"}, None)


@environment_case(
    "the function's code comes before its layers, a later layer before an earlier one",
    source="Lambda Developer Guide, Working with layers for Python functions, search path",
)
def test_the_function_comes_before_its_layers_and_a_later_layer_before_an_earlier(cloud: Cloud) -> None:
    first = cloud.layer(shared="WHO = 'first layer'", own="WHO = 'first layer'", extra="WHO = 'first layer'")
    second = cloud.layer(shared="WHO = 'second layer'", own="WHO = 'second layer'")
    code = "import shared, own, extra\ndef handler(event, context): return [shared.WHO, own.WHO, extra.WHO]"
    function = cloud.function(code, layers=[first, second], own="WHO = 'function'")
    assert cloud.invoke(function)[0] == ["second layer", "function", "first layer"]


@environment_case(
    "only the standard library, the function and its layers can be imported",
    source="Lambda Developer Guide, Runtime-included SDK versions",
    still_different="AWS also has a boto3; here it must be bundled, as it should be.",
    on_aws=False,
    why_not="AWS has a boto3 of its own",
)
def test_nothing_of_the_emulators_own_packages_can_be_imported(cloud: Cloud) -> None:
    for module in ("boto3", "ministack", "pydantic", "local"):
        body, _ = cloud.invoke(cloud.function(f"import {module}\ndef handler(event, context): ..."))
        assert body["errorType"] == "Runtime.ImportModuleError", module


@environment_case(
    "reserved environment variables are set, credentials are temporary, a call has a request id",
    source="Lambda Developer Guide, Defined runtime environment variables",
)
def test_the_environment_is_what_aws_gives(cloud: Cloud) -> None:
    function = cloud.function(
        "import os\ndef handler(event, context): return [dict(os.environ), context.aws_request_id]"
    )
    (variables, request_id), _ = cloud.invoke(function)
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert len(request_id) == 36
    assert "PYTHONPATH" not in variables


@environment_case(
    "an environment serves one call at a time; parallel calls get several",
    source="Lambda Developer Guide, Understanding Lambda function scaling",
    still_different="At most four environments a function; more calls wait.",
    on_aws=False,
    why_not="looks into the emulator's folders",
)
def test_parallel_calls_share_a_few_environments_and_one_copy_of_a_layer(cloud: Cloud, emulator: Emulator) -> None:
    from concurrent.futures import ThreadPoolExecutor

    layer = cloud.layer(big="DATA = 'x'")
    code = "import big, os, time\ndef handler(event, context):\n time.sleep(0.1)\n return [os.getpid(), big.__file__]"
    function = cloud.function(code, layers=[layer])
    with ThreadPoolExecutor(12) as pool:
        answers = [answer for answer, _ in pool.map(lambda _: cloud.invoke(function), range(12))]
    assert 1 < len({process for process, _ in answers}) <= 4
    assert len({path for _, path in answers}) == 1
    assert Path(answers[0][1]).is_relative_to(emulator.state / "tmp")


@environment_case(
    "environments share no process, no random seed, no /tmp, no log stream",
    source="Lambda Developer Guide, Understanding the execution environment lifecycle",
    on_aws=False,
    why_not="counts on how four calls are spread over environments",
)
def test_every_environment_is_a_world_of_its_own(cloud: Cloud) -> None:
    from concurrent.futures import ThreadPoolExecutor

    function = cloud.function(
        """
        import os, random, tempfile, time
        calls = []
        def handler(event, context):
            calls.append(event)
            time.sleep(0.3)
            if event == "crash":
                os._exit(7)
            print("seen by", os.getpid())
            return [os.getpid(), random.random(), tempfile.gettempdir(), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]]
        """
    )
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda event: cloud.invoke(function, event), ["a", "crash", "b", "c"]))
    crashed, error = outcomes.pop(1)
    assert (crashed["errorType"], bool(error)) == ("Runtime.ExitError", True)
    assert "exit status 7" in crashed["errorMessage"]
    for column in zip(*(answer for answer, _ in outcomes), strict=True):
        assert len(set(column)) == 3


@case(
    "threads that were started at import run during each call",
    source="Lambda Developer Guide, Understanding the execution environment lifecycle",
    bridge=None,
)
def test_a_handler_that_starts_threads_when_imported_works_in_parallel_too(cloud: Cloud) -> None:
    from concurrent.futures import ThreadPoolExecutor

    function = cloud.function(
        """
        import threading, time
        beats = []
        def beat():
            while True:
                beats.append(1)
                time.sleep(0.01)
        threading.Thread(target=beat, daemon=True).start()
        def handler(event, context):
            before = len(beats)
            time.sleep(0.3)
            return len(beats) > before
        """
    )
    with ThreadPoolExecutor(4) as pool:
        assert [answer for answer, _ in pool.map(lambda _: cloud.invoke(function), range(4))] == [True] * 4


@case(
    "what a handler prints is in its log group",
    source="Lambda Developer Guide, Log and monitor Python Lambda functions",
    bridge=None,
)
def test_logs_reach_cloudwatch(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): print('hello from', context.aws_request_id)")
    cloud.invoke(function)
    group = f"/aws/lambda/{function.rsplit(':', 1)[-1]}"
    events = cloud.aws("logs").filter_log_events(logGroupName=group)["events"]
    assert any("hello from" in event["message"] for event in events)


@environment_case(
    "new code is used from the next call on, and a running call finishes with the old",
    source="Lambda Developer Guide, Updating function code; UpdateFunctionCode",
    on_aws=False,
    why_not="the handler writes what it saw into a folder of this machine",
)
def test_new_code_is_used_at_once_and_a_running_call_finishes(cloud: Cloud, notes: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    code = """
    import pathlib, time
    def handler(event, context):
        pathlib.Path(event).touch()
        time.sleep(0.6)
        return "old"
    """
    function = cloud.function(code)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(cloud.invoke, function, str(notes / "started"))
        cloud.until((notes / "started").exists)
        new = cloud.archive({"app.py": "def handler(event, context): return 'new'"})
        cloud.aws("lambda").update_function_code(FunctionName=function, ZipFile=new)
        assert cloud.invoke(function) == ("new", None)
        assert running.result() == ("old", None)


@case(
    "a function may do what its role allows, and nothing else",
    source="Lambda Developer Guide, Execution role",
    bridge=None,
)
def test_a_role_without_a_policy_is_refused(cloud: Cloud) -> None:
    import botocore

    packages = Path(botocore.__file__).parents[1]
    code = f"""
    import sys
    sys.path.append({str(packages)!r})
    import botocore.session
    def handler(event, context):
        client = botocore.session.get_session().create_client("dynamodb")
        client.get_item(TableName="any", Key={{"pk": {{"S": "x"}}}})
    """
    body, _ = cloud.invoke(
        cloud.function(
            code, role=cloud.role("lambda", {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}), timeout=20
        )
    )
    assert body["errorType"] == "ClientError"
    assert "AccessDenied" in body["errorMessage"]

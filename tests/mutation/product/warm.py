"""A process that has everything imported but the project: it forks for each test run. Run as a script, in a copy.

Reads one JSON list of test ids a line, and writes one JSON object a line: pytest's exit status, and what it said.
"""

import io
import json
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout

LONGEST_SECONDS = 120


def main() -> None:
    copy, *paths = sys.argv[1:]
    os.chdir(copy)
    sys.path[:1] = paths  # in place of this script's folder
    import aws_lambda_powertools  # noqa: F401
    import boto3
    import moto
    import pydantic  # noqa: F401
    import pytest

    with moto.mock_aws():  # loads the service's model, and moto's part of it
        boto3.client("dynamodb", region_name="us-east-1").list_tables()
    assert not [name for name in sys.modules if name.partition(".")[0] in ("tenancy", "tests")]
    for line in sys.stdin:
        reader, writer = os.pipe()
        if child := os.fork():
            os.close(writer)
            with os.fdopen(reader) as said:
                text = said.read()
            _, status = os.waitpid(child, 0)
            sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status), "said": text}) + "\n")
            sys.stdout.flush()
            continue
        signal.alarm(LONGEST_SECONDS)
        told = io.StringIO()
        with redirect_stdout(told), redirect_stderr(told):
            options = ["-q", "-rfE", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
            status = pytest.main([*options, *json.loads(line)])
        with os.fdopen(writer, "w") as out:
            out.write(told.getvalue())
        os._exit(status)


if __name__ == "__main__":
    main()

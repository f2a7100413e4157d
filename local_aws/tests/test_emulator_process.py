"""The emulator's process: who called what, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.tests.conformance.cloud import Cloud
from local_aws.tests.conformance.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cloud(emulator: Emulator) -> Cloud:
    return Cloud(emulator.client)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_every_call_is_in_the_trace_with_its_caller_and_outcome(cloud: Cloud, emulator: Emulator) -> None:
    table, _ = cloud.table()
    cloud.put(table, "x", 1)
    with pytest.raises(ClientError):
        cloud.aws("route53").get_hosted_zone(Id="ZNONE")
    cloud.aws("s3").list_buckets()
    cloud.aws("sns").list_topics()
    put, zone, buckets, topics = emulator.trace()[-4:]
    assert {
        "principal": "administrator",
        "service": "dynamodb",
        "operation": "PutItem",
        "status": 200,
    }.items() <= put.items()
    assert (zone["service"], zone["operation"], zone["status"], zone["error"]) == (
        "route53",
        "GetHostedZone",
        404,
        "NoSuchHostedZone",
    )
    assert (buckets["service"], buckets["operation"]) == ("s3", "ListBuckets")
    assert (topics["service"], topics["operation"]) == ("sns", "ListTopics")


def test_a_functions_calls_carry_its_roles_name(cloud: Cloud, emulator: Emulator) -> None:
    import boto3

    packages = Path(boto3.__file__).parents[1]
    role = cloud.role("lambda", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    code = f"""
    import sys
    sys.path.append({str(packages)!r})
    import botocore.session
    def handler(event, context):
        return len(botocore.session.get_session().create_client("sqs").list_queues().get("QueueUrls", []))
    """
    assert cloud.invoke(cloud.function(code, role=role, timeout=20))[1] is None
    name = role.rsplit("/", 1)[-1]
    assert [line["operation"] for line in emulator.trace() if line["principal"] == name] == ["ListQueues"]


@pytest.fixture
def another(emulator: Emulator, tmp_path: Path) -> Any:
    running = type(emulator)(tmp_path / "another")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait(5)


def warm(cloud_type: type[Cloud], running: Emulator) -> int:
    """Starts a function there. Returns the id of its process."""
    other = cloud_type(running.client)
    process, _ = other.invoke(other.function("import os\ndef handler(event, context): return os.getpid()"))
    assert alive(process)
    return int(process)


def test_on_sigterm_everything_goes(cloud: Cloud, another: Emulator) -> None:
    worker = warm(type(cloud), another)
    another.process.send_signal(signal.SIGTERM)
    assert another.process.wait(5) == 0
    assert not alive(worker)
    assert sorted(path.name for path in another.state.iterdir()) == ["log", "logs", "mail", "trace.jsonl"]


def test_when_it_is_killed_its_workers_end(cloud: Cloud, another: Emulator) -> None:
    worker = warm(type(cloud), another)
    another.process.kill()
    another.process.wait(5)
    cloud.until(lambda: not alive(worker), seconds=2)


def test_when_its_parent_dies_it_ends(cloud: Cloud, tmp_path: Path, emulator: Emulator) -> None:
    python, root = emulator.process.args[0], Path(__file__).resolve().parents[2]
    command = [python, "-m", "local_aws", "--state", str(tmp_path / "orphan"), "--no-edge", "--exit-with-parent"]
    child = f"subprocess.Popen({command!r}, cwd={str(root)!r})"
    code = f"import subprocess, time; print({child}.pid, flush=True); time.sleep(60)"
    env = {**os.environ, "PYTHONPATH": str(root)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    cloud.until((tmp_path / "orphan" / "emulator.json").exists)
    parent.kill()
    parent.wait(5)
    parent.stdout.close()
    cloud.until(lambda: not alive(orphan), seconds=4)

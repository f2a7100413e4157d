"""Measure what the embedded AWS adds to a call: stock MiniStack, the gateway alone, the gateway with all bridges.

All three run with IAM enforced, and without the waiting times that the gateway gives to slow calls. The gateway is the
layer that every call crosses: trace, validation, the (empty) list of faults. Bridges add what their operation needs; so
a distribution's complete configuration is a longer document than the one that stock MiniStack answers.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
from botocore.config import Config

from bench.report import ROOT
from local_aws.services import BRIDGES

TITLE = "gateway: what the embedded AWS adds to a call, against stock MiniStack (the layer: ≤ 2 ms at the median)"
ROUNDS, WARM_UP = 300, 40
SMALL = {"ROUNDS": 3, "WARM_UP": 1}
BOUND_MS = 2.0
_REGION = "us-east-1"


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row an operation: medians and 95th percentiles in milliseconds, as the client sees them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        say("starting all three")
        clients = [
            running.enter_context(_stock(folder / "stock")),
            running.enter_context(_embedded(folder / "gateway", "--off", ",".join(BRIDGES))),
            running.enter_context(_embedded(folder / "bridges")),
        ]
        say(f"{ROUNDS} calls of each operation, in turn")
        calls = [_calls(client) for client in clients]
        for operation in calls[0]:
            yield _row(operation, [each[operation] for each in calls])


def _row(operation: str, calls: list[Callable[[int], Any]]) -> dict[str, Any]:
    times: list[list[float]] = [[] for _ in calls]
    for number in range(WARM_UP + ROUNDS):
        for which in range(len(calls)):
            place = (which + number) % len(calls)  # nobody always goes first
            began = time.perf_counter()
            calls[place](number)
            if number >= WARM_UP:
                times[place].append((time.perf_counter() - began) * 1000)
    stock, gateway, bridges = (statistics.median(each) for each in times)
    return {
        "operation": operation,
        "stock": round(stock, 2),
        "gateway": round(gateway, 2),
        "bridges": round(bridges, 2),
        "layer_adds": round(gateway - stock, 2),
        "all_adds": round(bridges - stock, 2),
        "stock_p95": round(statistics.quantiles(times[0], n=20)[18], 2),
        "bridges_p95": round(statistics.quantiles(times[2], n=20)[18], 2),
        "in_bound": gateway - stock <= BOUND_MS,
        "rounds": ROUNDS,
    }


def _calls(client: Callable[[str], Any]) -> dict[str, Callable[[int], Any]]:
    """Return the calls to make on one of them, by the operation's name; each takes the number of the round."""
    dynamodb, sqs, route53, cloudfront = (client(name) for name in ("dynamodb", "sqs", "route53", "cloudfront"))
    dynamodb.create_table(
        TableName="bench",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"pk": {"S": "TENANT#granja"}, **{f"attribute{n}": {"S": "value" * 4} for n in range(15)}}
    dynamodb.put_item(TableName="bench", Item=item)
    queue = sqs.create_queue(QueueName="bench")["QueueUrl"]
    zone = route53.create_hosted_zone(Name="bench.test", CallerReference="bench")["HostedZone"]["Id"].split("/")[-1]
    made = cloudfront.create_distribution(DistributionConfig=_distribution())["Distribution"]
    tags = {"DistributionConfig": cloudfront.get_distribution_config(Id=made["Id"])["DistributionConfig"]}

    def change(number: int) -> None:
        values = [{"Value": f"192.0.2.{number % 250}"}]
        record = {"Name": "a.bench.test", "Type": "A", "TTL": 60, "ResourceRecords": values}
        changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def update(number: int) -> None:
        etag = tags.get("ETag") or cloudfront.get_distribution_config(Id=made["Id"])["ETag"]
        config = tags["DistributionConfig"] | {"Comment": str(number)}
        tags["ETag"] = cloudfront.update_distribution(Id=made["Id"], IfMatch=etag, DistributionConfig=config)["ETag"]

    return {
        "dynamodb GetItem": lambda _: dynamodb.get_item(TableName="bench", Key={"pk": item["pk"]}),
        "dynamodb PutItem": lambda _: dynamodb.put_item(TableName="bench", Item=item),
        "sqs SendMessage": lambda _: sqs.send_message(QueueUrl=queue, MessageBody="x"),
        "route53 ChangeResourceRecordSets": change,
        "cloudfront GetDistributionConfig": lambda _: cloudfront.get_distribution_config(Id=made["Id"]),
        "cloudfront UpdateDistribution": update,
    }


def _distribution() -> dict[str, Any]:
    origin = {
        "Id": "one",
        "DomainName": "origin.bench.test",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    return {
        "CallerReference": "bench",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "one",
            "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
    }


def _client(url: str, key: str, secret: str) -> Callable[[str], Any]:
    session: Any = boto3.Session()
    config = Config(proxies={}, retries={"total_max_attempts": 1})
    return lambda service: session.client(
        service,
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config,
    )


def _python() -> str:
    return os.environ.get("LOCAL_AWS_PYTHON") or str(ROOT / ".venvs" / "emulator" / "bin" / "python")


@contextmanager
def _process(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    own = {"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": str(folder), "HOME": str(folder), **environment}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=own, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


@contextmanager
def _stock(folder: Path) -> Iterator[Callable[[str], Any]]:
    """Run MiniStack as it comes, with the settings that the embedded AWS gives it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "DOCKER_HOST": "tcp://127.0.0.1:9",
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_WORKER_THREADS": "128",
        "LOG_LEVEL": "WARNING",
    }
    with _process([_python(), "-m", "ministack"], settings, folder) as process:
        _await(lambda: _answers(f"http://127.0.0.1:{port}/_ministack/health"), process, folder)
        yield _client(f"http://127.0.0.1:{port}", "test", "test")


@contextmanager
def _embedded(folder: Path, *options: str) -> Iterator[Callable[[str], Any]]:
    command = [_python(), "-m", "local_aws", "--state", str(folder / "state"), "--no-edge", "--exit-with-parent"]
    command += options
    settings = {"PYTHONPATH": str(ROOT), "LOCAL_AWS_LATENCY": "0", "LOG_LEVEL": "WARNING"}
    with _process(command, settings, folder) as process:
        ready = folder / "state" / "emulator.json"
        _await(ready.exists, process, folder)
        facts = json.loads(ready.read_text())
        yield _client(facts["aws_url"], facts["access_key_id"], facts["secret_access_key"])


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=1).close()  # noqa: S310 - our own address
    except OSError:
        return False
    return True


def _await(condition: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 60
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"it did not start: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.05)

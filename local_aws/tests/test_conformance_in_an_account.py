"""`make conformance PROFILE=…`, as far as it can be shown without AWS: an embedded AWS stands in for the account."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.tests.conformance.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
LISTS = [
    ("iam", "list_roles", "Roles"),
    ("iam", "list_users", "Users"),
    ("lambda", "list_functions", "Functions"),
    ("dynamodb", "list_tables", "TableNames"),
    ("sqs", "list_queues", "QueueUrls"),
    ("route53", "list_hosted_zones", "HostedZones"),
    ("stepfunctions", "list_state_machines", "stateMachines"),
    ("s3", "list_buckets", "Buckets"),
    ("acm", "list_certificates", "CertificateSummaryList"),
    ("cloudformation", "describe_stacks", "Stacks"),
]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("account"), "--insync-seconds", "0.4", "--deploy-seconds", "0.1")
    yield running
    running.stop()


@pytest.fixture
def conformance(account: Emulator, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """conformance(account id to confirm, words for pytest…): the command, with a profile for the embedded AWS."""
    facts = account.facts
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[throwaway]\naws_access_key_id = {facts['access_key_id']}\n"
        f"aws_secret_access_key = {facts['secret_access_key']}\n"
    )
    environment = {
        **os.environ,
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CONFIG_FILE": os.devnull,
        "LOCAL_AWS_LEFT": str(tmp_path / "left.json"),
    }

    def run(confirmed: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "local_aws.tests.conformance",
            "throwaway",
            "--endpoint",
            facts["aws_url"],
            *words,
        ]
        given = {"cwd": ROOT, "env": environment, "input": f"{confirmed}\n", "capture_output": True, "text": True}
        return subprocess.run(command, timeout=120, check=False, **given)

    return run


def standing(account: Emulator) -> dict[str, list[Any]]:
    """What is in the account, by kind."""
    return {key: getattr(account.client(service), ask)().get(key, []) for service, ask, key in LISTS}


def test_cases_run_there_and_leave_nothing_but_a_disabled_distribution_that_the_next_run_deletes(
    account: Emulator, conformance: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    before = standing(account)
    some = "test_cloudfront or test_iam or test_a_subject or dynamodb_integration or class_name"

    first = conformance(account.facts["account_id"], "-q", "-k", some)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "needs an issued certificate" in first.stdout
    assert standing(account) == before
    assert "distribution E" in first.stdout.partition("Still there")[2]
    (left,) = account.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert left["Enabled"] is False

    second = conformance(account.facts["account_id"], "-q", "-k", "test_a_subject")

    assert second.returncode == 0, second.stdout + second.stderr
    assert "Nothing is left in the account." in second.stdout
    assert account.client("cloudfront").list_distributions()["DistributionList"]["Quantity"] == 0


def test_another_account_than_the_one_that_was_meant_is_left_alone(
    account: Emulator, conformance: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    before = len(account.trace())

    done = conformance("123456789012")

    assert done.returncode == 2
    assert "nothing was done" in done.stdout
    assert {call["operation"] for call in account.trace()[before:]} == {"GetCallerIdentity"}

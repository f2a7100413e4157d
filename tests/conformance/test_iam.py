"""IAM: Route 53's condition keys decide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.conftest import Cloud, Emulator

PREFIX = "route53:ChangeResourceRecordSets"
NAMES, TYPES, ACTIONS = f"{PREFIX}NormalizedRecordNames", f"{PREFIX}RecordTypes", f"{PREFIX}Actions"


@pytest.fixture(scope="module")
def change(emulator: Emulator, aws: Callable[[str], Any]) -> Callable[..., str]:
    """change((name, type, action), …) as a user who may CREATE and DELETE A records below fluxion.test: the outcome."""
    zone = (
        aws("route53").create_hosted_zone(Name="fluxion.test", CallerReference="iam")["HostedZone"]["Id"].split("/")[-1]
    )
    arn = f"arn:aws:route53:::hostedzone/{zone}"
    user = aws("iam").create_user(UserName="writer")["User"]["UserName"]
    allow = {
        "ForAllValues:StringLike": {NAMES: "*.fluxion.test"},
        "ForAllValues:StringEquals": {TYPES: ["A"], ACTIONS: ["CREATE", "DELETE"]},
        "Null": {NAMES: "false", TYPES: "false", ACTIONS: "false"},
    }
    deny = {"ForAnyValue:StringLike": {NAMES: ["\\052*", "*.*.fluxion.test", "www.fluxion.test"]}}
    statements = [
        {"Effect": "Allow", "Action": PREFIX, "Resource": arn, "Condition": allow},
        {"Effect": "Deny", "Action": PREFIX, "Resource": arn, "Condition": deny},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws("iam").put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    client = emulator.client("route53", key["AccessKeyId"], key["SecretAccessKey"])

    def attempt(*changes: tuple[str, str, str]) -> str:
        values = {"A": "192.0.2.1", "TXT": '"x"', "AAAA": "2001:db8::1"}
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": kind,
                    "TTL": 5,
                    "ResourceRecords": [{"Value": values[kind]}],
                },
            }
            for name, kind, action in changes
        ]
        try:
            client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "allowed"

    return attempt


def test_a_change_within_the_conditions_is_allowed(change: Callable[..., str], cloud: Cloud) -> None:
    assert change((f"{cloud.unique('t')}.fluxion.test", "A", "CREATE")) == "allowed"
    assert change(("UPPER.Fluxion.Test.", "A", "CREATE")) == "allowed"


@pytest.mark.parametrize(
    "refused",
    [
        ("granja.fluxion.test", "A", "UPSERT"),
        ("granja.fluxion.test", "TXT", "CREATE"),
        ("fluxion.test", "A", "CREATE"),
        ("a.b.fluxion.test", "A", "CREATE"),
        ("*.fluxion.test", "A", "CREATE"),
        ("\\052.fluxion.test", "A", "CREATE"),
        ("www.fluxion.test", "A", "CREATE"),
    ],
)
def test_a_change_outside_the_conditions_is_denied(change: Callable[..., str], refused: tuple[str, str, str]) -> None:
    assert change(refused) == "AccessDenied"


def test_one_bad_change_denies_the_whole_batch(change: Callable[..., str], cloud: Cloud) -> None:
    fine = (f"{cloud.unique('t')}.fluxion.test", "A", "CREATE")
    assert change(fine, ("www.fluxion.test", "A", "CREATE")) == "AccessDenied"
    assert change(fine, ("other.fluxion.test", "AAAA", "CREATE")) == "AccessDenied"
    assert change(fine) == "allowed"

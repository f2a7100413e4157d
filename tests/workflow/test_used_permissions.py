"""Every permission that the role of a function or of the backend has is used. The other direction, nothing is used that
is not granted, is what IAM enforces in all these tests.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from control.stacks import Output

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

# What a transaction is authorised as (DynamoDB Developer Guide, IAM with transactions): its writes, here.
# What has another name in S3's own list (Service Authorization Reference, actions of S3); files are deleted by version.
_AUTHORISED_AS = {
    "TransactWriteItems": {"PutItem", "UpdateItem"},
    "ListObjectVersions": {"ListBucketVersions"},
    "ListObjectsV2": {"ListBucket"},
    "DeleteObjects": {"DeleteObject", "DeleteObjectVersion"},
    "Invoke": {"InvokeFunction"},
}

# Used by Lambda itself on behalf of the role, in front of or around the function's code: event sources, their
# dead-letter destination, the network interface, the file system, logs, traces, encrypted environments.
_USED_BY_LAMBDA = {
    "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
    "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
}  # fmt: skip
_SERVICES_USED_BY_LAMBDA = {"ec2", "elasticfilesystem", "logs", "xray", "kms"}


@pytest.fixture(scope="module")
def exercised(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    """Everything that makes the functions use what they may: a success, a failure, rivals, a poison record."""
    embedded_aws.onboard("permitida")
    embedded_aws.client("route53").change_resource_record_sets(
        HostedZoneId=embedded_aws.outputs[Output.HOSTED_ZONE],
        ChangeBatch={
            "Changes": [
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": embedded_aws.host("prohibida"),
                        "Type": "A",
                        "TTL": 60,
                        "ResourceRecords": [{"Value": "192.0.2.7"}],
                    },
                }
            ]
        },
    )
    embedded_aws.insert("prohibida")
    assert embedded_aws.settled("prohibida")["status"] == "FAILED"
    embedded_aws.mail("prohibida")
    embedded_aws.insert("rivales")
    eventually(lambda: "lease" in embedded_aws.record("rivales"), "the lease")
    embedded_aws.insert("rivales", name="Otro nombre")  # meets the lease, and asks whether its holder runs
    embedded_aws.settled("rivales", attempt=2)
    record = embedded_aws.last_stream_record("permitida")
    embedded_aws.deliver(record | {"dynamodb": record["dynamodb"] | {"Keys": {}}})
    embedded_aws.reconcile()
    drift_and_repair(embedded_aws)
    migrated_again("permitida", embedded_aws)
    asked = {"archive": "permitida/none", "asked_at": "2026-11-24T12:00:00Z"}
    attempt = int(embedded_aws.record("permitida")["attempt"])
    embedded_aws.insert("permitida", restore=asked)  # is looked for in the archive's bucket
    assert embedded_aws.settled("permitida", attempt + 1)["last_error"]["code"] == "ArchiveMissing"
    return embedded_aws


def migrated_again(tenant_id: str, aws: EmbeddedAws) -> None:
    """A migration whose database has the version, and whose record does not say so yet."""
    key = {"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}
    version = int(aws.record(tenant_id)["schema_version"])
    aws.provisioning.update_item(Key=key, UpdateExpression="REMOVE schema_version")
    request = {"tenant_id": tenant_id, "version": version, "requested_by": "test", "requested_at": "now"}
    record = {"messageId": "1", "body": json.dumps(request)}
    payload = json.dumps({"Records": [record]}).encode()
    aws.client("lambda").invoke(FunctionName="fluxion-database-migrations", Payload=payload)
    assert aws.record(tenant_id)["schema_version"] == version


def drift_and_repair(aws: EmbeddedAws) -> None:
    record = aws.zone()[aws.host("permitida"), "AAAA"]
    aws.client("route53").change_resource_record_sets(
        HostedZoneId=aws.outputs[Output.HOSTED_ZONE],
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]},
    )
    aws.scan()
    assert "permitida" in aws.scan()["started"]
    aws.settled("permitida", 2)
    eventually(lambda: aws.scan() and ("RecordMissing", "permitida") not in aws.drift(), "the end of the drift")


FUNCTIONS = [
    "start-workflow", "tenant-record", "cdn-aliases", "dns-records", "tenant-database", "edge-cache", "tenant-probe",
    "publish-events", "failure-notifier", "ended-executions", "reconcile", "database-migrations",
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_has_no_permission_that_its_function_does_not_use(exercised: EmbeddedAws, function: str) -> None:
    role = exercised.client("lambda").get_function_configuration(FunctionName=f"fluxion-{function}")["Role"]
    name = role.rpartition("/")[2]

    def unused() -> set[str]:
        return granted(exercised, name) - used(exercised, name) - _USED_BY_LAMBDA

    eventually(lambda: not unused() - ONLY_WHEN_THINGS_GO_WRONG.get(function, set()), f"a use of {unused()}", 10)


@pytest.fixture
def panel(exercised: EmbeddedAws) -> Iterator[Callable[..., Any]]:
    """The admin API, for an operator who has signed in at the development issuer."""
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    host, back = exercised.host("admin"), f"https://{exercised.host('admin')}/signed-in"
    with exercised.visitor(host) as panel, exercised.visitor(exercised.host("auth")) as issuer:
        asked = {
            "response_type": "code",
            "client_id": panel.get("/api/auth").json()["client_id"],
            "redirect_uri": back,
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "user": f"operator@{exercised.outputs[Output.BASE_DOMAIN]}",
        }
        answer = issuer.get("/api/oidc/authorize", params=asked)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        given = {"code": code, "code_verifier": verifier, "redirect_uri": back}
        panel.headers["Authorization"] = f"Bearer {panel.post('/api/auth/token', json=given).json()['token']}"

        def ask(method: str, path: str, **request: Any) -> Any:
            answer = panel.request(method, f"/api{path}", **request)
            answer.raise_for_status()
            return answer.json()

        yield ask


def test_the_backends_role_has_no_permission_that_the_backend_does_not_use(
    exercised: EmbeddedAws, panel: Callable[..., Any]
) -> None:
    panel("POST", "/tenants", json={"tenant_id": "pedida", "name": "Mercado pedida"})
    assert exercised.settled("pedida")["status"] == "ACTIVE"
    panel("PATCH", "/tenants/pedida", json={"name": "Otra"}, headers={"Fluxion-If-Match": "*"})
    assert panel("GET", "/tenants")
    assert panel("GET", "/tenants", params={"removed": "true"}) is not None
    assert panel("GET", "/tenants/pedida")["tenant_id"] == "pedida"
    assert panel("GET", "/tenants/pedida/history")
    assert exercised.get(exercised.host("pedida"), f"/api/none?{time.time_ns()}").status_code == 404
    panel("DELETE", "/tenants/pedida", headers={"Fluxion-Confirm": "pedida"})
    exercised.held("pedida")

    name = exercised.outputs[Output.BACKEND_ROLE].rpartition("/")[2]
    may = granted(exercised, name)
    assert {"dynamodb:DeleteItem", "dynamodb:Scan", "secretsmanager:GetSecretValue"} < may
    assert may - used(exercised, name) == set()


# Needed where nothing here leads: an answer "failed" of a writer that never fails in these tests, what a roll-back
# deletes inside its transactions, an execution that could not say how it ended, too many removals, a lease that
# stays, an archive that is due, a tenant that is exported, archived and purged (test_receipts.py).
ONLY_WHEN_THINGS_GO_WRONG = {
    "tenant-record": {"dynamodb:DeleteItem"},
    "tenant-database": {
        *("dynamodb:DeleteItem", "dynamodb:Query"),
        *("s3:PutObject", "s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    },
    "ended-executions": {
        *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
        *("states:DescribeExecution", "states:GetExecutionHistory"),
    },
    "reconcile": {"dynamodb:DeleteItem", "dynamodb:UpdateItem", "states:ListExecutions", "s3:ListBucket"},
    "cdn-aliases": {"states:SendTaskFailure", "dynamodb:DeleteItem"},
    "edge-cache": {"states:SendTaskFailure", "dynamodb:DeleteItem"},
}


def granted(aws: EmbeddedAws, role: str) -> set[str]:
    iam = aws.client("iam")
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    actions = {action for document in documents for action in allowed(document)}
    return {action for action in actions if action.partition(":")[0] not in _SERVICES_USED_BY_LAMBDA}


def allowed(document: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def used(aws: EmbeddedAws, role: str) -> set[str]:
    """What the role has called since the stack is up, as IAM names it."""
    path = f"{aws.environment['FLUXION_STATE_DIR']}/trace.jsonl"
    with open(path) as file:  # noqa: PTH123 - one line a call, read as it grows
        calls = [json.loads(line) for line in file if role in line]
    return {
        f"{call['service']}:{operation}"
        for call in calls
        for operation in _AUTHORISED_AS.get(call["operation"], {call["operation"]})
    }

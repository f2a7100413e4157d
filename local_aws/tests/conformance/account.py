"""A real account to run the cases in: whatever they make there is tagged, written down, and taken away again.

Never run on AWS so far; shown against an embedded AWS (local_aws/tests/test_conformance_in_an_account.py).
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "us-east-1"
TAG, TAG_VALUE = "Project", "local-aws-conformance"
ROOT = Path(__file__).resolve().parents[3]
# Not in .local, which `make clean` empties: it names what costs money in somebody's account.
LEFT = Path(os.environ.get("LOCAL_AWS_LEFT") or ROOT / "conformance-left.json")

# Operation that makes something → (kind, where its answer names it).
MADE: dict[str, tuple[str, tuple[str, ...]]] = {
    "CreateRole": ("role", ("Role", "RoleName")),
    "CreateUser": ("user", ("User", "UserName")),
    "CreateFunction": ("function", ("FunctionName",)),
    "PublishLayerVersion": ("layer", ("LayerVersionArn",)),
    "CreateEventSourceMapping": ("mapping", ("UUID",)),
    "CreateTable": ("table", ("TableDescription", "TableName")),
    "CreateQueue": ("queue", ("QueueUrl",)),
    "CreateTopic": ("topic", ("TopicArn",)),
    "CreateBucket": ("bucket", ("Location",)),
    "PutRule": ("rule", ("RuleArn",)),
    "CreateStateMachine": ("machine", ("stateMachineArn",)),
    "CreateHostedZone": ("zone", ("HostedZone", "Id")),
    "RequestCertificate": ("certificate", ("CertificateArn",)),
    "CreateStack": ("stack", ("StackId",)),
    "CreateDistribution": ("distribution", ("Distribution", "Id")),
}


class Account:
    """The account of a profile; at the end of the `with`, without what was made in it.

    endpoint: an embedded AWS in its place, to show that this works. `left` lists what could not be deleted yet.
    """

    def __init__(self, profile: str, endpoint: str | None = None, ledger: Path = LEFT) -> None:
        self._session: Any = boto3.Session(profile_name=profile, region_name=REGION)
        self._endpoint, self._ledger = endpoint, ledger
        self._clients: dict[str, Any] = {}
        self._made: list[tuple[str, str]] = []
        self.left: list[tuple[str, str]] = []

    @property
    def id(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str, access_key: str | None = None, secret_key: str | None = None) -> Any:
        """A client of the account; of another principal's with keys."""
        if access_key:
            return self._session.client(
                service,
                endpoint_url=self._endpoint,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                aws_session_token=None,
            )
        if service not in self._clients:
            patient = Config(retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=60)
            made = self._session.client(service, endpoint_url=self._endpoint, config=patient)
            made.meta.events.register("before-parameter-build.*.*", _tag)
            made.meta.events.register("after-call.*.*", self._note)
            self._clients[service] = made
        return self._clients[service]

    def __enter__(self) -> Account:
        if self._ledger.exists():
            earlier = [(kind, name) for kind, name in json.loads(self._ledger.read_text())]
            self._delete(earlier)
        return self

    def __exit__(self, *_: object) -> None:
        self._delete(list(reversed(self._made)))

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name not in MADE or parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 300:
            return
        kind, path = MADE[model.name]
        name: Any = parsed
        for step in path:
            name = name[step]
        self._made.append((kind, str(name)))
        self._write([*self.left, *self._made])  # a run that is killed leaves its list behind

    def _write(self, things: list[tuple[str, str]]) -> None:
        self._ledger.parent.mkdir(parents=True, exist_ok=True)
        self._ledger.write_text(json.dumps(things, indent=1))

    def _delete(self, things: list[tuple[str, str]]) -> None:
        for kind, name in sorted(things, key=lambda thing: _ORDER.index(thing[0])):
            try:
                gone = _DELETE[kind](self, name)
            except (ClientError, BotoCoreError) as error:
                gone = isinstance(error, ClientError) and _is_absent(error)
                if not gone:
                    print(f"{kind} {name}: {error}", file=sys.stderr)
            if not gone:
                self.left.append((kind, name))
        if self.left:
            self._write(self.left)
        else:
            self._ledger.unlink(missing_ok=True)


def _is_absent(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    return any(word in code for word in ("NoSuch", "NotFound", "NonExistent", "DoesNotExist")) or code == "404"


def _tag(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Tag what is about to be made, in whatever shape its service wants tags."""
    members = model.input_shape.members if model.input_shape else {}
    name = next((name for name in ("Tags", "tags") if name in members), None)
    if model.name not in MADE or name is None:
        return
    if members[name].type_name == "map":
        params[name] = {**params.get(name, {}), TAG: TAG_VALUE}
    elif members[name].type_name == "list":
        key, value = ("key", "value") if "key" in members[name].member.members else ("Key", "Value")
        params[name] = [*params.get(name, []), {key: TAG, value: TAG_VALUE}]


# ---- each returns whether it is gone ----


def _role(account: Account, name: str) -> bool:
    iam = account.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)
    return True


def _user(account: Account, name: str) -> bool:
    iam = account.client("iam")
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    iam.delete_user(UserName=name)
    return True


def _function(account: Account, name: str) -> bool:
    account.client("lambda").delete_function(FunctionName=name)
    with suppress(ClientError):  # there is none for a function that was never called
        account.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")
    return True


def _zone(account: Account, name: str) -> bool:
    route53 = account.client("route53")
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=name)
    records = [record for page in pages for record in page["ResourceRecordSets"] if record["Type"] not in ("NS", "SOA")]
    for start in range(0, len(records), 500):
        changes = [{"Action": "DELETE", "ResourceRecordSet": record} for record in records[start : start + 500]]
        route53.change_resource_record_sets(HostedZoneId=name, ChangeBatch={"Changes": changes})
    route53.delete_hosted_zone(Id=name)
    return True


def _bucket(account: Account, location: str) -> bool:
    s3, name = account.client("s3"), location.strip("/").rpartition("/")[2]
    for item in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)
    return True


def _rule(account: Account, arn: str) -> bool:
    events, name = account.client("events"), arn.rpartition("/")[2]
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
    if targets:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)
    return True


def _distribution(account: Account, name: str) -> bool:
    """Disabled now, deleted by a later run: CloudFront takes minutes in between."""
    cloudfront = account.client("cloudfront")
    answer = cloudfront.get_distribution_config(Id=name)
    config, etag = answer["DistributionConfig"], answer["ETag"]
    if config["Enabled"]:
        config["Enabled"] = False
        cloudfront.update_distribution(Id=name, DistributionConfig=config, IfMatch=etag)
        return False
    if cloudfront.get_distribution(Id=name)["Distribution"]["Status"] != "Deployed":
        return False
    cloudfront.delete_distribution(Id=name, IfMatch=etag)
    return True


def _stack(account: Account, name: str) -> bool:
    """CloudFormation disables and deletes a distribution by itself; this does not wait for it longer than a moment."""
    stacks = account.client("cloudformation")
    stacks.delete_stack(StackName=name)
    for _ in range(5):
        if stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE":
            return True
        time.sleep(1)
    return False


def _simply(service: str, operation: str, **names: str) -> Callable[[Account, str], bool]:
    def delete(account: Account, name: str) -> bool:
        getattr(account.client(service), operation)(**{key: form.format(name) for key, form in names.items()})
        return True

    return delete


def _layer(account: Account, arn: str) -> bool:
    layer, _, version = arn.rpartition(":")
    account.client("lambda").delete_layer_version(LayerName=layer, VersionNumber=int(version))
    return True


_DELETE: dict[str, Callable[[Account, str], bool]] = {
    "mapping": _simply("lambda", "delete_event_source_mapping", UUID="{}"),
    "rule": _rule,
    "machine": _simply("stepfunctions", "delete_state_machine", stateMachineArn="{}"),
    "stack": _stack,
    "function": _function,
    "layer": _layer,
    "distribution": _distribution,
    "zone": _zone,
    "bucket": _bucket,
    "table": _simply("dynamodb", "delete_table", TableName="{}"),
    "queue": _simply("sqs", "delete_queue", QueueUrl="{}"),
    "topic": _simply("sns", "delete_topic", TopicArn="{}"),
    "certificate": _simply("acm", "delete_certificate", CertificateArn="{}"),
    "user": _user,
    "role": _role,
}
_ORDER = list(_DELETE)  # users of a thing before the thing

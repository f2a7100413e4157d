"""Own rules: each refuses its bad sample, and none refuses the good one."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gates import rules
from gates.proof.conftest import TLS

Resources = dict[str, Any]


def findings(template: dict[str, Any]) -> list[str]:
    return [finding for rule in rules.RULES for finding in rule(template)]


def statement(resources: Resources, name: str, number: int = 0) -> Any:
    properties = resources[name]["Properties"]
    return (properties.get("PolicyDocument") or properties["FileSystemPolicy"])["Statement"][number]


def put(path: str, value: Any) -> Callable[[Resources], None]:
    """Sets what a dotted path below the resources leads to; None removes it."""

    def change(resources: Resources) -> None:
        *way, last = path.split(".")
        place: Any = resources
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


def for_everybody(kind: str) -> Callable[[Resources], None]:
    def change(resources: Resources) -> None:
        everybody = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "x"}
        document = {"Statement": [{"Fn::If": ["OnAws", everybody, {"Ref": "AWS::NoValue"}]}]}
        resources["Open"] = {"Type": kind, "Properties": {"PolicyDocument": document}}

    return change


ORIGIN = "Distribution.Properties.DistributionConfig.Origins"
CONTAINER = "Task.Properties.ContainerDefinitions.0"
VOLUME = "Task.Properties.Volumes.0.EFSVolumeConfiguration"

BAD = [
    ("Open: statement", for_everybody("AWS::SNS::TopicPolicy")),
    ("Open: statement", for_everybody("AWS::KMS::Key")),
    ("Open: statement", for_everybody("AWS::EC2::VPCEndpoint")),  # without a condition
    ("Bus: statement", put("Bus.Properties.Statement.Principal", "*")),
    ("Bus: lets everybody", put("Bus.Properties", {"Principal": "*", "Action": "events:PutEvents"})),
    ("Bus: names no principal", put("Bus.Properties", {"StatementId": "x"})),
    ("Permission: lets everybody", put("Permission.Properties.Principal", "*")),
    ("Permission: has neither", put("Permission.Properties.SourceArn", None)),
    (
        "QueuePolicy: statement (without a Sid) allows a service",
        put("QueuePolicy.Properties.PolicyDocument.Statement.0.Condition", None),
    ),
    (
        "Queue: nothing denies access without TLS",
        put("QueuePolicy.Properties.PolicyDocument.Statement.1.Effect", "Allow"),
    ),
    ("Queue: nothing denies access without TLS", put("QueuePolicy", None)),
    ("Bucket: nothing denies access without TLS", put("BucketPolicy.Properties.Bucket.Ref", "Other")),
    ("Topic: nothing denies access without TLS", put("Topic", {"Type": "AWS::SNS::Topic"})),
    ("Files: is not encrypted", put("Files.Properties.Encrypted", None)),
    ("Files: its policy does not deny", put("Files.Properties.FileSystemPolicy", None)),
    ("allows a mount past", put("Files.Properties.FileSystemPolicy.Statement.0.Condition", None)),
    (
        "allows root",
        put("Files.Properties.FileSystemPolicy.Statement.0.Action", ["elasticfilesystem:ClientRootAccess"]),
    ),
    (
        "lets every role",
        put(
            "Files.Properties.FileSystemPolicy.Statement.0.Principal.AWS",
            {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"},
        ),
    ),
    ("AccessPoint: acts as root", put("AccessPoint.Properties.PosixUser.Uid", "0")),
    ("AccessPoint: acts as root", put("AccessPoint.Properties.PosixUser", None)),
    ("AccessPoint: starts at the root", put("AccessPoint.Properties.RootDirectory.Path", "/")),
    ("AccessPoint: its folder is open", put("AccessPoint.Properties.RootDirectory.CreationInfo.Permissions", "0755")),
    ("Bucket: public access", put("Bucket.Properties.PublicAccessBlockConfiguration.BlockPublicPolicy", False)),
    ("Bucket: is not versioned", put("Bucket.Properties.VersioningConfiguration", None)),
    (
        "BucketPolicy: statement (without a Sid) lets any",
        put("BucketPolicy.Properties.PolicyDocument.Statement.0.Condition", {"Bool": {"aws:SecureTransport": "true"}}),
    ),
    ("origin assets has no OriginAccessControlId", put(f"{ORIGIN}.0.OriginAccessControlId", None)),
    ("origin assets uses an", put(f"{ORIGIN}.0.S3OriginConfig", {"OriginAccessIdentity": "x"})),
    ("origin api is not asked", put(f"{ORIGIN}.1.CustomOriginConfig.OriginProtocolPolicy", "match-viewer")),
    ("origin api cannot know", put(f"{ORIGIN}.1.OriginCustomHeaders", None)),
    ("origin api is sent X-Origin", put(f"{ORIGIN}.1.OriginCustomHeaders.0.HeaderValue", "hush")),
    (
        "older than TLSv1.2_2021",
        put("Distribution.Properties.DistributionConfig.ViewerCertificate.MinimumProtocolVersion", "TLSv1.2_2019"),
    ),
    ("TenantsTable: DeletionPolicy", put("TenantsTable.DeletionPolicy", None)),
    ("Files: UpdateReplacePolicy", put("Files.UpdateReplacePolicy", "Delete")),
    ("Bucket: DeletionPolicy", put("Bucket.DeletionPolicy", None)),
    ("Key: DeletionPolicy", put("Key", {"Type": "AWS::KMS::Key"})),
    ("People: UpdateReplacePolicy", put("People", {"Type": "AWS::Cognito::UserPool"})),
    ("TenantsTable: has no point-in-time", put("TenantsTable.Properties.PointInTimeRecoverySpecification", None)),
    ("allows dynamodb:*", put("Role.Properties.Policies.0.PolicyDocument.Statement.0.Action", "dynamodb:*")),
    (
        "writes the tenants table",
        put("Role.Properties.Policies.0.PolicyDocument.Statement.0.Action", "dynamodb:PutItem"),
    ),
    ("NotAction", put("Role.Properties.Policies.0.PolicyDocument.Statement.0.NotAction", "iam:*")),
    ("api can write to its root", put(f"{CONTAINER}.ReadonlyRootFilesystem", None)),
    ("api runs as root", put(f"{CONTAINER}.User", "0:1000")),
    ("api runs as root", put(f"{CONTAINER}.User", None)),
    ("api keeps capabilities", put(f"{CONTAINER}.LinuxParameters", None)),
    ("api runs an image", put(f"{CONTAINER}.Image", "registry/api:latest")),
    ("api runs an image", put(f"{CONTAINER}.Image", {"Ref": "AnyImage"})),
    ("mounts files without", put(f"{VOLUME}.TransitEncryption", None)),
    ("mounts files without", put(f"{VOLUME}.AuthorizationConfig.IAM", "DISABLED")),
    ("mounts files without", put(f"{VOLUME}.AuthorizationConfig.AccessPointId", None)),
    ("Listener: takes requests", put("Listener.Properties.Protocol", "HTTP")),
    ("Listener: takes requests", put("Listener.Properties.SslPolicy", "ELBSecurityPolicy-2016-08")),
    ("Door: lets others", put("Door.Properties.SecurityGroupIngress", [{"CidrIp": "0.0.0.0/0"}])),
    ("Tasks: lets addresses", put("Tasks.Properties.SecurityGroupIngress", [{"CidrIp": "0.0.0.0/0"}])),
    (
        "Beside: lets others",
        put("Beside", {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {"GroupId": {"Ref": "Door"}}}),
    ),
]


def test_the_good_sample_is_good(good: dict[str, Any]):
    assert findings(good) == []


@pytest.mark.parametrize(("words", "change"), BAD, ids=[f"{number}: {words}" for number, (words, _) in enumerate(BAD)])
def test_a_bad_sample_is_refused(good: dict[str, Any], words: str, change: Callable[[Resources], None]):
    change(good["Resources"])

    assert any(words in finding for finding in findings(good)), findings(good)


def test_every_rule_has_a_bad_sample(good: dict[str, Any]):
    refused = set()
    for _, change in BAD:
        template = copy.deepcopy(good)
        change(template["Resources"])
        refused |= {rule for rule in rules.RULES if rule(template)}
    assert refused == set(rules.RULES)


def test_the_backend_alone_writes_the_tenants_table(good: dict[str, Any]):
    put("Role.Properties.Policies.0.PolicyDocument.Statement.0.Action", "dynamodb:PutItem")(good["Resources"])
    good["Resources"]["BackendRole"] = good["Resources"].pop("Role")

    assert findings(good) == []


def test_a_condition_must_be_the_one_that_ties(good: dict[str, Any]):
    """A condition that anybody fulfils is no tie."""
    statement(good["Resources"], "QueuePolicy")["Condition"] = TLS["Condition"]

    assert any("without SourceArn" in finding for finding in findings(good))

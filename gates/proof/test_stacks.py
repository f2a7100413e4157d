"""Stacks by lifetime: what a release may not hold, and imports that go the wrong way."""

from typing import Any

import pytest

from gates import stacks, transform

HELD = {
    "Function": {"Type": "AWS::Lambda::Function"},
    "StartRole": {"Type": "AWS::IAM::Role"},
    "DnsRequestsTable": {"Type": "AWS::DynamoDB::Table"},
}
FOREIGN = [
    ("Certificate", "AWS::CertificateManager::Certificate"),
    ("Distribution", "AWS::CloudFront::Distribution"),
    ("Policy", "AWS::CloudFront::CachePolicy"),
    ("TenantsTable", "AWS::DynamoDB::Table"),
    ("ProvisioningTable", "AWS::DynamoDB::Table"),
    ("TenantRequestsTable", "AWS::DynamoDB::Table"),  # called like those that may be there
    ("Network", "AWS::EC2::VPC"),
    ("Files", "AWS::EFS::FileSystem"),
    ("Mount", "AWS::EFS::MountTarget"),
    ("Key", "AWS::KMS::Key"),
    ("Zone", "AWS::Route53::HostedZone"),
    ("Record", "AWS::Route53::RecordSet"),
    ("Bucket", "AWS::S3::Bucket"),
    ("Acl", "AWS::WAFv2::WebACL"),
    ("Database", "AWS::RDS::DBInstance"),  # nobody has thought of it yet
]


def test_a_release_may_hold_functions_and_requests() -> None:
    assert stacks.held({"Resources": HELD}) == []


@pytest.mark.parametrize(("name", "kind"), FOREIGN)
def test_a_release_may_not_hold_what_outlives_it(name: str, kind: str) -> None:
    (found,) = stacks.held({"Resources": HELD | {name: {"Type": kind}}})

    assert found.startswith(f"template.yaml: {name}: {kind}")


def templates(**imported: str) -> dict[str, dict[str, Any]]:
    """Five templates of which each exports a thing that the backend imports. imported: by file, one more."""
    everything = [{"Fn::ImportValue": f"{stack}-Thing"} for stack in transform.STACKS.values()]
    made: dict[str, dict[str, Any]] = {
        file: {
            "Resources": {
                "One": {
                    "Properties": {"Of": [{"Fn::ImportValue": imported.get(file[:-5], "fluxion-foundation-Thing")}]}
                }
            },
            "Outputs": {"Thing": {"Value": "x", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Thing"}}}},
        }
        for file in transform.STACKS
    }
    made["foundation.yaml"]["Resources"] = {}
    made["backend.yaml"]["Resources"]["All"] = {"Properties": {"Of": everything[:-1]}}
    del made["backend.yaml"]["Outputs"]
    return made


def test_imports_of_earlier_stacks_are_right() -> None:
    assert stacks.one_way(templates()) == []
    assert stacks.one_way(templates(edge="fluxion-data-Thing", template="fluxion-edge-Thing")) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("data", "fluxion-edge-Thing"),
        ("edge", "fluxion-Thing"),
        ("template", "fluxion-Thing"),  # its own
        ("template", "fluxion-data-Nothing"),
        ("template", "{'Fn::Sub': '${DataStack}-Thing'}"),
    ],
)
def test_an_import_of_a_later_stack_or_of_what_nobody_exports_is_refused(file: str, name: str) -> None:
    assert stacks.one_way(templates(**{file: name})) == [
        f"{file}.yaml: imports {name}, which no stack before it exports"
    ]


def test_an_export_that_nobody_imports_is_refused() -> None:
    made = templates()
    del made["backend.yaml"]["Resources"]["All"]["Properties"]["Of"][-1]

    assert stacks.one_way(made) == ["template.yaml: exports fluxion-Thing, which nobody imports"]

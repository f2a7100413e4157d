"""Bad samples for every gate: a gate that lets one pass is no gate. Runs in the gates' own environment."""

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

TLS = {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
TIED = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def _service(service: str, action: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Condition": condition}


GOOD: dict[str, Any] = {
    "Parameters": {"Image": {"AllowedPattern": "^.+@sha256:[0-9a-f]{64}$"}},
    "Resources": {
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "ContainerDefinitions": [
                    {
                        "Name": "api",
                        "Image": {"Ref": "Image"},
                        "User": "1000:1000",
                        "ReadonlyRootFilesystem": True,
                        "LinuxParameters": {"Capabilities": {"Drop": ["ALL"]}},
                    }
                ],
                "Volumes": [
                    {
                        "Name": "files",
                        "EFSVolumeConfiguration": {
                            "TransitEncryption": "ENABLED",
                            "AuthorizationConfig": {"AccessPointId": "x", "IAM": "ENABLED"},
                        },
                    }
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {"NetworkConfiguration": {"AwsvpcConfiguration": {"SecurityGroups": [{"Ref": "Tasks"}]}}},
        },
        "Tasks": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"SecurityGroupIngress": [{"SourceSecurityGroupId": {"Ref": "Door"}}]},
        },
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"SecurityGroups": [{"Ref": "Door"}]},
        },
        "Door": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"SecurityGroupIngress": [{"SourcePrefixListId": {"Ref": "CloudFrontPrefixList"}}]},
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {"Statement": [_service("events.amazonaws.com", "sqs:SendMessage", TIED), TLS]},
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            **KEPT,
            "Properties": {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Statement": [
                        _service("cloudfront.amazonaws.com", "s3:GetObject", {"ArnLike": {"AWS:SourceArn": "arn"}}),
                        TLS,
                    ]
                },
            },
        },
        "Bus": {
            "Type": "AWS::Events::EventBusPolicy",
            "Properties": {"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "x"}},
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"Principal": "events.amazonaws.com", "SourceArn": "arn"},
        },
        "Files": {
            "Type": "AWS::EFS::FileSystem",
            **KEPT,
            "Properties": {
                "Encrypted": True,
                "FileSystemPolicy": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}},
                            "Action": ["elasticfilesystem:ClientMount"],
                            "Condition": {"StringLike": {"elasticfilesystem:AccessPointArn": "arn"}},
                        },
                        TLS,
                    ]
                },
            },
        },
        "AccessPoint": {
            "Type": "AWS::EFS::AccessPoint",
            "Properties": {
                "PosixUser": {"Uid": "1000", "Gid": "1000"},
                "RootDirectory": {"Path": "/tenants", "CreationInfo": {"Permissions": "0750"}},
            },
        },
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Origins": [
                        {"Id": "assets", "S3OriginConfig": {}, "OriginAccessControlId": "x"},
                        {
                            "Id": "api",
                            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                            "OriginCustomHeaders": [
                                {
                                    "HeaderName": "X-Origin",
                                    "HeaderValue": {"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"},
                                }
                            ],
                        },
                    ],
                    "ViewerCertificate": {"MinimumProtocolVersion": "TLSv1.2_2021"},
                }
            },
        },
        "TenantsTable": {
            "Type": "AWS::DynamoDB::Table",
            **KEPT,
            "Properties": {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "x"}
                },
                "Policies": [
                    {
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:GetItem"],
                                    "Resource": {"Fn::GetAtt": ["TenantsTable", "Arn"]},
                                }
                            ]
                        }
                    }
                ],
            },
        },
    }
}  # fmt: skip


@pytest.fixture
def good() -> dict[str, Any]:
    """A transformed template in which no rule finds anything."""
    return copy.deepcopy(GOOD)


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., Path]:
    """Makes a git repository of some files."""

    def make(**files: str) -> Path:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make

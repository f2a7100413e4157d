"""The public scanners, as they are called here: they find, they do not swallow, and their exceptions have reasons."""

import json
from pathlib import Path
from typing import Any

import pytest

from gates import cfn, checkov, policies, transform
from gates.suppressions import Ledger, Suppression

OPEN_BUCKET = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}}}


def test_checkov_finds_an_open_bucket():
    assert ("CKV_AWS_20", "Bucket") in [found[:2] for found in checkov.scan({"template.yaml": OPEN_BUCKET})]


def test_checkov_that_reads_nothing_is_a_failure():
    """Its own exit code is 0 then."""
    with pytest.raises(RuntimeError):
        checkov.scan({"template.yaml": {"Resources": "not a template"}})


def test_a_suppression_is_for_one_rule_on_one_kind_of_resource():
    ledger = Ledger([Suppression("CKV_AWS_20", "*Bucket", "a reason")])

    assert ledger.accepts("CKV_AWS_20", "AssetsBucket")
    assert not ledger.accepts("CKV_AWS_20", "Table")
    assert not ledger.accepts("CKV_AWS_21", "AssetsBucket")
    assert ledger.stale() == []


def test_a_suppression_in_the_template_says_why():
    skips = [{"id": "CKV_AWS_1"}, {"id": "CKV_AWS_2", "comment": "A reason that says something."}]
    template = {"Resources": {"Bucket": {"Type": "x", "Metadata": {"checkov": {"skip": skips}}}}}

    assert checkov.unreasoned(template) == ["Bucket: the suppression of CKV_AWS_1 needs a comment that says why"]


def test_a_suppression_that_suppresses_nothing_is_found():
    assert Ledger([Suppression("CKV_AWS_20", "*", "gone")]).stale()


def test_cfn_lint_finds_a_wrong_property_and_has_the_rules_for_serverless(tmp_path: Path):
    path = tmp_path / "template.yaml"
    path.write_text("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      Colour: green\n")

    found = cfn.lint([path], ("--append-rules", "cfn_lint_serverless.rules"))
    assert {("E3002", "Queue"), ("ES6000", "Queue")} <= {(rule, resource) for rule, resource, _ in found}


def test_cfn_lint_that_cannot_run_is_a_failure(tmp_path: Path):
    with pytest.raises(RuntimeError):
        cfn.lint([tmp_path / "template.yaml"], ("--no-such-option",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Action": "dynamodb:GetItems"}, "UNKNOWN_ACTION"),
        ({"Action": "dinamodb:GetItem"}, "UNKNOWN_PREFIX"),
        ({"Condition": {"StringEquals": {"route53:ChangeResourceRecordSetsAction": "CREATE"}}}, "UNKNOWN_CONDITION"),
        ({"Condition": {"StringEqual": {"aws:SourceAccount": "123456789012"}}}, "UNKNOWN_OPERATOR"),
    ],
)
def test_parliament_finds_what_does_not_exist(change: dict[str, Any], words: str):
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"} | change
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": _document(statement)}]}}

    ((_, document),) = policies.documents({"Resources": {"Role": role}})
    assert any(words in finding for finding in policies.inspect(document))


def test_parliament_is_content_with_what_exists():
    assert policies.inspect(_document({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"})) == []


def test_policies_behind_functions_are_read():
    sub = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Queue}"}
    plain = policies.plain({"Fn::If": ["OnAws", {"Resource": sub}, {"Ref": "AWS::NoValue"}]})

    assert plain == {"Resource": "arn:aws:sqs:us-east-1:123456789012:placeholder"}


def test_the_transformation_shows_the_roles_that_sam_hides(tmp_path: Path):
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": "functions/x/",
            "Handler": "app.handler",
            "Runtime": "python3.13",
            "Policies": [{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}],
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Function": function}}
    path = tmp_path / "template.yaml"
    path.write_text(json.dumps(template))

    roles = list(transform.resources(transform.transformed(path), "AWS::IAM::Role"))
    assert "s3:*" in json.dumps(roles)


def _document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}

"""The five stacks: what they are to each other, to programs that ask them, and to who deploys them."""

import json
import re
import tomllib

from control.stacks import Output
from local.stack.stack import PLAIN

from .reading import DATA, EDGE, FOUNDATION, MAIN, RESOURCES, ROOT, STACKS, of_type, read, statements


def test_an_export_is_called_as_its_output_is() -> None:
    for template in STACKS.values():
        for name, output in template["Outputs"].items():
            assert output.get("Export", {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}) == {
                "Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
            }


def test_the_outputs_that_programs_and_people_ask_for_are_there() -> None:
    assert set(Output) <= set(MAIN["Outputs"]) | set(EDGE["Outputs"])
    assert {Output.DISTRIBUTION_HOST, Output.ASSETS_BUCKET, Output.ORIGIN_SECRET} == set(Output) - set(MAIN["Outputs"])
    assert "FailureTopicArn" in MAIN["Outputs"]
    assert {"HostedZoneId", "NameServers", "BaseDomain"} <= set(FOUNDATION["Outputs"])


def test_what_is_between_foundation_and_backend_can_be_read_as_one() -> None:
    for part in ("Resources", "Conditions"):
        names = [name for template in (DATA, EDGE, MAIN) for name in template.get(part, {})]
        assert len(names) == len(set(names)), part
    same = {"Environment", "BaseDomain"}
    assert {name for name in EDGE["Parameters"] if name in MAIN["Parameters"]} == same
    assert {EDGE["Parameters"][name]["Default"] for name in same} == {
        MAIN["Parameters"][name]["Default"] for name in same
    }


def test_a_stack_without_functions_needs_no_sam_and_can_be_sent_as_it_is() -> None:
    assert [stack for stack, template in STACKS.items() if "Transform" in template] == ["fluxion"]
    assert list(PLAIN) == ["fluxion-foundation", "fluxion-data", "fluxion-edge"]
    for file in PLAIN.values():
        assert (ROOT / file).stat().st_size < 51_200, "CreateStack takes no longer TemplateBody"


def test_the_file_system_lets_in_whatever_role_opens_tenant_files_and_no_other() -> None:
    (statement,) = (s for s in statements(RESOURCES["TenantFiles"]["Properties"]) if s["Effect"] == "Allow")
    named = [each["Fn::Sub"] for each in statement["Condition"]["ArnLike"]["aws:PrincipalArn"]]

    openers = [
        name
        for name, role in of_type("AWS::IAM::Role").items()
        if {"Ref": "TenantFilesPolicy"} in role.get("ManagedPolicyArns", [])
    ]
    assert not [name for name in openers if "RoleName" in RESOURCES[name]["Properties"]], "CloudFormation names them"
    assert sorted(named) == sorted(f"arn:aws:iam::${{AWS::AccountId}}:role/fluxion-{name}-*" for name in openers)


def test_everything_is_compared_anew_after_an_update_of_the_edge() -> None:
    event = MAIN["Resources"]["Reconcile"]["Properties"]["Events"]["AfterStackUpdates"]["Properties"]

    assert event["Pattern"]["detail"] == {
        "stack-id": [{"Fn::ImportValue": "fluxion-edge-StackId"}],
        "status-details": {"status": ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]},
    }
    assert EDGE["Outputs"]["StackId"]["Value"] == {"Ref": "AWS::StackId"}
    assert json.loads(event["Input"]) == {"work": "drift"}


def test_each_stack_has_its_own_settings_for_sam() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())

    for stack, template in STACKS.items():
        env = stack.removeprefix("fluxion-") if stack != "fluxion" else "prod"
        settings = config[env]["deploy"]["parameters"] | config[env].get("global", {}).get("parameters", {})
        assert settings["stack_name"] == stack
        assert settings["region"] == "us-east-1"
        assert read(settings.get("template_file", "template.yaml")) == template
        given = set(re.findall(r"(\w+)=", settings.get("parameter_overrides", "")))
        assert given <= set(template["Parameters"])
        assert "BaseDomain" in given or "BaseDomain" not in template["Parameters"]

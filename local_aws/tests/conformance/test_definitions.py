"""State machine definitions that AWS refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case
from .test_step_functions import ask, one_task

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud

CREATE = "Step Functions API Reference, CreateStateMachine, InvalidDefinition; Amazon States Language specification"
PASS = {"Type": "Pass", "End": True}
RETRY = {"ErrorEquals": ["States.ALL"]}
BROKEN: dict[str, dict[str, Any]] = {
    "no StartAt": {"States": {"A": PASS}},
    "StartAt is no state": {"StartAt": "B", "States": {"A": PASS}},
    "no states": {"StartAt": "A", "States": {}},
    "Next is no state": {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}},
    "neither Next nor End": {"StartAt": "A", "States": {"A": {"Type": "Pass"}}},
    "unknown type": {"StartAt": "A", "States": {"A": {"Type": "Sleep", "End": True}}},
    "a task without resource": {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True}}},
    "a path in a JSONata state": {"StartAt": "A", "States": {"A": {**PASS, "ResultPath": "$.x"}}},
    "States.ALL beside another": one_task(ask("t", Retry=[{"ErrorEquals": ["States.ALL", "Busy"]}])),
    "States.ALL before another": one_task(ask("t", Retry=[RETRY, {"ErrorEquals": ["Busy"]}])),
    "Catch goes nowhere": one_task(ask("t", Catch=[{**RETRY, "Next": "B"}])),
    "no seconds to wait for a task": one_task(ask("t", TimeoutSeconds=0)),
}


@case("a definition with a fault is refused as InvalidDefinition", source=CREATE, bridge="step_functions.definition")
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_definition_is_refused(cloud: Cloud, fault: str) -> None:
    with pytest.raises(ClientError, match="Invalid State Machine Definition") as refused:
        cloud.machine(BROKEN[fault])
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


@case("an update with a fault is refused and changes nothing", source=CREATE, bridge="step_functions.definition")
def test_a_broken_update_is_refused(cloud: Cloud) -> None:
    states = cloud.aws("stepfunctions")
    machine = cloud.machine({"StartAt": "A", "States": {"A": PASS}})
    before = states.describe_state_machine(stateMachineArn=machine)["definition"]
    with pytest.raises(ClientError, match="MISSING_TRANSITION_TARGET"):
        states.update_state_machine(stateMachineArn=machine, definition=json.dumps(BROKEN["StartAt is no state"]))
    assert states.describe_state_machine(stateMachineArn=machine)["definition"] == before


@case(
    "a stack with a faulty definition fails",
    source="CloudFormation User Guide, AWS::StepFunctions::StateMachine; " + CREATE,
    bridge="step_functions.definition",
)
def test_a_stack_with_a_broken_definition_fails(cloud: Cloud) -> None:
    role = cloud.role("states", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    properties = {"RoleArn": role, "DefinitionString": json.dumps(BROKEN["StartAt is no state"])}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    stacks, name = cloud.aws("cloudformation"), cloud.unique("stack")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), OnFailure="DO_NOTHING")

    def settled() -> Any:
        status = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return status if not status.endswith("IN_PROGRESS") else None

    assert cloud.until(settled) == "CREATE_FAILED"
    reasons = [
        event.get("ResourceStatusReason", "") for event in stacks.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("MISSING_TRANSITION_TARGET" in reason for reason in reasons)
    stacks.delete_stack(StackName=name)


@case(
    "a Succeed state's Output is the execution's output",
    source="Step Functions Developer Guide, Succeed workflow state",
    bridge="step_functions.executions",
)
def test_succeed_has_an_output(cloud: Cloud) -> None:
    done = {"Type": "Succeed", "Output": {"answer": "{% $states.input.n + 1 %}"}}
    ended = cloud.run(cloud.machine({"StartAt": "S", "States": {"S": done}}), {"n": 41})
    assert json.loads(ended["output"]) == {"answer": 42}

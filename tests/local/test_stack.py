"""The supervisor around its processes: nothing left over, errors in one sentence, builds kept by digest."""

import os
import re
import sys
import zipfile

import pytest
from botocore.exceptions import WaiterError
from filelock import FileLock

from local.stack import Stack, StackFailed, cloudformation, sam, settings
from local.stack.processes import Children
from local.stack.settings import PACED
from local_aws.quotas import Quotas
from tests.unit.template.reading import MAIN

SLEEP = [sys.executable, "-IS", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def root(tmp_path):
    for folder in ("functions/a", "layers/l/__pycache__", "statemachine"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "template.yaml").write_text("Resources: {}")
    (tmp_path / "functions/a/app.py").write_text("one")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/frontend").write_text("mkdir -p frontend/dist && echo page > frontend/dist/index.html")
    return tmp_path


@pytest.fixture
def fake_sam(tmp_path, monkeypatch):
    """A `sam` that makes the build folder it is told to make, or fails with what stands in `fails`."""
    program = tmp_path / "sam"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        f"fails = pathlib.Path({str(tmp_path / 'fails')!r})\n"
        "if fails.exists(): print(fails.read_text()); sys.exit(1)\n"
        "if sys.argv[1] == 'build':\n"
        "    folder = pathlib.Path(sys.argv[sys.argv.index('--build-dir') + 1])\n"
        "    folder.mkdir(); (folder / 'template.yaml').write_text('built')\n"
        "    (folder.parent / 'build.toml').write_text('')\n"
        "print(sys.argv)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("FLUXION_SAM", str(program))
    return program


@pytest.fixture
def command_line(root, fake_sam):
    state = root / "state"
    (state / "logs").mkdir(parents=True)
    return sam.Sam(root, Children(state, detached=True), dict(os.environ), state / "logs")


def builds(root):
    return sorted(path.name for path in (root / ".local/build").iterdir())


def test_the_digest_changes_with_content_and_name_but_not_with_bytecode(root):
    first = sam.digest(root)
    (root / "layers/l/__pycache__/x.pyc").write_text("compiled")
    (root / "README.md").write_text("no source")
    assert sam.digest(root) == first
    (root / "functions/a/app.py").write_text("two")
    second = sam.digest(root)
    (root / "functions/a/app.py").rename(root / "functions/a/other.py")
    assert len({first, second, sam.digest(root)}) == 3


def test_the_same_sources_are_built_once(root, command_line):
    for _ in range(2):
        with command_line.built() as template:
            assert template.read_text() == "built"
    assert (root / "state/logs/sam-build.log").read_text().count("'build'") == 1


def test_a_build_of_older_sources_goes_when_nobody_uses_it(root, command_line):
    with command_line.built() as old:
        (root / "functions/a/app.py").write_text("two")
        with command_line.built() as new:
            assert old.exists()
            assert new.exists()
    with command_line.built() as new:
        assert builds(root) == [sam.digest(root), f"{sam.digest(root)}.lock"]
    assert not old.exists()


def test_a_failed_build_says_why_and_leaves_nothing(root, command_line, tmp_path):
    (tmp_path / "fails").write_text("Build Failed\nError: no such runtime")
    with pytest.raises(StackFailed, match="no such runtime"), command_line.built():
        pass
    assert builds(root) == [f"{sam.digest(root)}.lock"]


class CloudFormation:
    def __init__(self, *events):
        self._events = [
            {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": status, "ResourceStatusReason": reason}
            for name, kind, status, reason in events
        ]

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        return [{"StackEvents": self._events}]

    def describe_stacks(self, **_):
        return {"Stacks": [{"Outputs": [{"OutputKey": "Zone", "OutputValue": "Z1"}]}]}


def test_a_deployment_returns_the_outputs_and_passes_values_with_blanks(root, command_line):
    outputs = command_line.deploy("main", root / "template.yaml", {"Path": "a b", "Empty": ""}, CloudFormation())
    assert outputs == {"Zone": "Z1"}
    assert 'Path="a b"' in (root / "state/logs/sam-deploy-main.log").read_text()
    assert "Empty" not in (root / "state/logs/sam-deploy-main.log").read_text()


def test_a_failed_deployment_names_the_resource_that_broke_it(root, command_line, tmp_path):
    (tmp_path / "fails").write_text("Error: waiter failed")
    client = CloudFormation(
        ("main", "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", ""),
        ("Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "Resource creation cancelled"),
        ("Zone", "AWS::Route53::HostedZone", "CREATE_FAILED", "the name is not valid"),
    )
    expected = r"Deploying main failed: Zone \(AWS::Route53::HostedZone\): the name is not valid"
    with pytest.raises(StackFailed, match=expected):
        command_line.deploy("main", root / "template.yaml", {}, client)


class PlainStacks(CloudFormation):
    """CloudFormation as it makes a stack of a template with the parameter Zone."""

    def __init__(self, *events):
        super().__init__(*events)
        self.made = []

    def validate_template(self, **_):
        return {"Parameters": [{"ParameterKey": "Zone"}]}

    def create_stack(self, **stack):
        self.made.append(stack)

    def get_waiter(self, _):
        return self

    def wait(self, **_):
        if self._events:
            raise WaiterError("StackCreateComplete", "ROLLBACK_COMPLETE", {})


def test_a_stack_without_functions_gets_its_own_parameters_and_no_other_stack_s(root):
    client = PlainStacks()
    values = {"Zone": "z", "AliasQuota": "100", "Empty": ""}

    assert cloudformation.create(client, "data", root / "template.yaml", values) == {"Zone": "Z1"}

    (made,) = client.made
    assert made["Parameters"] == [{"ParameterKey": "Zone", "ParameterValue": "z"}]
    assert made["TemplateBody"] == "Resources: {}"


def test_a_stack_without_functions_that_fails_names_the_resource_that_broke_it(root):
    client = PlainStacks(("Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "the key is not there"))

    with pytest.raises(
        StackFailed, match=r"Deploying data failed: Table \(AWS::DynamoDB::Table\): the key is not there"
    ):
        cloudformation.create(client, "data", root / "template.yaml", {})


def test_down_ends_everything_and_keeps_logs_and_other_stacks(root):
    state = root / ".local"
    children = Children(state, detached=True)
    for name in ("logs", "data/granja", "mail", "scratch", "run-1", "build", "cache"):
        (state / name).mkdir(parents=True)
    (state / "env").write_text("export A='b c'\n")
    children.start("emulator", SLEEP, dict(os.environ), root)
    children.start("backend", SLEEP, dict(os.environ), root)
    stack = Stack(root, state)
    assert stack.env == {"A": "b c"}
    assert stack.runs()
    assert stack.up() == {"A": "b c"}  # it is told, not started again
    assert stack.was_running
    assert stack.down()
    assert not stack.runs()
    assert {path.name for path in state.iterdir()} == {"logs", "run-1", "build", "cache", "lock"}
    assert not stack.down()
    assert children.end_all() == []


def test_a_start_that_fails_leaves_nothing(root, monkeypatch):
    monkeypatch.setenv("LOCAL_AWS_PYTHON", "/nonexistent")
    stack = Stack(root, root / ".local")
    with pytest.raises(StackFailed, match="not installed"):
        stack.up()
    assert {path.name for path in (root / ".local").iterdir()} <= {"logs", "lock"}


def test_an_emulator_that_dies_is_reported_with_its_last_words(root, fake_sam, monkeypatch):
    program = root / "emulator"
    program.write_text("#!/bin/sh\necho 'the port is taken' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("LOCAL_AWS_PYTHON", str(program))
    with pytest.raises(StackFailed, match="did not start: the port is taken"):
        Stack(root, root / ".local/test-1").up()


def test_the_emulator_and_the_product_are_told_the_same_quotas_and_without_any_the_product_never_waits(
    root, fake_sam, monkeypatch
):
    program = root / "emulator"
    program.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("LOCAL_AWS_PYTHON", str(program))
    quotas = Quotas(scale=10, aliases=500, distribution_updates_per_second=0.04)
    with pytest.raises(StackFailed, match=rf"--quotas {re.escape(quotas.to_json())} \("):
        Stack(root, root / ".local/test-1", quotas=quotas).up()
    places = {"dns": "127.0.0.1:53", "edge_url": "https://127.0.0.1:443", "ca": "/ca.pem"}
    told = settings.parameters(places, root, quotas, {"TenantsACall": "1"})
    assert (told["AliasQuota"], told["TenantsACall"]) == ("500", "1")
    assert (told["DistributionUpdatesPerSecond"], told["ZoneChangesPerSecond"]) == ("0.4", "1000")
    assert (told["ZoneChangeBurst"], told["InvalidationsPerSecond"]) == ("1500", "1500")
    raised = Stack(root, root / ".local/test-3", parameters={"AliasQuota": "300"})
    with pytest.raises(StackFailed, match=r"--aliases 300 \("):
        raised.up()
    plain = settings.parameters(places, root, None, {})
    assert (plain["DistributionUpdatesPerSecond"], plain["ZoneChangesPerSecond"]) == ("100", "100000")


def test_what_a_killed_stack_left_is_cleaned_before_the_next_start(root, fake_sam, monkeypatch):
    state = root / ".local/test-1"
    (state / "data/granja").mkdir(parents=True)
    (state / "env").write_text("export AWS_ENDPOINT_URL=http://127.0.0.1:1\n")
    half_dead = Children(state, detached=True)
    half_dead.start("backend", SLEEP, dict(os.environ), root)  # its emulator was killed
    monkeypatch.setenv("LOCAL_AWS_PYTHON", "/bin/false")
    steps = []
    with pytest.raises(StackFailed):
        Stack(root, state).up(lambda step: steps.append(step.name))
    assert steps[0] == "cleaning up after an earlier start"
    assert half_dead.end_all() == []
    assert not (state / "data").exists()


def test_two_commands_at_once_are_refused_plainly(root):
    (root / ".local").mkdir()
    with FileLock(root / ".local/lock"), pytest.raises(StackFailed, match="wait until it is done"):
        Stack(root, root / ".local").up()


def test_a_layer_is_packed_once_and_the_template_names_the_archive(tmp_path):
    (tmp_path / "Layer/python").mkdir(parents=True)
    (tmp_path / "Layer/python/module.py").write_text("x = 1")
    (tmp_path / "template.yaml").write_text("    Properties:\n      ContentUri: Layer\n      CodeUri: Function\n")
    sam._zip_layers(tmp_path)
    assert "ContentUri: Layer.zip\n      CodeUri: Function\n" in (tmp_path / "template.yaml").read_text()
    with zipfile.ZipFile(tmp_path / "Layer.zip") as archive:
        assert archive.read("python/module.py") == b"x = 1"
    assert not (tmp_path / "Layer").exists()


@pytest.mark.parametrize(("parameter", "quota"), PACED.items())
def test_a_template_as_it_comes_keeps_to_awss_quotas(parameter, quota):
    """A parameter's default is the quota of a new account, so that the product is not refused there."""
    assert MAIN["Parameters"][parameter]["Default"] == getattr(Quotas(), quota)

"""The exercise of docs/changing.md: a stage after SeedDatabase, with a function, a role and an event of its own.

A copy of the tree is changed as a maintainer would change it. What `make quick` and `make check` would say of that is
asked there, as far as it concerns a stage; then the stage is taken out again.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_FILES = 9
EVENTS = "layers/tenancy/tenancy/domain/events.py"
PERMISSIONS = "tests/unit/template/test_permissions.py"

NEW = {
    "functions/owner_invitation/app.py": '''
"""Tells who may sign in at a new tenant's, so that somebody invites them."""

from tenancy.handlers import stage
from tenancy.owner_invitation import Invitation
from tenancy.platform.settings import RecordSettings

handler = stage(InviteOwner=Invitation(RecordSettings.from_environment()).invite)
''',
    "layers/tenancy/tenancy/owner_invitation.py": '''
"""InviteOwner: as soon as there is a database to sign in to, its owner is to be invited, once."""

from typing import Any

from tenancy.domain.calls import GenerationCall
from tenancy.domain.events import OwnerInvited
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tables.tenants import DesiredState


class Invitation:
    """The stage InviteOwner."""

    def __init__(self, settings: RecordSettings) -> None:
        self._tenants = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)
        self._sign_in_at = f"https://admin.{settings.base_domain}"

    def invite(self, call: GenerationCall) -> dict[str, Any]:
        """Say it with an event, to the address that the item has now. A tenant that was live before is left alone."""
        run = Run.of(call, self._provisioning)
        address = (self._tenants.item(call.tenant_id) or {}).get("contact_email")
        if run.record.was_ever_live or not address:
            return {"changed": False}
        run.finish(
            OwnerInvited(stage=call.stage, attempt=run.record.attempt, address=address, sign_in_at=self._sign_in_at)
        )
        return {"changed": True}
''',
    "tests/unit/core/test_owner_invitation.py": '''
"""InviteOwner: the owner of a new tenant is invited, and nobody twice."""

from tenancy.owner_invitation import Invitation
from tenancy.platform.settings import RecordSettings

from .conftest import Lifecycle, Tables, generation_call, last_event


def test_the_owner_of_a_new_tenant_is_invited_and_of_one_that_was_live_is_not(
    tables: Tables, lifecycle: Lifecycle
) -> None:
    settings = RecordSettings(tenants_table="tenants", provisioning_table="provisioning", base_domain="fluxionia.co")
    invitation = Invitation(settings)
    tables.insert("granja", contact_email="hola@lagranja.example")
    lifecycle.claim("granja")
    call = generation_call("InviteOwner", "one")

    assert invitation.invite(call) == {"changed": True}

    assert last_event(tables, "OwnerInvited")["sign_in_at"] == "https://admin.fluxionia.co"
    lifecycle.activate("granja")
    lifecycle.end("one")
    tables.insert("granja", contact_email="otra@lagranja.example")
    lifecycle.claim("granja", "two")
    assert invitation.invite(call.model_copy(update={"execution_arn": "two", "generation": 2})) == {"changed": False}
''',
}

# In a file: (what stands there already, what is put in front of it), in the order of the file.
MORE = {
    "statemachine/onboard_tenant.asl.yaml": [
        (
            "  InvalidateCache:\n",
            """  InviteOwner:
    <<: *record
    Comment: The owner of a new tenant is to be invited, now that there is a database to sign in to.
    Arguments: {FunctionName: "${OwnerInvitationFunctionArn}", Payload: *asked_of_generation}
    Catch: *on_error
    Assign: {changed: "{% $changed or $states.result.Payload.changed %}"}
    Next: InvalidateCache

""",
        ),
    ],
    "template.yaml": [
        (
            "  PublishEventsRole:\n",
            """  OwnerInvitationRole:
    Type: AWS::IAM::Role
    Properties:
      Description: Role of fluxion-owner-invitation.
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      ManagedPolicyArns: [!Ref FunctionBasicsPolicy]
      Policies:
        - PolicyName: OwnerInvitation
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: ReadTheItem
                Effect: Allow
                Action: dynamodb:GetItem
                Resource: !ImportValue fluxion-data-TenantsTableArn
              - Sid: Events
                Effect: Allow
                Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem]
                Resource: !ImportValue fluxion-data-ProvisioningTableArn
              - Sid: Log
                Effect: Allow
                Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: !GetAtt OwnerInvitationLogGroup.Arn

  OwnerInvitationLogGroup:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      LogGroupName: /aws/lambda/fluxion-owner-invitation
      RetentionInDays: 365
      KmsKeyId: !ImportValue fluxion-data-EncryptionKeyArn

  OwnerInvitation:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: fluxion-owner-invitation
      Description: Tells who may sign in at a new tenant's.
      CodeUri: functions/owner_invitation/
      Role: !GetAtt OwnerInvitationRole.Arn
      LoggingConfig: {LogGroup: !Ref OwnerInvitationLogGroup}
      Environment:
        Variables:
          TENANTS_TABLE: !ImportValue fluxion-data-TenantsTableName
          PROVISIONING_TABLE: !ImportValue fluxion-data-ProvisioningTableName
          BASE_DOMAIN: !Ref BaseDomain

""",
        ),
        (", !GetAtt TenantProbe.Arn]\n\n  OnboardTenant:\n", ", !GetAtt OwnerInvitation.Arn"),
        (
            "        AliasRequestsTable: !Ref AliasRequestsTable\n",
            "        OwnerInvitationFunctionArn: !GetAtt OwnerInvitation.Arn\n",
        ),
    ],
    EVENTS: [
        (
            "class CacheInvalidated(Fact, order=50):\n",
            '''class OwnerInvited(Fact, order=45):
    """The owner of a new tenant is to be invited."""

    address: str = Field(description="As the item had it at that moment.")
    sign_in_at: str


''',
        ),
        ("CacheInvalidated, TenantVerified,\n", "OwnerInvited, "),
    ],
    "frontend/src/panel/codes.ts": [
        ("    InvalidateCache: 'Borrar copias del borde',\n", "    InviteOwner: 'Invitar a quien lo dirige',\n"),
        ("    CacheInvalidated: 'Copias del borde borradas',\n", "    OwnerInvited: 'Invitación enviada',\n"),
        ("    InvalidateCache: 'Clear copies at the edge',\n", "    InviteOwner: 'Invite the owner',\n"),
        ("    CacheInvalidated: '", "    OwnerInvited: 'Owner invited',\n"),
    ],
    "pyproject.toml": [
        (" | publish_events | start_workflow", " | owner_invitation"),
        ('  "tenancy.publish_events",\n', '  "tenancy.owner_invitation",\n'),
    ],
    PERMISSIONS: [
        (
            '    "publish_events": {',
            """    "owner_invitation": {
        **on(P, "dynamodb", "PutItem", "UpdateItem"),
        "dynamodb:GetItem": {"TenantsTable", P},
    },
""",
        ),
    ],
}
BY_HAND = {*NEW, *MORE}
GENERATED = {
    "statemachine/onboard_tenant.asl.json",
    "events/owner_invitation/invite_owner.json",
    "events/schemas/OwnerInvited.json",
    "docs/events.md",
    "docs/reference.md",
}
CHECKS = (
    (sys.executable, "-m", "generate", "--check"),
    (sys.executable, "-m", "gates.functions"),
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("lint-imports", "--no-cache"),
    (sys.executable, "-m", "pytest", "-n0", "-q", "tests/unit/core/test_owner_invitation.py",
     "tests/unit/core/test_errors.py", "tests/unit/core/test_events.py", "tests/unit/template/test_permissions.py",
     "tests/unit/template/test_template.py", "tests/unit/documents", "tests/unit/test_generated.py"),
)  # fmt: skip


class Tree:
    """A copy of this repository in which a maintainer works."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", at=ROOT).split("\0"):
            if name and (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        self._git("init", "-q")
        self._git("add", "-A")

    def _git(self, *arguments: str, at: Path | None = None) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=at or self.root, check=True, capture_output=True, text=True
        ).stdout

    def changed(self) -> set[str]:
        """Files that are not as they were, and new ones."""
        return {line[3:] for line in self._git("status", "--porcelain", "-uall").splitlines() if line[1] != " "}

    def run(self, *command: str) -> str:
        """What a command prints if it fails; nothing if it is content."""
        programs = Path(sys.executable).parent
        done = subprocess.run(
            command if command[0] == sys.executable else [str(programs / command[0]), *command[1:]],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": f"{self.root}:{self.root / 'layers/tenancy'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return f"{' '.join(command)}\n{done.stdout}\n{done.stderr}" if done.returncode else ""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("copy"))


def write(tree: Tree) -> None:
    """What a person writes."""
    for name, text in NEW.items():
        (tree.root / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / name).write_text(text.lstrip())
    for name, places in MORE.items():
        text, done = (tree.root / name).read_text(), ""
        for there, more in places:
            before, found, text = text.partition(there)
            assert found, f"{name} has no {there!r} any more"
            done += before + more + there
        (tree.root / name).write_text(done + text)
    source = tree.root / "statemachine/onboard_tenant.asl.yaml"
    before, state, after = source.read_text().partition("  SeedDatabase:\n")
    source.write_text(before + state + after.replace("Next: InvalidateCache", "Next: InviteOwner", 1))


def take_out(tree: Tree) -> None:
    """What a person takes out again; `make generate` removes or mends what it had made."""
    for name in NEW:
        (tree.root / name).unlink()
    for name in MORE:
        shutil.copy(ROOT / name, tree.root / name)


def words_missing(tree: Tree) -> list[str]:
    """States and events that the panel has no words for, in one of its languages."""
    codes = (tree.root / "frontend/src/panel/codes.ts").read_text()
    machines = (tree.root / "statemachine").glob("*.asl.json")
    states = {state for path in machines for state in json.loads(path.read_text())["States"]}
    events = {path.stem for path in (tree.root / "events/schemas").glob("*.json")}
    told = {
        kind: [set(re.findall(r"^    (\w+):", block, re.MULTILINE)) for block in found]
        for kind in ("stages", "events")
        if (found := re.findall(rf"^  {kind}: {{\n(.*?)^  }}", codes, re.MULTILINE | re.DOTALL))
    }
    assert [len(blocks) for blocks in told.values()] == [2, 2]
    return sorted({name for block in told["stages"] for name in states - block} | {
        name for block in told["events"] for name in events - block
    })  # fmt: skip


def test_the_files_are_those_that_the_page_lists() -> None:
    page = (ROOT / "docs/changing.md").read_text()
    request = page.partition("\n## A stage after SeedDatabase\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\d+\. \[.+?\]\(\.\./(.+?)\)", request, re.MULTILINE)

    assert len(listed) == len(BY_HAND)
    assert all(any(path.startswith(place) for place in listed) for path in BY_HAND)


@pytest.mark.slow
def test_a_stage_after_seed_database_is_a_matter_of_nine_files_and_goes_again_without_a_trace(tree: Tree) -> None:
    write(tree)
    by_hand = tree.changed()
    assert by_hand == BY_HAND
    assert len(by_hand) <= MOST_FILES
    assert tree.run(sys.executable, "-m", "generate", "--check"), "nobody notices that something is to be generated"

    assert tree.run(sys.executable, "-m", "generate") == ""

    assert tree.changed() - by_hand == GENERATED
    with ThreadPoolExecutor(2) as pool:
        failed = "\n".join(pool.map(lambda check: tree.run(*check), CHECKS)).strip()
    assert not failed, failed
    assert words_missing(tree) == []

    take_out(tree)
    assert tree.run(sys.executable, "-m", "generate") == ""
    assert tree.changed() == set()

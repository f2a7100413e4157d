"""Small deliberate mistakes in a deployed product, made through AWS's own API and taken back at the end."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from control.stacks import Output
from tests.mutation.code import Change, all_applied
from tests.workflow.embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Product:
    """The deployed stack. layer: the built archive of the layer that every function has."""

    aws: EmbeddedAws
    layer: bytes
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self.aws.client(service)
        return self.clients[service]


class Mistake(Protocol):
    """One change; a context manager that is in effect inside."""

    def made(self, product: Product) -> Any: ...


@contextmanager
def all_made(product: Product, mistakes: Sequence[Mistake]) -> Iterator[None]:
    with ExitStack() as stack:
        for mistake in mistakes:
            stack.enter_context(mistake.made(product))
        yield


@dataclass(frozen=True)
class InLayer:
    """Changes of the shared package, seen by one function; or packages that are missing."""

    function: str
    changes: tuple[Change, ...] = ()
    lacks: tuple[str, ...] = ()

    def archive(self, layer: bytes) -> bytes:
        """The layer's archive with the changes."""
        left_out, made = tuple(f"python/{package}/" for package in self.lacks), io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(layer)) as there, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as copy:
            names = [name for name in there.namelist() if not name.startswith(left_out)]
            package = {each: there.read(each).decode() for each in names if re.match(r"python/tenancy/.+\.py$", each)}
            changed = all_applied(self.changes, package)
            for name in names:
                folder, _, compiled = name.rpartition("/__pycache__/")
                if not (compiled and f"{folder}/{compiled.partition('.')[0]}.py" in changed):
                    copy.writestr(there.getinfo(name), changed.get(name) or there.read(name))
        return made.getvalue()

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        lambda_ = product.client("lambda")
        published = lambda_.publish_layer_version(
            LayerName=f"wrong-{self.function}", Content={"ZipFile": self.archive(product.layer)}
        )["LayerVersionArn"]
        found = lambda_.get_function_configuration(FunctionName=self.function)["Layers"]
        right = [each["Arn"] for each in found]
        wrong = [published if "tenancy" in arn.lower() else arn for arn in right]
        assert wrong != right, right
        lambda_.update_function_configuration(FunctionName=self.function, Layers=wrong)
        try:
            yield
        finally:
            lambda_.update_function_configuration(FunctionName=self.function, Layers=right)


@dataclass(frozen=True)
class BesideHandler:
    """A file more in a function's own code."""

    function: str
    path: str
    text: str

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        lambda_ = product.client("lambda")
        folder = self.function.removeprefix("fluxion-").replace("-", "_")
        right, wrong = (_archive(folder, more) for more in ({}, {self.path: self.text}))
        lambda_.update_function_code(FunctionName=self.function, ZipFile=wrong)
        try:
            yield
        finally:
            lambda_.update_function_code(FunctionName=self.function, ZipFile=right)


def _archive(folder: str, more: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", (ROOT / "functions" / folder / "app.py").read_text())
        for path, text in more.items():
            archive.writestr(path, text)
    return made.getvalue()


@dataclass(frozen=True)
class InMachine:
    """A change of OnboardTenant's definition."""

    spoil: Callable[[dict[str, Any]], object]

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        states, arn = product.client("stepfunctions"), product.aws.outputs[Output.ONBOARD_MACHINE]
        right = states.describe_state_machine(stateMachineArn=arn)["definition"]
        wrong = json.loads(right)
        self.spoil(wrong)
        states.update_state_machine(stateMachineArn=arn, definition=json.dumps(wrong))
        try:
            yield
        finally:
            states.update_state_machine(stateMachineArn=arn, definition=right)


@dataclass(frozen=True)
class InRole:
    """The role of a function, or of OnboardTenant ("machine"), as if it lacked an action (on some resources)."""

    of: str
    lacks: str
    resource: str = "*"

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        iam, role = product.client("iam"), role_of(product, self.of)
        deny = {"Effect": "Deny", "Action": self.lacks, "Resource": self.resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        iam.put_role_policy(RoleName=role, PolicyName="mistake", PolicyDocument=policy)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName="mistake")


@dataclass(frozen=True)
class Unconditional:
    """The role of a function without conditions and without denials."""

    function: str

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        iam, role = product.client("iam"), role_of(product, self.function)
        right = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        try:
            for name, document in right.items():
                self._put(iam, role, name, self._changed(document))
            yield
        finally:
            for name, document in right.items():
                self._put(iam, role, name, document)

    @staticmethod
    def _changed(document: dict[str, Any]) -> dict[str, Any]:
        allowed = [deepcopy(each) for each in document["Statement"] if each["Effect"] == "Allow"]
        for statement in allowed:
            statement.pop("Condition", None)
        return document | {"Statement": allowed}

    @staticmethod
    def _put(iam: Any, role: str, name: str, document: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def role_of(product: Product, owner: str) -> str:
    """Name of the role of a function, or of the machine."""
    if owner == "machine":
        arn = product.aws.outputs[Output.ONBOARD_MACHINE]
        found = product.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["roleArn"]
    else:
        found = product.client("lambda").get_function_configuration(FunctionName=owner)["Role"]
    return str(found).rpartition("/")[2]


@dataclass(frozen=True)
class InMapping:
    """The event source mapping of a function without partial failures."""

    function: str

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        lambda_ = product.client("lambda")
        (mapping,) = lambda_.list_event_source_mappings(FunctionName=self.function)["EventSourceMappings"]
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionResponseTypes=[])
        try:
            yield
        finally:
            right = mapping.get("FunctionResponseTypes", [])
            lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionResponseTypes=right)


@dataclass(frozen=True)
class WithoutTagHeader:
    """The distribution does not say which header holds the cache tags."""

    @contextmanager
    def made(self, product: Product) -> Iterator[None]:
        cloudfront, name = product.client("cloudfront"), product.aws.outputs[Output.DISTRIBUTION]
        answer = cloudfront.get_distribution_config(Id=name)
        right = answer["DistributionConfig"]
        wrong = {key: value for key, value in right.items() if key != "CacheTagConfig"}
        cloudfront.update_distribution(Id=name, DistributionConfig=wrong, IfMatch=answer["ETag"])
        try:
            yield
        finally:
            now = cloudfront.get_distribution_config(Id=name)
            back = now["DistributionConfig"] | {k: v for k, v in right.items() if k == "CacheTagConfig"}
            cloudfront.update_distribution(Id=name, DistributionConfig=back, IfMatch=now["ETag"])

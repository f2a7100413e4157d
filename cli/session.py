"""Find which AWS is meant, the deployed stack there, and who asks. boto3 is loaded when something is asked."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cli import display
from cli.errors import Refused
from control.stacks import Output, outputs_of

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from control.tables import ControlPlane

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
"""Where `make up` keeps what it has started."""

# CloudFront's certificates live there, so the stack does; the template asserts it.
_REGION = "us-east-1"


@dataclass(frozen=True)
class Where:
    """Say which AWS is meant: variables that stand above the environment's own, and the words for it."""

    variables: Mapping[str, str]
    words: str


def local_environment(state: Path) -> dict[str, str]:
    """Return the variables that `make up` wrote into ``<state>/env``. Raises Refused when none runs."""
    try:
        text = (state / "env").read_text()
    except FileNotFoundError:
        raise Refused(f"The local AWS is not up ({state / 'env'} does not exist): start it with `make up`.") from None
    words = (word for line in text.splitlines() for word in shlex.split(line, comments=True))
    return dict(word.split("=", 1) for word in words if "=" in word)


def where(state: Path, *, local: bool | None, environ: Mapping[str, str] | None = None) -> Where:
    """Return which AWS is meant.

    local: True for what `make up` started, False for the usual environment, None for: the local one where it runs and
        AWS_ENDPOINT_URL names no other.
    """
    environ = os.environ if environ is None else environ
    if local is None:
        local = "AWS_ENDPOINT_URL" not in environ and (state / "env").exists()
    if not local:
        return Where({}, environ.get("AWS_ENDPOINT_URL", "AWS"))
    found = local_environment(state)
    return Where(found, f"the local AWS at {found.get('AWS_ENDPOINT_URL', '?')} ({state / 'env'})")


class Session:
    """Give a deployed stack's outputs, resources and tables, and clients of the AWS where it is."""

    def __init__(self, place: Where, stack: str) -> None:
        self._place = place
        self._stack = stack

    def site(self, host: str) -> str:
        """Return the address of a host's site. The local edge has a port of its own."""
        edge = (self._place.variables or os.environ).get("FLUXION_EDGE_URL", "")
        port = urlsplit(edge).port
        return f"https://{host}:{port}/" if port else f"https://{host}/"

    @property
    def endpoint(self) -> str | None:
        """Return the address that all clients ask; None for that of each service."""
        return self._place.variables.get("AWS_ENDPOINT_URL")

    @property
    def region(self) -> str:
        """Return the region."""
        return self._boto.region_name or _REGION

    @cached_property
    def _boto(self) -> "boto3.Session":
        import boto3

        given = self._place.variables
        region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or boto3.Session().region_name or _REGION
        return boto3.Session(
            aws_access_key_id=given.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
            region_name=region,
        )

    def client(self, service: str, config: "Config | None" = None) -> Any:
        """Return a client of a service, of the AWS that is meant.

        A terminal is waiting: without a config it gives up in seconds, where the control plane would wait for minutes.
        """
        from botocore.config import Config

        hasty = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
        make: Any = self._boto.client
        return make(service, endpoint_url=self.endpoint, config=config or hasty)

    @cached_property
    def tables(self) -> "ControlPlane":
        """Return the stack's two tables. Raises Refused when there is no such stack."""
        from control.tables import ControlPlane

        tenants, provisioning = self.output(Output.TENANTS_TABLE), self.output(Output.PROVISIONING_TABLE)
        return ControlPlane(tenants, provisioning, self.client("dynamodb"))

    def output(self, output: Output) -> str:
        """Return an output of the stack. Raises Refused when there is none, or no such stack."""
        try:
            return self._outputs[output]
        except KeyError:
            raise Refused(
                f"The stack '{self._stack}' has no output {output}: it is of a release before this, or its status says "
                "why. Deploy it again."
            ) from None

    @cached_property
    def _outputs(self) -> dict[str, str]:
        with self._asking_the_stack():
            return outputs_of(self.client("cloudformation"), self._stack)

    def resources(self, kind: str) -> dict[str, str]:
        """Return the stack's resources of a kind (``AWS::SQS::Queue``): logical → physical id. Raises Refused too."""
        paginator = self.client("cloudformation").get_paginator("list_stack_resources")
        with self._asking_the_stack():
            found = [
                each for page in paginator.paginate(StackName=self._stack) for each in page["StackResourceSummaries"]
            ]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind}

    @contextmanager
    def _asking_the_stack(self) -> Iterator[None]:
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise Refused(
                f"There is no stack '{self._stack}' in {self.region} on {self._place.words}: "
                "deploy it, or start the local AWS (`make up`)."
            ) from None


def connected(stack: str, local: bool | None) -> Session:
    """Return the session that is meant. Print which AWS it is where it was found and not named."""
    place = where(STATE, local=local)
    if place.variables and local is None:
        display.note(f"Using {place.words}; --no-local asks the AWS of your environment.")
    return Session(place, stack)


def who() -> str:
    """Return the person, for the audit trail; a claim, not a proof: IAM knows who really called."""
    import getpass

    try:
        return f"fluxion: {getpass.getuser()}"
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "fluxion"

"""Define the arguments and options that several commands take, and hand them to a command as one value.

A parameter of a command whose type is a data class of this module stands for the options that are its fields.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import typer

from cli.session import Session, connected

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant: one label below the base domain.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation; for scripts.")]
Timeout = Annotated[float, typer.Option(min=1, help="Stop watching after this many seconds.")]
Tier = Annotated[
    Literal["basic", "standard", "premium"] | None, typer.Option(help="The tier that the customer pays for.")
]
ContactEmail = Annotated[str | None, typer.Option(help="The customer's e-mail address.")]


@dataclass(frozen=True)
class StackOptions:
    """Say which stack a command asks, and whether its answer is JSON."""

    stack: Annotated[str, typer.Option(help="The CloudFormation stack of the control plane.")] = "fluxion"
    local: Annotated[
        bool | None,
        typer.Option(
            "--local/--no-local",
            help="Use the AWS that `make up` started, or the one that the environment names. "
            "Without either option: the local one where it runs and AWS_ENDPOINT_URL is not set.",
            show_default=False,
        ),
    ] = None
    as_json: Json = False

    @cached_property
    def session(self) -> Session:
        """Return the session with the stack."""
        return connected(self.stack, self.local)


@dataclass(frozen=True)
class RunOptions(StackOptions):
    """Say also whether a command follows the run that it has asked for, and for how many seconds."""

    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Show the stages until the run has ended.")] = True
    timeout: Timeout = 900.0


@dataclass(frozen=True)
class ItemOptions:
    """Hold the attributes of a tenants item that a command may be given."""

    name: Annotated[str | None, typer.Option(help="The customer's name, 1 to 80 characters.")] = None
    tier: Tier = None
    contact_email: ContactEmail = None
    setting: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="KEY=VALUE", help="Set one setting, such as colour; may be repeated."),
    ] = None
    desired_state: Annotated[
        Literal["active", "suspended"] | None, typer.Option(help="Whether the site is served, or answers 503.")
    ] = None


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as Typer takes it: the fields of its data classes are options, those of the first one last."""
    first, *others = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {each.name: each.annotation for each in (first, *others) if is_dataclass(each.annotation)}
    fields = {name: inspect.signature(group).parameters for name, group in groups.items()}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {name: group(**{field: given.pop(field) for field in fields[name]}) for name, group in groups.items()}
        command(**made, **given)

    flat = [field for each in (*others, first) for field in fields.get(each.name, {each.name: each}).values()]
    signature = inspect.Signature([each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in flat])
    vars(run)["__signature__"] = signature
    return run

"""Arguments and options that several commands take."""

import enum
from typing import Annotated

import typer

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant: one label below the base domain.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Stack = Annotated[str, typer.Option(help="The CloudFormation stack of the control plane.")]
Local = Annotated[
    bool | None,
    typer.Option(
        "--local/--no-local",
        help="The AWS that `make up` started, or the one that the environment names. "
        "Without either: the local one where it runs and AWS_ENDPOINT_URL is not set.",
        show_default=False,
    ),
]
CustomerName = Annotated[str | None, typer.Option("--name", help="What the customer is called, 1 to 80 characters.")]
ContactEmail = Annotated[str | None, typer.Option(help="Whom to write to.")]
Settings = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help="Colour, locale, …; may be repeated.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Show the stages until the run has ended.")]
Timeout = Annotated[float, typer.Option(min=1, help="Give up watching after so many seconds.")]


class Tier(enum.StrEnum):
    """What the customer pays for."""

    BASIC = "basic"
    STANDARD = "standard"
    PREMIUM = "premium"


class Desired(enum.StrEnum):
    """What visitors should get."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


PaidTier = Annotated[Tier | None, typer.Option("--tier", help="What the customer pays for.")]
DesiredState = Annotated[Desired | None, typer.Option("--desired-state", help="What visitors should get.")]

"""`fluxion`: starts and stops the local AWS, adds tenants, shows what becomes of them, migrates and replays.

Only typer is imported here; what a command needs, it imports itself, so that `fluxion --help` answers at once.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli import adopting, changing, fleet, history, removing, replay, restoring, taking_out, tenants

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"


class PlainErrors(TyperGroup):
    """Ends in one sentence and exit code 1 where something is wrong that a person can put right."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. What has no sentence of its own is a bug, and keeps its traceback."""
        from cli import errors

        try:
            return super().invoke(ctx)
        except Exception as error:
            sentence = errors.sentence(error)
            if sentence is None:
                raise
            typer.echo(f"fluxion: {sentence}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=PlainErrors,
    help="The tenant control plane of Fluxion: one item in a table becomes a live customer site.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich costs a quarter of a second, more than all the rest of `--help`
)
app.add_typer(tenants.app, name="tenants")
app.add_typer(fleet.app, name="fleet")
# Importing them has added their commands to those of `tenants`.
COMMANDS = (adopting, changing, history, removing, restoring, taking_out)
app.command()(replay.replay)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]


@app.command()
def up(as_json: Json = False) -> None:
    """Start the local AWS and deploy the templates; returns when it is ready."""
    from cli import display
    from local.stack import Stack

    stack = Stack(ROOT, STATE)
    stack.up(lambda line: display.note(str(line)))
    if as_json:
        display.document({"state": str(STATE), "environment": dict(stack.env)})
    else:
        display.line(f"The local AWS is up. Point any client at it with:  . {STATE.relative_to(ROOT)}/env")
        base, port = stack.env["FLUXION_BASE_DOMAIN"], stack.env["FLUXION_EDGE_URL"].rpartition(":")[2]
        display.line(f"Its pages:  https://{base}:{port}/  and, for operators,  https://admin.{base}:{port}/")


@app.command()
def down(as_json: Json = False) -> None:
    """Stop what `fluxion up` started."""
    from cli import display
    from local.stack import Stack

    was_up = Stack(ROOT, STATE).down()
    if as_json:
        display.document({"state": str(STATE), "running": False, "was_running": was_up})
    else:
        display.line("The local AWS is down." if was_up else "The local AWS was not up.")

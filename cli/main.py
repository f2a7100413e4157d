"""Make the command `fluxion`: it starts and stops the local AWS, adds, shows and changes tenants, migrates and replays.

A command is a file: every module in the folder of a group has one function ``command``, and is called after its file.
What is slow to load, a command imports inside, so that `fluxion --help` answers at once.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup

from cli import errors, fleet, root, tenants
from cli.options import spread


class PlainErrors(TyperGroup):
    """End in one sentence and exit code 1 where something is wrong that a person can put right."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. What has no sentence of its own is a bug, and keeps its traceback."""
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


def _register(group: typer.Typer, folder: ModuleType) -> None:
    for module in pkgutil.iter_modules(folder.__path__):
        command = importlib.import_module(f"{folder.__name__}.{module.name}").command
        group.command(module.name.replace("_", "-"))(spread(command))


_register(app, root)
for package in (tenants, fleet):
    commands = typer.Typer(help=package.__doc__, no_args_is_help=True)
    _register(commands, package)
    app.add_typer(commands, name=package.__name__.rpartition(".")[2])

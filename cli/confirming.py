"""Have a person type something that nobody types by mistake."""

import sys

import typer

from cli.errors import Refused


def confirm(what: str, answer: str, *, yes: bool) -> None:
    """Go on when a person types the answer, or has said --yes. Raises Refused otherwise, and where nobody can be asked.

    what: the words for the answer.
    """
    if yes:
        return
    if not is_terminal():
        raise Refused(
            "Nobody can be asked, for the input is no terminal: --yes goes on without asking. Nothing was done."
        )
    if typer.prompt(f"Type {what} to go on", err=True) != answer:
        raise Refused(f"That is not {answer}. Nothing was done.")


def is_terminal() -> bool:
    """Return whether a person sits at the input."""
    return sys.stdin.isatty()

"""Give `fluxion down`, which stops what `fluxion up` started."""

from cli import display, session
from cli.options import Json


def command(as_json: Json = False) -> None:
    """Stop what `fluxion up` started."""
    from local.stack import Stack

    was_up = Stack(session.ROOT, session.STATE).down()
    if as_json:
        display.document({"state": str(session.STATE), "running": False, "was_running": was_up})
    else:
        display.line("The local AWS is down." if was_up else "The local AWS was not up.")

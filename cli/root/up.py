"""Give `fluxion up`, which starts a local AWS with everything in it."""

from cli import display, session
from cli.options import Json


def command(as_json: Json = False) -> None:
    """Start the local AWS and deploy the templates; returns when it is ready."""
    from local.stack import Stack

    stack = Stack(session.ROOT, session.STATE)
    stack.up(lambda line: display.note(str(line)))
    if as_json:
        display.document({"state": str(session.STATE), "environment": dict(stack.env)})
    else:
        where = session.STATE.relative_to(session.ROOT)
        display.line(f"The local AWS is up. Point any client at it with:  . {where}/env")
        base, port = stack.env["FLUXION_BASE_DOMAIN"], stack.env["FLUXION_EDGE_URL"].rpartition(":")[2]
        display.line(f"Its pages:  https://{base}:{port}/  and, for operators,  https://admin.{base}:{port}/")

"""Read what the code says of itself: first lines of modules, and the texts below the members of a class."""

import ast
import inspect
import textwrap
from itertools import pairwise
from pathlib import Path


def first_line(path: Path) -> str:
    """Return the first paragraph of a module's docstring, on one line; nothing without a docstring."""
    return first_paragraph(ast.get_docstring(ast.parse(path.read_text())))


def first_paragraph(docstring: str | None) -> str:
    """Return the first paragraph of a docstring on one line, in Markdown."""
    return " ".join((docstring or "").partition("\n\n")[0].split()).replace("``", "`")


def of_members(described: type) -> dict[str, str]:
    """Return the text below each member of a class, on one line. Python does not keep it, so the source is read."""
    (body,) = (
        node.body
        for node in ast.parse(textwrap.dedent(inspect.getsource(described))).body
        if isinstance(node, ast.ClassDef)
    )
    return {
        ast.unparse(member.target if isinstance(member, ast.AnnAssign) else member.targets[0]): first_paragraph(told)
        for member, below in pairwise(body)
        if isinstance(member, ast.Assign | ast.AnnAssign) and (told := _docstring(below))
    }


def _docstring(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
        case _:
            return ""

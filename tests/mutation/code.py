"""A mistake in the product's code, found by what it changes: whatever module that is in, however it is laid out, and
whatever its variables are called.

Patterns are ast-grep's: ``$X`` stands for any expression (the same one, where it comes twice), ``$$$X`` for any number
of arguments or statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ast_grep_py import SgNode, SgRoot

_VARIABLE = re.compile(r"\$\$\$([A-Z]+)|\$([A-Z]+)")


class Misplaced(Exception):
    """The product has moved, and the mistake has to follow."""


@dataclass(frozen=True)
class Change:
    """What a rule finds becomes ``new``, in which variables stand for what they have matched.

    within: the name of a function or class that it stands in; of several the outer one first, with dots between.
    """

    rule: Mapping[str, Any]
    new: str
    within: str = ""

    def apply(self, sources: Mapping[str, str]) -> tuple[str, str]:
        """Return the path of the file with the code, and its new text. Raises Misplaced unless it is there once."""
        rule = _within(self.rule, self.within)
        found = [(path, node) for path, text in sources.items() for node in _tree(text).find_all({"rule": rule})]
        if len(found) != 1:
            places = [f"{path}:{node.range().start.line + 1}" for path, node in found]
            raise Misplaced(
                f"{dict(self.rule)} in {self.within or 'the package'} is there {len(found)} times: {places}"
            )
        ((path, node),) = found
        return path, _tree(sources[path]).commit_edits([_edit(node, self.new)])


def all_applied(changes: Iterable[Change], sources: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of the files that change, and their new texts. Raises Misplaced."""
    changed: dict[str, str] = {}
    for change in changes:
        path, text = change.apply({**sources, **changed})
        changed[path] = text
    return changed


def code(old: str, new: str, within: str = "", *, kind: str = "") -> Change:
    """An expression or a statement becomes another one.

    kind: that of the node in ``old`` that is meant, where it can't be parsed by itself.
    """
    return Change({"pattern": {"context": old, "selector": kind} if kind else old}, new, within)


def never(old: str = "", within: str = "", *, before: str = "") -> Change:
    """The condition of an ``if`` never holds; ``before``: that of the ``if`` right before this code."""
    place: dict[str, Any] = {"kind": "if_statement", "field": "condition"}
    if before:
        body = {"field": "consequence", "has": {"pattern": before, "stopBy": {"kind": "if_statement"}}}
        place["has"] = body
    return Change({"pattern": old or "$CONDITION", "inside": place}, "False", within)


def argument(name: str, new: str = "", within: str = "") -> Change:
    """The value of a keyword argument becomes another one, in which ``$V`` is the right one; or the argument goes."""
    rule = {"kind": "keyword_argument", "has": {"field": "name", "regex": f"^{name}$"}, "pattern": _KEYWORD}
    return Change(rule, f"{name}={new}" if new else "", within)


def entry(key: str, new: str, within: str = "") -> Change:
    """The value of a dictionary's key becomes another one, in which ``$V`` is the right one."""
    return code(f'{{"{key}": $V}}', f'"{key}": {new}', within, kind="pair")


def words(old: str, new: str, within: str = "") -> Change:
    """Words in a string become others."""
    return Change({"kind": "string_content", "regex": re.escape(old)}, f"{old}\0{new}", within)


_KEYWORD = {"context": "f($N=$V)", "selector": "keyword_argument"}


def _within(rule: Mapping[str, Any], names: str) -> dict[str, Any]:
    outer: dict[str, Any] | None = None
    for name in filter(None, names.split(".")):
        place = {
            "any": [{"kind": "function_definition"}, {"kind": "class_definition"}],
            "has": {"field": "name", "regex": f"^{name}$"},
        }
        outer = place | ({"inside": outer | {"stopBy": "end"}} if outer else {})
    return {"all": [dict(rule), {"inside": outer | {"stopBy": "end"}}]} if outer else dict(rule)


@lru_cache(maxsize=256)
def _tree(text: str) -> SgNode:
    return SgRoot(text, "python").root()


def _edit(node: SgNode, new: str) -> Any:
    old, parted, replacement = new.partition("\0")
    if parted:
        return node.replace(node.text().replace(old, replacement))
    made = _VARIABLE.sub(lambda variable: _text(node, variable), new)
    edit = node.replace(made)
    following = node.next()
    if not made and following and following.text() == ",":
        edit.end_pos = following.range().end.index
    return edit


def _text(node: SgNode, variable: re.Match[str]) -> str:
    if variable[1]:
        return "".join(each.text() for each in node.get_multiple_matches(variable[1]))
    found = node.get_match(variable[2])
    return found.text() if found else variable[0]

"""DynamoDB's expressions: conditions, key conditions, updates and projections over items in DynamoDB's own JSON.

What is not understood is refused by name, and so is a name or a value that no expression uses, as DynamoDB does.
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html.
"""

import copy
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

type Value = dict[str, Any]
"""An attribute's value with its type: ``{"S": "granja"}``."""
type Item = dict[str, Value]
type Path = tuple[str, ...]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-]|[:#]?[A-Za-z0-9_]+|[.\[\]])")
_ORDERED = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class BadExpression(ValueError):
    """What DynamoDB calls a ValidationException."""


class Names:
    """The placeholders of one request, shared by all its expressions. What is left over at the end is an error."""

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, Value] | None) -> None:
        self._names, self._values = dict(names or {}), dict(values or {})
        self._unused = {*self._names, *self._values}

    def name(self, token: str) -> str:
        if token.startswith("#"):
            return self._found(self._names, token)
        return token

    def value(self, token: str) -> Value:
        return self._found(self._values, token)

    def _found[Found](self, where: Mapping[str, Found], token: str) -> Found:
        if token not in where:
            raise BadExpression(f"An expression attribute used in expression is not defined: {token}")
        self._unused.discard(token)
        return where[token]

    def require_all_used(self) -> None:
        if self._unused:
            raise BadExpression(
                f"Value provided in expression attributes unused in expressions: {sorted(self._unused)}"
            )


type Test = Callable[[Item], bool]
type Operand = Callable[[Item], Value | None]


class Parser:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, text: str, names: Names) -> None:
        self._tokens = _tokens(text)
        self._names = names
        self._at = 0

    # --- conditions ---------------------------------------------------------------------------------------------------

    def condition(self) -> Test:
        """The whole text as a condition."""
        test = self._either()
        self._require_end()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._accept("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._accept("AND"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def _one(self) -> Test:
        if self._accept("NOT"):
            test = self._one()
            return lambda item: not test(item)
        if self._accept("("):
            test = self._either()
            self._expect(")")
            return test
        function = _TESTS.get(self._peek().lower())
        if function and self._peek(1) == "(":
            self._next()
            return self._call(function)
        return self._comparison()

    def _call(self, function: Callable[..., bool]) -> Test:
        self._expect("(")
        operands = [self._operand()]
        while self._accept(","):
            operands.append(self._operand())
        self._expect(")")
        return lambda item: function(*(operand(item) for operand in operands))

    def _comparison(self) -> Test:
        left = self._operand()
        operator = self._next()
        if operator.upper() == "BETWEEN":
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return lambda item: _compare(left(item), ">=", low(item)) and _compare(left(item), "<=", high(item))
        if operator.upper() == "IN":
            self._expect("(")
            choices = [self._operand()]
            while self._accept(","):
                choices.append(self._operand())
            self._expect(")")
            return lambda item: any(_compare(left(item), "=", choice(item)) for choice in choices)
        right = self._operand()
        return lambda item: _compare(left(item), operator, right(item))

    def _operand(self) -> Operand:
        if self._peek().startswith(":"):
            value = self._names.value(self._next())
            return lambda _: value
        if self._peek().lower() == "size" and self._peek(1) == "(":
            self._next()
            self._expect("(")
            path = self._path()
            self._expect(")")
            return lambda item: _size(find(item, path))
        path = self._path()
        return lambda item: find(item, path)

    # --- updates ------------------------------------------------------------------------------------------------------

    def update(self) -> Callable[[Item], Item]:
        """The whole text as an update: a function from the old item to the new one."""
        changes: list[Callable[[Item, Item], None]] = []
        while self._at < len(self._tokens):
            clause = self._next().upper()
            if clause not in _CLAUSES:
                raise BadExpression(f"Invalid UpdateExpression: {clause} is not supported here")
            changes.append(getattr(self, f"_{clause.lower()}_clause")())
            while self._accept(","):
                changes.append(getattr(self, f"_{clause.lower()}_clause")())

        def apply(old: Item) -> Item:
            new = copy.deepcopy(old)
            for change in changes:
                change(old, new)
            return new

        return apply

    def _set_clause(self) -> Callable[[Item, Item], None]:
        path = self._path()
        self._expect("=")
        value = self._sum()
        return lambda old, new: _put(new, path, _required(value(old)))

    def _remove_clause(self) -> Callable[[Item, Item], None]:
        path = self._path()
        return lambda _, new: _drop(new, path)

    def _add_clause(self) -> Callable[[Item, Item], None]:
        path = self._path()
        amount = self._operand()
        return lambda old, new: _put(new, path, _plus(find(old, path) or {"N": "0"}, _required(amount(old)), 1))

    def _sum(self) -> Operand:
        left = self._term()
        if self._peek() in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            right = self._term()
            return lambda item: _plus(_required(left(item)), _required(right(item)), sign)
        return left

    def _term(self) -> Operand:
        if self._peek().lower() == "if_not_exists" and self._peek(1) == "(":
            self._next()
            self._expect("(")
            path = self._path()
            self._expect(",")
            other = self._term()
            self._expect(")")
            return lambda item: found if (found := find(item, path)) is not None else other(item)
        return self._operand()

    # --- paths and tokens ---------------------------------------------------------------------------------------------

    def paths(self) -> list[Path]:
        """The whole text as a projection."""
        found = [self._path()]
        while self._accept(","):
            found.append(self._path())
        self._require_end()
        return found

    def _path(self) -> Path:
        parts = [self._name()]
        while self._accept("."):
            parts.append(self._name())
        return tuple(parts)

    def _name(self) -> str:
        token = self._next()
        if not re.fullmatch(r"#?[A-Za-z0-9_]+", token):
            raise BadExpression(f"Syntax error; token: {token!r}")
        return self._names.name(token)

    def _peek(self, ahead: int = 0) -> str:
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise BadExpression("Syntax error; the expression ends too early")
        self._at += 1
        return token

    def _accept(self, word: str) -> bool:
        if self._peek().upper() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise BadExpression(f"Syntax error; token: {self._peek()!r}, expected: {word!r}")

    def _require_end(self) -> None:
        if self._at < len(self._tokens):
            raise BadExpression(f"Syntax error; token: {self._peek()!r}")


_CLAUSES = ("SET", "REMOVE", "ADD")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise BadExpression(f"Syntax error; near: {text[at : at + 20]!r}")
        found.append(match[1])
        at = match.end()
    return found


def find(item: Item, path: Path) -> Value | None:
    """The value at a path, or None."""
    value: Value = {"M": item}
    for part in path:
        if "M" not in value or part not in value["M"]:
            return None
        value = value["M"][part]
    return value


def _put(item: Item, path: Path, value: Value) -> None:
    parent = find(item, path[:-1]) if len(path) > 1 else {"M": item}
    if parent is None or "M" not in parent:
        raise BadExpression("The document path provided in the update expression is invalid for update")
    parent["M"][path[-1]] = copy.deepcopy(value)


def _drop(item: Item, path: Path) -> None:
    parent = find(item, path[:-1]) if len(path) > 1 else {"M": item}
    if parent is not None and "M" in parent:
        parent["M"].pop(path[-1], None)


def _required(value: Value | None) -> Value:
    if value is None:
        raise BadExpression("The provided expression refers to an attribute that does not exist in the item")
    return value


def _plus(left: Value, right: Value, sign: int) -> Value:
    if "N" not in left or "N" not in right:
        raise BadExpression("An operand in the update expression has an incorrect data type")
    return {"N": str(Decimal(left["N"]) + sign * Decimal(right["N"]))}


def plain(value: Value) -> Any:
    """A scalar as Python orders it."""
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


def _compare(left: Value | None, operator: str, right: Value | None) -> bool:
    if left is None or right is None:
        return operator == "<>"
    same_kind = left.keys() == right.keys()
    if operator in ("=", "<>"):
        return (same_kind and plain(left) == plain(right)) == (operator == "=")
    if operator not in _ORDERED:
        raise BadExpression(f"Syntax error; token: {operator!r}")
    return same_kind and bool(_ORDERED[operator](plain(left), plain(right)))


def _size(value: Value | None) -> Value | None:
    return None if value is None else {"N": str(len(next(iter(value.values()))))}


def _contains(value: Value | None, part: Value | None) -> bool:
    if value is None or part is None:
        return False
    ((kind, content),) = value.items()
    return part in content if kind == "L" else plain(part) in content


def _begins_with(value: Value | None, start: Value | None) -> bool:
    return bool(value and start and "S" in value and value["S"].startswith(start["S"]))


_TESTS: dict[str, Callable[..., bool]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "attribute_type": lambda value, kind: value is not None and kind["S"] in value,
    "begins_with": _begins_with,
    "contains": _contains,
}

"""Replace parts of the pinned MiniStack; refuse when they are not what they were when the bridge was written.

What a bridge leans on is noted while somebody asks for it (`noted`): `local_aws.bridges` compares it between versions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Any

MINISTACK = "1.5.33"
_edited: dict[tuple[str, str], str] = {}
_stock: dict[str, str] = {}
_notes: list[dict[str, str]] = []


class PatchTargetMoved(RuntimeError):
    """MiniStack is not the version, or not the code, that a bridge was written for."""


def require_pinned_version() -> None:
    """Raise PatchTargetMoved unless the installed MiniStack is the pinned one."""
    installed = version("ministack")
    if installed != MINISTACK:
        raise PatchTargetMoved(
            f"the bridges are written for ministack {MINISTACK}, but {installed} is installed: install the pinned one"
        )


@contextmanager
def noted() -> Iterator[dict[str, str]]:
    """Return what is patched from here to the end, as it is filled: target → source of it in stock MiniStack.

    A target that is no function or class has the name of its type in place of a source.
    """
    targets: dict[str, str] = {}
    _notes.append(targets)
    try:
        yield targets
    finally:
        _notes.remove(targets)


def _note(target: str, original: Any) -> None:
    for targets in _notes:
        if target not in _stock:  # a second bridge of a target finds the first one's function there
            has_source = inspect.isfunction(original) or inspect.isclass(original)
            _stock[target] = inspect.getsource(original) if has_source else type(original).__name__
        targets[target] = _stock[target]


def replace(module: ModuleType, name: str, make: Callable[[Any], Any], *fragments: str) -> None:
    """Set `module.name` to `make(original)`.

    fragments: pieces of the original's source that the bridge relies on. Raises PatchTargetMoved if the target or
    one of them is missing.
    """
    if not hasattr(module, name):
        raise PatchTargetMoved(f"{module.__name__}.{name} is gone")
    original = getattr(module, name)
    _note(f"{module.__name__}.{name}", original)
    if fragments:
        source = _edited.get((module.__name__, name)) or inspect.getsource(original)
        for fragment in fragments:
            if fragment not in source:
                raise PatchTargetMoved(f"{module.__name__}.{name} no longer contains {fragment!r}")
    setattr(module, name, make(original))


def edit(module: ModuleType, name: str, *edits: tuple[str, str]) -> None:
    """Re-compile the function `module.name` with each (old, new) piece of its source exchanged.

    For a change in the middle of a long function. Raises PatchTargetMoved unless each `old` occurs exactly once.
    """
    if not hasattr(module, name):
        raise PatchTargetMoved(f"{module.__name__}.{name} is gone")
    original = getattr(module, name)
    _note(f"{module.__name__}.{name}", original)
    source = _edited.get((module.__name__, name)) or inspect.getsource(original)
    for old, new in edits:
        if source.count(old) != 1:
            raise PatchTargetMoved(f"{module.__name__}.{name} has {source.count(old)} times {old!r}, expected once")
        source = source.replace(old, new)
    _edited[module.__name__, name] = source  # a second edit builds on the first
    exec(compile(source, f"<bridged {module.__name__}.{name}>", "exec"), module.__dict__)  # noqa: S102


def resource(kind: str, action: str, make: Callable[[Any], Any]) -> None:
    """Set CloudFormation's handler of a resource type to `make(original)`; several bridges may wrap one, in turn.

    action: create, update or delete. Raises PatchTargetMoved if there is no such handler.
    """
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS.get(kind, {})
    if action not in handlers:
        raise PatchTargetMoved(f"CloudFormation's {action} of {kind} is gone")
    _note(f"{kind} {action}", handlers[action])
    handlers[action] = make(handlers[action])

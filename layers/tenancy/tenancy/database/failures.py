"""Complaints of the file system and the engine become errors of this package."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tenancy.domain.errors import StorageFull, StorageUnavailable, TenancyError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# The engine passes the system's words on in its messages, and nothing else that tells the causes apart.
_NO_ROOM_IN_WORDS = re.compile(r"No space left on device|Disk quota exceeded|File too large", re.IGNORECASE)
_LOCKED_IN_WORDS = re.compile(r"Could not set lock on file|Conflicting lock is held", re.IGNORECASE)


@contextmanager
def named_failures(doing: str) -> Iterator[None]:
    """Turn errors of the file system and the engine's input/output errors into StorageFull or StorageUnavailable.

    doing: what was tried, as the beginning of the message: ``publish the database of 'granja'``.
    Every other error, and every error of this package, passes unchanged.
    """
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in _NO_ROOM else StorageUnavailable
        raise kind(f"Could not {doing}: {error.strerror or error}.") from error
    except duckdb.Error as error:
        named = of_engine(error, doing)
        if named is None:
            raise
        raise named from error


def of_engine(error: duckdb.Error, doing: str) -> TenancyError | None:
    """Name the storage failure behind an error of the engine. Returns None if it is of another kind (SQL, …)."""
    if _NO_ROOM_IN_WORDS.search(str(error)):
        return StorageFull(f"Could not {doing}: {_first_line(error)}")
    if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.InternalException):
        return StorageUnavailable(f"Could not {doing}: {_first_line(error)}")
    return None


# Where the engine's words may begin to be a customer's: at a quote, a digit, a bracket or an equals sign.
_PLAIN_WORDS = re.compile(r"[A-Za-z_.,:; -]*")
# Words that are wholly the statement's own, or a customer's by way of it.
_NOBODY_KNOWS_WHOSE = {"InvalidInputException", "Error"}


def without_values(error: duckdb.Error) -> str:
    """Quote the engine's message as far as it can't hold a row's value: its beginning, then ``…``.

    ``Conversion Error: Could not convert string 'ana@example.org' to INT32`` → ``Conversion Error: Could not convert
    string …``. The values that the engine puts into its messages are quoted, numbers, or in brackets.
    """
    kind, said = type(error).__name__, _first_line(error)
    if kind in _NOBODY_KNOWS_WHOSE:
        return kind
    plain = _PLAIN_WORDS.match(said)
    beginning = plain[0] if plain else ""
    return beginning if beginning == said else f"{beginning.rstrip()} …"


def is_lock_conflict(error: duckdb.Error) -> bool:
    """Tell whether the engine was refused its own lock, by a program that does not use the door."""
    return bool(_LOCKED_IN_WORDS.search(str(error)))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]

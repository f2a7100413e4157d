"""The engine is opened with the same narrow configuration for every database, and never at import time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import duckdb

# Measured for one-file-per-tenant: an empty database is 0.3 MB instead of 4 MB (aws-facts, DuckDB).
BLOCK_SIZE_BYTES: Final = 16_384

# One tenant's query must not take the machine, and must not spill: the folder for that would be made beside the
# database, on the shared file system.
_CONFIGURATION: Final = {
    "threads": "1",
    "memory_limit": "256MB",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
# And its SQL must not reach another tenant's file or the network. As statements, because the engine applies options in
# an order of its own, and refuses temp_directory if external access happens to be off by then.
_NARROWING: Final = "SET enable_external_access = false; SET lock_configuration = true"


def connect(database: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open an existing database. For the door alone: whoever else calls this can lose other people's rows."""
    return _narrowed(duckdb.connect(str(database), read_only=read_only, config=dict(_CONFIGURATION)))


def connect_to_export(database: Path, directory: Path) -> duckdb.DuckDBPyConnection:
    """Open a database for statements that may write and read files below one directory, and nowhere else."""
    return _narrowed(duckdb.connect(str(database), config=dict(_CONFIGURATION)), directory)


def connect_to_take(database: Path, directory: Path) -> duckdb.DuckDBPyConnection:
    """Open a database only to read it, for statements that may write files below one directory."""
    return _narrowed(duckdb.connect(str(database), read_only=True, config=dict(_CONFIGURATION)), directory)


def in_memory() -> duckdb.DuckDBPyConnection:
    """Make a database that nobody else sees, and that is gone when it is closed."""
    return _narrowed(duckdb.connect(config=dict(_CONFIGURATION)))


def create(database: Path, reading: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Make a database with small blocks, at a path where nothing is.

    reading: a directory whose files its statements may read, if there is one.
    """
    # As an option of the connection rather than of ATTACH, which would need the path inside the SQL.
    return _narrowed(
        duckdb.connect(str(database), config={**_CONFIGURATION, "default_block_size": str(BLOCK_SIZE_BYTES)}), reading
    )


def _narrowed(handle: duckdb.DuckDBPyConnection, directory: Path | None = None) -> duckdb.DuckDBPyConnection:
    try:
        if directory:
            handle.execute("SET allowed_directories = ?", [[str(directory)]])
        handle.execute(_NARROWING)
    except BaseException:
        handle.close()
        raise
    return handle


def file_name(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the name of the file that a connection has open, without its folder."""
    row = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    if row is None:
        raise RuntimeError("the connection has no file")
    return Path(row[0]).name


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit when the block ends, roll back when it raises."""
    connection.begin()
    try:
        yield
    except BaseException:
        # A failed COMMIT or an input/output error has ended the transaction already.
        with suppress(duckdb.Error):
            connection.rollback()
        raise
    connection.commit()

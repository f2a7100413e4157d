"""The time, in the one form in which it is written down. No decision hangs on it."""

from datetime import UTC, datetime


def now() -> str:
    """ISO 8601, UTC, to the millisecond: ``2026-11-24T03:49:02.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

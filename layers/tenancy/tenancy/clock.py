"""The time, in the one form in which it is written down. The only decision that hangs on it is when to try again."""

from datetime import UTC, datetime, timedelta


def now(seconds_from_now: float = 0) -> str:
    """ISO 8601, UTC, to the millisecond: ``2026-11-24T03:49:02.123Z``. Such texts sort by time."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds_from_now)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The time has one form in which it is written down. The only decision that hangs on it is when to try again."""

from datetime import UTC, datetime, timedelta


def now(seconds_from_now: float = 0) -> str:
    """Return ISO 8601, UTC, to the millisecond: ``2026-11-24T03:49:02.123Z``. Such texts sort by time."""
    return _text(datetime.now(UTC) + timedelta(seconds=seconds_from_now))


def after(moment: str, seconds: float) -> str:
    """Return a moment so many seconds after one that was written down."""
    return _text(datetime.fromisoformat(moment) + timedelta(seconds=seconds))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

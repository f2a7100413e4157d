"""Values are written into messages and digests in one way everywhere."""

import hashlib
import json
from decimal import Decimal
from typing import Any

LONGEST_VALUE_SHOWN = 80


def digest_of(value: Any) -> str:
    """Return the SHA-256 in hex of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def shown(value: object) -> str:
    """Return a value as it may stand in a message: quoted, escaped, cut."""
    text = ascii(value) if not isinstance(value, Decimal) else str(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else f"{text[: LONGEST_VALUE_SHOWN - 1]}…"

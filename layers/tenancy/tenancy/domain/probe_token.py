"""This proof lets VerifyTenant, and nobody else, see the site of a tenant that is not active yet.

Shared by the probe (signs) and the backend (verifies); the secret lies in Secrets Manager. The proof names the host
and an expiry, so one that leaks opens one tenant's site for a minute.
"""

import hashlib
import hmac

HEADER = "X-Fluxion-Probe"
LONGEST_LIFE_SECONDS = 120


def sign(secret: bytes, host: str, now: float, ttl: int = 60) -> str:
    """Return a header value that proves the right to see ``host`` until ``now + ttl`` (seconds since the epoch)."""
    expiry = int(now) + ttl
    return f"v1.{expiry}.{_digest(secret, host, expiry)}"


def verify(secret: bytes, host: str, header: str, now: float) -> bool:
    """Return whether the header value proves that right now. Never raises; compares in constant time."""
    version, _, rest = header.partition(".")
    expiry_text, _, digest = rest.partition(".")
    if version != "v1" or not (expiry_text.isascii() and expiry_text.isdigit() and len(expiry_text) <= 12):
        return False
    expiry = int(expiry_text)
    genuine = hmac.compare_digest(_digest(secret, host, expiry).encode(), digest.encode("utf-8", "replace"))
    return genuine and now <= expiry <= now + LONGEST_LIFE_SECONDS


def _digest(secret: bytes, host: str, expiry: int) -> str:
    return hmac.new(secret, f"v1\n{host.lower()}\n{expiry}".encode(), hashlib.sha256).hexdigest()

"""Find from a request's Host header whose host it is. Pure: whether there is such a tenant is another question."""

import re
from collections.abc import Callable, Sequence

from tenancy.domain import hostnames

ADMIN, API = "admin", "api"
_PLATFORM = frozenset({ADMIN, API})

Finder = Callable[[Sequence[bytes]], str | None]


def tenant_finder(base_domain: str) -> Finder:
    """Return a function from all values of a request's Host header to the tenant's name, or None.

    Exactly one value, in ASCII: ``<name>.<base domain>``, in any case, with or without a trailing dot and a port.
    None for everything else, and for the platform's own hosts, which no tenant can have: the base domain itself,
    ``www``, ``api``, ``admin``, ``origin`` and all other reserved names.
    """
    label_of = _label_finder(base_domain)

    def find(values: Sequence[bytes]) -> str | None:
        label = label_of(values)
        return label if label and hostnames.is_valid_label(label) else None

    return find


def platform_finder(base_domain: str) -> Finder:
    """Return the same for the platform's own hosts that the backend answers for: ``admin`` or ``api``, or None."""
    label_of = _label_finder(base_domain)

    def find(values: Sequence[bytes]) -> str | None:
        label = label_of(values)
        return label if label in _PLATFORM else None

    return find


def hostname(value: str) -> str:
    """Return the name alone of a host with or without a port, in the one form in which names are compared."""
    return value.lower().partition(":")[0].removesuffix(".")


def _label_finder(base_domain: str) -> Finder:
    host = re.compile(rf"([a-z0-9-]+)\.{re.escape(base_domain)}\.?(?::[0-9]{{1,5}})?", re.ASCII)

    def find(values: Sequence[bytes]) -> str | None:
        if len(values) != 1:
            return None
        try:
            match = host.fullmatch(values[0].decode("ascii").lower())
        except UnicodeDecodeError:
            return None
        return match[1] if match else None

    return find

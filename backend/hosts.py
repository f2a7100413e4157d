"""From a request's Host header to a tenant's name. Pure: whether there is such a tenant is another question."""

import re
from collections.abc import Callable, Sequence

from tenancy import hostnames


def tenant_finder(base_domain: str) -> Callable[[Sequence[bytes]], str | None]:
    """A function from all values of a request's Host header to the tenant's name, or None.

    Exactly one value, in ASCII: ``<name>.<base domain>``, in any case, with or without a trailing dot and a port.
    None for everything else, and for the platform's own hosts, which no tenant can have: the base domain itself,
    ``www``, ``api``, ``admin``, ``origin`` and all other reserved names.
    """
    host = re.compile(rf"([a-z0-9-]+)\.{re.escape(base_domain)}\.?(?::[0-9]{{1,5}})?", re.ASCII)

    def find(values: Sequence[bytes]) -> str | None:
        if len(values) != 1:
            return None
        try:
            match = host.fullmatch(values[0].decode("ascii").lower())
        except UnicodeDecodeError:
            return None
        return match[1] if match and hostnames.is_valid_label(match[1]) else None

    return find

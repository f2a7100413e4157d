"""Here are the systems in which something is made for a tenant."""

from enum import StrEnum


class System(StrEnum):
    """A system's name is that of the function that owns it: nobody else writes to it."""

    CDN_ALIASES = "cdn_aliases"
    DNS_RECORDS = "dns_records"
    EDGE_CACHE = "edge_cache"
    TENANT_DATABASE = "tenant_database"

"""Invalidate objects in the edge's cache. No other function does."""

from tenancy.group_commit.edge_cache import EdgeCache
from tenancy.handlers import group_commit
from tenancy.platform.settings import CacheSettings

settings = CacheSettings.from_environment()
handler = group_commit(EdgeCache(settings), settings.provisioning_table)

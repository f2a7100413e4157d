"""Invalidate objects in the edge's cache. No other function does."""

from tenancy.group_commit.edge_cache import EdgeCache
from tenancy.handlers import group_commit
from tenancy.platform.settings import CacheSettings

handler = group_commit(EdgeCache(CacheSettings.from_environment()))

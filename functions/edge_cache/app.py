"""The only code that makes the edge forget."""

from tenancy.cache import EdgeCache
from tenancy.settings import CacheSettings
from tenancy.stage import group_commit

handler = group_commit(EdgeCache(CacheSettings.from_environment()))

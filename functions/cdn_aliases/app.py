"""Write the distribution's alternate domain names. No other function does."""

from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.handlers import group_commit
from tenancy.platform.settings import AliasSettings

handler = group_commit(Distribution(AliasSettings.from_environment()))

"""Write the distribution's alternate domain names. No other function does."""

from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.handlers import group_commit
from tenancy.platform.settings import AliasSettings

settings = AliasSettings.from_environment()
handler = group_commit(Distribution(settings), settings.provisioning_table)

"""The only code that writes the distribution's alternate domain names."""

from tenancy.cdn import Distribution
from tenancy.settings import AliasSettings
from tenancy.stage import group_commit

handler = group_commit(Distribution(AliasSettings.from_environment()))

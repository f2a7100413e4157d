"""Write the records of the hosted zone. No other function does."""

from tenancy.group_commit.dns_records import HostedZone
from tenancy.handlers import group_commit
from tenancy.platform.settings import DnsSettings

handler = group_commit(HostedZone(DnsSettings.from_environment()))

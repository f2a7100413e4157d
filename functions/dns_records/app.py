"""Write the records of the hosted zone. No other function does."""

from tenancy.group_commit.dns_records import HostedZone
from tenancy.handlers import group_commit
from tenancy.platform.settings import DnsSettings

settings = DnsSettings.from_environment()
handler = group_commit(HostedZone(settings), settings.provisioning_table)

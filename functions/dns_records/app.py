"""The only code that writes the hosted zone."""

from tenancy.dns import HostedZone
from tenancy.settings import DnsSettings
from tenancy.stage import group_commit

handler = group_commit(HostedZone(DnsSettings.from_environment()))

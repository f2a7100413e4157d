"""Every change of the tenants table starts one execution of the machine that fits the item as it is now."""

from tenancy.settings import WorkflowSettings
from tenancy.stage import stream
from tenancy.starting import WorkflowStarter

handler = stream(WorkflowStarter(WorkflowSettings.from_environment()).start)

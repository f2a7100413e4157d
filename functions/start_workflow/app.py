"""Start one execution for each change of the tenants table, of the machine that fits the item as it is now."""

from tenancy.handlers import stream
from tenancy.platform.settings import WorkflowSettings
from tenancy.start_workflow import WorkflowStarter

handler = stream(WorkflowStarter(WorkflowSettings.from_environment()).start)

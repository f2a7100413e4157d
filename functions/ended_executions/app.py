"""Record executions that Step Functions reports as failed, unless their failure is on record already."""

from tenancy.ended_executions import EndedExecutions
from tenancy.handlers import messages
from tenancy.platform.settings import RecordSettings

handler = messages(EndedExecutions(RecordSettings.from_environment()).record)

"""What Step Functions says of executions that ended badly goes on record, unless it is there already."""

from tenancy.ended_executions import EndedExecutions
from tenancy.handlers import messages
from tenancy.platform.settings import RecordSettings

handler = messages(EndedExecutions(RecordSettings.from_environment()).record)

"""What Step Functions says of executions that ended badly goes on record, unless it is there already."""

from tenancy.ended import EndedExecutions
from tenancy.settings import RecordSettings
from tenancy.stage import messages

handler = messages(EndedExecutions(RecordSettings.from_environment()).record)

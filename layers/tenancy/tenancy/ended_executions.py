"""Step Functions tells of executions that were stopped, ran out of time, or failed before they could say so. They lead
to the same record, and the same e-mail, as a state that fails.
"""

import json
from typing import Any

from aws_lambda_powertools import Logger

from tenancy.domain.calls import RecordFailureCall
from tenancy.domain.errors import LeaseHeldByOther
from tenancy.platform import step_functions
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_record.record_failure import RecordFailure

_CODES = {"ABORTED": "ExecutionAborted", "TIMED_OUT": "ExecutionTimedOut", "FAILED": "ExecutionFailed"}
_MESSAGES = {
    "ABORTED": "The execution was stopped, by a person or by Step Functions.",
    "TIMED_OUT": "The execution ran longer than its state machine allows.",
    "FAILED": "The execution failed, and could not write down why.",
}

logger = Logger(child=True)


class EndedExecutions:
    """Records what no state has recorded."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._failure = RecordFailure(settings)

    def record(self, message: str) -> None:
        """Record the end of one execution, unless it has done so itself.

        message: an EventBridge event as JSON, ``Step Functions Execution Status Change``, of an execution that FAILED,
        TIMED_OUT or was ABORTED.
        """
        detail: dict[str, Any] = json.loads(message)["detail"]
        execution, tenant_id = detail["executionArn"], json.loads(detail["input"])["tenant_id"]
        record = self._provisioning.record(tenant_id)
        if not (record and record.is_held_by(execution)) and self._provisioning.outbox.has_ended(tenant_id, execution):
            return
        call = RecordFailureCall(
            tenant_id=tenant_id,
            stage="RecordFailure",
            execution_arn=execution,
            entered_at=str(detail["stopDate"]),
            error=detail.get("error") or _CODES[detail["status"]],
            cause=detail.get("cause") or _MESSAGES[detail["status"]],
            failed_stage=step_functions.last_state(execution),
        )
        try:
            self._failure.run(call, has_ended=True)
        except LeaseHeldByOther as error:
            # Whoever works on the tenant now has been told to go round again, and so does what this one left undone.
            logger.info(str(error), extra={"tenant_id": tenant_id, "execution_arn": execution})

"""A change of the ``tenants`` table starts an execution. The record says only which tenant: the item decides."""

import json
from typing import Any

from tenancy.domain.errors import TransientError
from tenancy.platform import aws, step_functions
from tenancy.platform.settings import MachineSettings, WorkflowSettings


class Machines:
    """The state machines, as those see them who start executions."""

    def __init__(self, settings: MachineSettings) -> None:
        self._settings = settings
        self._dynamodb = aws.client("dynamodb")
        step_functions.prepare()

    def start(self, tenant_id: str, event_id: str) -> bool:
        """Start the machine that fits the item as it is now. Returns False if this event has started one before."""
        settings = self._settings
        machine = (
            settings.onboard_state_machine_arn if self._is_wanted(tenant_id) else settings.offboard_state_machine_arn
        )
        return step_functions.start(machine, step_functions.execution_name(tenant_id, event_id), tenant_id)

    def _is_wanted(self, tenant_id: str) -> bool:
        with aws.calls("DynamoDB"):
            key = {"tenant_id": {"S": tenant_id}}
            found = self._dynamodb.get_item(
                TableName=self._settings.tenants_table, Key=key, ConsistentRead=True, ProjectionExpression="tenant_id"
            )
        return "Item" in found


class WorkflowStarter:
    """Starts one execution for each change."""

    def __init__(self, settings: WorkflowSettings) -> None:
        self._settings = settings
        self._machines = Machines(settings)

    def start(self, record: dict[str, Any]) -> None:
        """Start the machine that fits the item as it is now. A repeated record starts nothing.

        record: one record of the table's stream. Raises TransientError for what should be delivered again; anything
        else can't be helped by that, so the record itself goes to the poison queue, and its neighbours go on.
        """
        try:
            self._machines.start(record["dynamodb"]["Keys"]["tenant_id"]["S"], record["eventID"])
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the neighbours
            self._set_aside(record, error)

    def _set_aside(self, record: dict[str, Any], error: Exception) -> None:
        body = json.dumps({"record": record, "error": type(error).__name__, "message": str(error)}, default=str)
        with aws.calls("SQS"):
            aws.client("sqs").send_message(QueueUrl=self._settings.poison_queue_url, MessageBody=body)

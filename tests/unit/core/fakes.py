"""Route 53, CloudFront, and the rest, as far as the writers use them, with AWS's refusals.

They answer as the services' references say; the embedded AWS is held to the same words in local_aws/tests/conformance.
"""

import copy
import io
import json
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError


def refused(operation: str, code: str, message: str = "", status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)  # type: ignore[arg-type]


class Faults:
    """What goes wrong at the next calls: an error before the effect, or a lost answer after it."""

    def __init__(self) -> None:
        self.before: list[Exception] = []
        self.answer_lost = False

    def check(self) -> None:
        if self.before:
            raise self.before.pop(0)

    def after(self) -> None:
        if self.answer_lost:
            self.answer_lost = False
            raise ReadTimeoutError(endpoint_url="https://aws.example")


class Pages:
    """A paginator of a service whose answers fit into one page."""

    def __init__(self, ask: Any) -> None:
        self.paginate = lambda **request: [ask(**request)]


class FakeLambda:
    """Functions by name: what they answer to an event."""

    def __init__(self, **functions: Any) -> None:
        self.functions = functions
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        self.calls.append((FunctionName, event))
        try:
            answer = {"Payload": self.functions[FunctionName](event)}
        except ValueError as error:
            answer = {"FunctionError": "Unhandled", "Payload": {"errorMessage": str(error)}}
        return {**answer, "Payload": io.BytesIO(json.dumps(answer["Payload"]).encode())}


class FakeRoute53(Faults):
    """One zone. A batch is applied whole or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.changes = 0
        self.looks = 0
        self.counts = 0
        self.uncountable = False

    def change_resource_record_sets(self, HostedZoneId: str, ChangeBatch: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.check()
        self.changes += 1
        after = dict(self.records)
        for change in ChangeBatch["Changes"]:
            action, record = change["Action"], change["ResourceRecordSet"]
            key = (record["Name"], record["Type"])
            assert action in ("CREATE", "DELETE")
            if action == "DELETE":
                if after.get(key) != record:
                    raise refused("ChangeResourceRecordSets", "InvalidChangeBatch", f"{key} but it was not found")
                del after[key]
                continue
            if key in after or (record["Name"], "CNAME") in after:
                raise refused("ChangeResourceRecordSets", "InvalidChangeBatch", f"{key} but it already exists")
            after[key] = record
        self.records = after
        self.after()
        return {}

    def get_hosted_zone(self, Id: str) -> dict[str, Any]:  # noqa: N803
        self.counts += 1
        if self.uncountable:
            raise refused("GetHostedZone", "InternalError", status=500)
        return {"HostedZone": {"Id": Id, "ResourceRecordSetCount": len(self.records)}}

    def get_paginator(self, operation: str) -> Any:
        """All in one page."""
        assert operation == "list_resource_record_sets"
        return Pages(self.list_resource_record_sets)

    def list_resource_record_sets(self, StartRecordName: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        self.looks += 1
        found = [copy.deepcopy(record) for (name, _), record in sorted(self.records.items()) if name >= StartRecordName]
        return {"ResourceRecordSets": [record | {"Name": record["Name"] + "."} for record in found]}

    def put(self, host: str, kind: str, value: str) -> None:
        self.records[host, kind] = {"Name": host, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}


class FakeCloudFront(Faults):
    """One distribution of ours, and what other distributions have."""

    def __init__(self, *aliases: str) -> None:
        super().__init__()
        self.aliases = list(aliases)
        self.elsewhere: set[str] = set()
        self.may_go: set[str] = set()
        self.version = 1
        self.updates = 0
        self.invalidations: dict[str, dict[str, Any]] = {}
        self.disturb: list[str] = []

    def get_distribution_config(self, Id: str) -> dict[str, Any]:  # noqa: N803
        config = {"Comment": "x", "Aliases": {"Quantity": len(self.aliases), "Items": list(self.aliases)}}
        return {"DistributionConfig": config, "ETag": str(self.version)}

    def update_distribution(self, Id: str, IfMatch: str, DistributionConfig: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.check()
        if self.disturb:
            self.aliases.append(self.disturb.pop(0))
            self.version += 1
        if IfMatch != str(self.version):
            raise refused("UpdateDistribution", "PreconditionFailed", status=412)
        wanted = DistributionConfig["Aliases"]["Items"]
        if taken := self.elsewhere & set(wanted):
            raise refused("UpdateDistribution", "CNAMEAlreadyExists", str(taken), status=409)
        assert set(self.aliases) - self.may_go <= set(wanted), "an alias would be lost"
        self.updates += 1
        self.aliases, self.version = list(wanted), self.version + 1
        self.after()
        return {}

    def create_invalidation(self, DistributionId: str, InvalidationBatch: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.check()
        reference = InvalidationBatch["CallerReference"]
        self.invalidations.setdefault(reference, InvalidationBatch)
        return {"Invalidation": {"Id": f"I{list(self.invalidations).index(reference)}"}}

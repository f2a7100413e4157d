"""The embedded AWS with the real templates deployed, in the words of the field."""

from __future__ import annotations

import email
import email.policy
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
from boto3.dynamodb.types import TypeDeserializer
from typer.testing import CliRunner

from cli import main
from control.stacks import Output
from tenancy.database import TenantDatabases

CONTENDED = {"ChangeResourceRecordSets", "UpdateDistribution", "CreateInvalidation"}
_PATIENCE_SECONDS = 90.0


def eventually[Found](ask: Callable[[], Found], what: str, seconds: float = _PATIENCE_SECONDS) -> Found:
    """What `ask` finds, once it finds something that is true."""
    until = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class Trail:
    """The calls since a moment."""

    calls: list[dict[str, Any]]

    def count(self, *operations: str, principal: str | None = None) -> int:
        """How often AWS was asked for one of these operations."""
        return sum(
            call["operation"] in operations and (principal is None or principal in call["principal"])
            for call in self.calls
        )


@dataclass(frozen=True)
class Mail:
    """An e-mail in the mailbox. ``at``: when it arrived, in seconds since 1970."""

    at: float
    subject: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Mail:
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        subject = " ".join(str(mail["Subject"]).split())  # a long one is folded
        return cls(path.stat().st_mtime, subject, body.get_content())

    @cached_property
    def tenants(self) -> dict[str, str]:
        """Whom it is about, as it spells them: to its whole text, or to their own line in a digest."""
        if single := re.match(r"\[fluxion\] (.+): \w+ (?:failed|stalled)$", self.subject):
            return {single[1]: self.text}
        found: dict[str, str] = {}
        _, digest, listed = self.text.partition("— Tenants / Inquilinos —\n")
        for line in listed.splitlines() if digest else ():
            if line.startswith(" " * 6):
                found |= dict.fromkeys(filter(None, line.strip().split(", ")), line)
            elif line.startswith(" " * 4):
                found[line.strip().partition(": ")[0]] = line
        return {tenant.rstrip(","): line for tenant, line in found.items()}

    def about(self, tenant_id: str) -> str | None:
        """What it says of a tenant; None if nothing."""
        text = self.tenants.get(tenant_id) or self.tenants.get(f"{tenant_id[:37]}...")  # as a subject cuts it
        digest = "— Tenants" in self.text
        return f"{self.text.partition('— Tenants')[0]}{text}" if digest and text else text


@dataclass
class EmbeddedAws:
    """One running stack. Each test works on tenants of its own, so that all can share it."""

    environment: Mapping[str, str]
    outputs: Mapping[str, str]
    _mails: dict[Path, Mail] = field(default_factory=dict)

    def client(self, service: str, **options: Any) -> Any:
        names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        url, key, secret, region = (self.environment[name] for name in names)
        where = {"endpoint_url": url, "region_name": region}
        return boto3.client(service, aws_access_key_id=key, aws_secret_access_key=secret, **where, **options)

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a function answers; it must not fail."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()
        return dict(json.loads(answer["Payload"].read()))

    def fluxion(self, *words: str) -> Any:
        """The command as an operator runs it: its answer as JSON."""
        result = CliRunner().invoke(main.app, [*words, "--no-local", "--json"], env=dict(self.environment))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    # --- desired state ------------------------------------------------------------------------------------------------

    def insert(self, tenant_id: str, **item: Any) -> None:
        """Put the item, as any AWS client does. `name` has a default; None leaves an attribute out."""
        values = {"tenant_id": tenant_id, "name": f"Mercado {tenant_id}"} | item
        self.tenants.put_item(Item={key: value for key, value in values.items() if value is not None})

    def remove(self, tenant_id: str) -> None:
        self.tenants.delete_item(Key={"tenant_id": tenant_id})

    @cached_property
    def tenants(self) -> Any:
        return self._resource.Table(self.outputs[Output.TENANTS_TABLE])

    @cached_property
    def _resource(self) -> Any:
        client = self.client("dynamodb")
        return boto3.resource(
            "dynamodb",
            endpoint_url=client.meta.endpoint_url,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=client.meta.region_name,
        )

    # --- observed state -----------------------------------------------------------------------------------------------

    @cached_property
    def provisioning(self) -> Any:
        return self._resource.Table(self.outputs[Output.PROVISIONING_TABLE])

    def record(self, tenant_id: str) -> dict[str, Any]:
        key = {"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}
        return dict(self.provisioning.get_item(Key=key, ConsistentRead=True).get("Item", {}))

    def items(self, tenant_id: str) -> list[dict[str, Any]]:
        condition = boto3.dynamodb.conditions.Key("pk").eq(f"TENANT#{tenant_id}")
        return list(self.provisioning.query(KeyConditionExpression=condition, ConsistentRead=True)["Items"])

    def everything(self) -> list[dict[str, Any]]:
        """All items of the provisioning table."""
        pages = self._resource.meta.client.get_paginator("scan").paginate(
            TableName=self.provisioning.name, ConsistentRead=True
        )
        return [item for page in pages for item in page["Items"]]

    def outbox(self, tenant_id: str) -> list[str]:
        return [item["type"] for item in self.items(tenant_id) if item["sk"].startswith("EVENT#")]

    def settled(self, tenant_id: str, attempt: int = 1) -> dict[str, Any]:
        """The record, once the tenant's run number `attempt` (or a later one) has ended."""

        def ended() -> dict[str, Any] | None:
            record = self.record(tenant_id)
            over = record and record["attempt"] >= attempt and "lease" not in record
            return record if over and record["operation"]["state"] != "RUNNING" else None

        return eventually(ended, f"the end of run {attempt} of {tenant_id}: {self.record(tenant_id)}")

    def onboard(self, tenant_id: str, **item: Any) -> dict[str, Any]:
        """A live tenant."""
        self.insert(tenant_id, **item)
        record = self.settled(tenant_id)
        assert record["status"] == "ACTIVE", record
        return record

    def onboard_all(self, tenants: Sequence[str]) -> None:
        """Several live tenants, all at once."""
        for tenant in tenants:
            self.insert(tenant)
        assert {self.settled(tenant)["status"] for tenant in tenants} == {"ACTIVE"}

    def reconcile(self, work: str = "due") -> dict[str, Any]:
        """What a schedule does, now."""
        return self.invoke("fluxion-reconcile", {"work": work})

    def held(self, tenant_id: str) -> dict[str, Any]:
        """The record, once the tenant is held."""

        def looked_up() -> dict[str, Any] | None:
            record = self.record(tenant_id)
            return record if record["operation"]["state"] == "HELD" else None

        return eventually(looked_up, f"the hold of {tenant_id}")

    def past_due(self, *tenants: str) -> None:
        """The grace period of tenants is over: as if they had been held for that long. In one moment, since the
        schedule may come at any other, and few removals are no mass removal.
        """
        for tenant in tenants:
            self.held(tenant)
        past = {
            "TableName": self.provisioning.name,
            "UpdateExpression": "SET due_at = :past, hold_until = :past",
            "ExpressionAttributeValues": {":past": "2026-01-01T00:00:00.000Z"},
        }
        keys = [{"pk": f"TENANT#{tenant}", "sk": "TENANT"} for tenant in tenants]
        self._resource.meta.client.transact_write_items(
            TransactItems=[{"Update": {**past, "Key": key}} for key in keys]
        )

    def confirm_removals(self, tenants: Sequence[str]) -> None:
        """What `fluxion tenants remove --held` does, until all of these are gone."""
        states, machine = self.client("stepfunctions"), self.outputs[Output.OFFBOARD_MACHINE]
        for tenant in tenants:
            question = json.dumps({"tenant_id": tenant, "confirmed_by": "ana"})
            states.start_execution(stateMachineArn=machine, name=f"{tenant}-confirmed", input=question)
        are_gone = lambda: {self.record(tenant)["status"] for tenant in tenants} == {"OFFBOARDED"}  # noqa: E731
        eventually(are_gone, "the end of all that are confirmed")

    def take_down(self, tenants: Sequence[str]) -> None:
        """Live tenants that a test is done with leave room for others on the distribution."""
        for tenant in tenants:
            self.remove(tenant)
        self.past_due(*tenants)
        self.confirm_removals(tenants)

    def scan(self) -> dict[str, Any]:
        """What the schedule for drift does, now."""
        return self.reconcile(work="drift")

    def drift(self) -> set[tuple[str, str]]:
        """(kind, tenant) of all that the last scan has found."""
        return {(item["kind"], item["tenant_id"]) for item in self.everything() if item["pk"] == "DRIFT"}

    def executions(self, tenant_id: str, machine: str = "Onboard") -> list[dict[str, Any]]:
        """The tenant's executions, latest first."""
        arn = self.outputs[Output[f"{machine.upper()}_MACHINE"]]
        pages = self.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=arn)
        found = [execution for page in pages for execution in page["executions"]]
        return [execution for execution in found if execution["name"].rpartition("-")[0] == tenant_id]

    def states(self, execution_arn: str) -> list[str]:
        """Names of the states that an execution entered, in order."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if event["type"].endswith("StateEntered")
        ]

    # --- the shared systems -------------------------------------------------------------------------------------------

    def zone(self) -> dict[tuple[str, str], Any]:
        """Everything in the hosted zone, by name and type."""
        pages = self.client("route53").get_paginator("list_resource_record_sets")
        found = pages.paginate(HostedZoneId=self.outputs[Output.HOSTED_ZONE])
        return {(each["Name"].rstrip("."), each["Type"]): each for page in found for each in page["ResourceRecordSets"]}

    def change_zone(self, action: str, *records: dict[str, Any]) -> None:
        """CREATE or DELETE these record sets, by hand."""
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for record in records]}
        zone = self.outputs[Output.HOSTED_ZONE]
        self.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    def create_record(self, tenant_id: str, kind: str, value: str) -> None:
        """Somebody's record at a tenant's host."""
        record = {"Name": self.host(tenant_id), "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        self.change_zone("CREATE", record)

    def aliases(self) -> list[str]:
        config = self.client("cloudfront").get_distribution_config(Id=self.outputs[Output.DISTRIBUTION])
        return list(config["DistributionConfig"]["Aliases"]["Items"])

    def rewrite_aliases(self, edit: Callable[[set[str]], set[str]]) -> None:
        """Change the distribution's aliases, by hand."""
        client, which = self.client("cloudfront"), self.outputs[Output.DISTRIBUTION]
        found = client.get_distribution_config(Id=which)
        config, items = found["DistributionConfig"], sorted(edit(set(self.aliases())))
        config["Aliases"] = {"Quantity": len(items), "Items": items}
        client.update_distribution(Id=which, IfMatch=found["ETag"], DistributionConfig=config)

    def host(self, tenant_id: str) -> str:
        return f"{tenant_id}.{self.outputs[Output.BASE_DOMAIN]}"

    @cached_property
    def data(self) -> Path:
        """The folder that the functions see as EFS."""
        return Path(self.environment["FLUXION_DATA_DIR"])

    def databases(self) -> TenantDatabases:
        return TenantDatabases(self.data, idle_after=0)

    @property
    def archive_bucket(self) -> str:
        return self.outputs[Output.ARCHIVE_BUCKET]

    def manifest(self, folder: str) -> dict[str, Any]:
        """The manifest of an archive."""
        answer = self.client("s3").get_object(Bucket=self.archive_bucket, Key=f"{folder}/manifest.json")
        return dict(json.loads(answer["Body"].read()))

    def files(self, tenant_id: str) -> dict[str, tuple[int, int]]:
        """The tenant's files on EFS: name → (inode, time of last change in ns)."""
        folder = self.data / tenant_id
        found = ((path, path.stat()) for path in folder.glob("*")) if folder.exists() else ()
        return {path.name: (stat.st_ino, stat.st_mtime_ns) for path, stat in found if path.name != "lock"}

    def left_over(self, tenant_id: str) -> list[str]:
        """Whatever of a tenant exists outside its record: records, alias, files, claims, effects."""
        host = self.host(tenant_id)
        found = [f"{kind} record" for name, kind in self.zone() if name == host]
        wildcard = self.host("*")  # stands in the template, and is nobody's
        found += [f"alias {alias}" for alias in self.aliases() if alias == host != wildcard]
        found += [f"file {name}" for name in self.files(tenant_id)]
        found += [item["sk"] for item in self.items(tenant_id) if item["sk"].startswith("EFFECT#")]
        claims = (item for item in self.everything() if item["sk"] == "CLAIM")
        return found + [item["pk"] for item in claims if item["tenant_id"] == tenant_id]

    # --- what people get ----------------------------------------------------------------------------------------------

    def get(self, host: str, path: str = "/api/tenant", **headers: str) -> httpx.Response:
        """Ask the edge as a visitor of this host."""
        with self.visitor(host) as visitor:
            return visitor.get(path, headers=headers)

    @contextmanager
    def visitor(self, host: str) -> Iterator[httpx.Client]:
        """A browser's connection to a host: TLS with its name, checked against the local authority."""
        url = httpx.URL(self.environment["FLUXION_EDGE_URL"])
        with httpx.Client(
            base_url=url, headers={"Host": host}, verify=_tls(self.environment["FLUXION_CA"]), timeout=15
        ) as client:
            client.event_hooks["request"].append(lambda request: request.extensions.update(sni_hostname=host))
            yield client

    def mailbox(self) -> list[Mail]:
        """All e-mails, oldest first."""
        for path in Path(self.environment["FLUXION_MAIL_DIR"]).rglob("*.eml"):
            # In `tmp` it is still being written, and may be gone to its place at the next moment.
            if path not in self._mails and path.parent.name != "tmp":
                self._mails[path] = Mail.read(path)
        return sorted(self._mails.values(), key=lambda mail: mail.at)

    def mails(self, tenant_id: str) -> list[str]:
        """Subject and text of the e-mails about a tenant, oldest first; of a digest what concerns it."""
        found = ((mail, mail.about(tenant_id)) for mail in self.mailbox())
        return [f"{mail.subject}\n{text}" for mail, text in found if text]

    def mail(self, tenant_id: str, number: int = 1) -> str:
        """The tenant's n-th e-mail, once it is there."""
        return eventually(lambda: self.mails(tenant_id)[number - 1 :], f"mail {number} about {tenant_id}", 60)[0]

    @contextmanager
    def bus(self, prefix: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
        """A subscriber of the bus: a rule for tenants whose id begins so, into a queue. Gives what it got so far."""
        sqs, events = self.client("sqs"), self.client("events")
        queue = sqs.create_queue(QueueName=f"test-{prefix}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        who = {"Service": "events.amazonaws.com"}
        allow = {"Effect": "Allow", "Principal": who, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        bus = self.outputs[Output.EVENT_BUS]
        pattern = {"source": ["fluxion.tenants"], "detail": {"metadata": {"tenant_id": [{"prefix": prefix}]}}}
        events.put_rule(Name=f"test-{prefix}", EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"test-{prefix}", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        got: list[dict[str, Any]] = []

        def so_far() -> list[dict[str, Any]]:
            while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                got.extend(json.loads(message["Body"]) for message in found)
                for message in found:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return got

        try:
            yield so_far
        finally:
            events.remove_targets(Rule=f"test-{prefix}", EventBusName=bus, Ids=["queue"])
            events.delete_rule(Name=f"test-{prefix}", EventBusName=bus)
            sqs.delete_queue(QueueUrl=queue)

    # --- what it cost -------------------------------------------------------------------------------------------------

    @contextmanager
    def trail(self) -> Iterator[Trail]:
        """The calls that happen inside."""
        path = Path(self.environment["FLUXION_STATE_DIR"]) / "trace.jsonl"
        time.sleep(0.2)  # the trace is written a little late
        start = path.stat().st_size
        trail = Trail([])
        yield trail
        time.sleep(0.2)
        with path.open() as file:
            file.seek(start)
            trail.calls.extend(json.loads(line) for line in file)

    def last_stream_record(self, tenant_id: str) -> dict[str, Any]:
        """The latest record of the tenants table's stream about a tenant, as Lambda gets it."""
        dynamodb, streams = self.client("dynamodb"), self.client("dynamodbstreams")
        stream = dynamodb.describe_table(TableName=self.tenants.name)["Table"]["LatestStreamArn"]
        found = []
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                found += page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None
        deserialise = TypeDeserializer().deserialize
        mine = [each for each in found if deserialise(each["dynamodb"]["Keys"]["tenant_id"]) == tenant_id]
        return dict(json.loads(json.dumps(mine[-1], default=str)))

    def deliver(self, record: dict[str, Any]) -> dict[str, Any]:
        """Hand a stream record to start_workflow once more, as a stream may."""
        return self.invoke("fluxion-start-workflow", {"Records": [record]})


def _tls(authority: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=authority)

"""The wrong products: each is this one with a mistake, and what somebody tries with it.

The right product passes each try on both columns, or the column says that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutation.emulator import tries
from tests.mutation.emulator.product import (
    BesideHandler,
    InLayer,
    InMachine,
    InMapping,
    InRole,
    Mistake,
    Unconditional,
    WithoutTagHeader,
)
from tests.mutation.emulator.tries import Try

ALIASES, RECORDS, CACHE = "fluxion-cdn-aliases", "fluxion-dns-records", "fluxion-edge-cache"
_ITEMS = 'config["Aliases"] = {"Quantity": len(plan.aliases), "Items": list(plan.aliases)}'
_CHANGES = 'ChangeBatch={"Changes": changes}'
_UNESCAPED = "_cut(tenant_id, LONGEST_ID_IN_S"
_ANY_RECORD = Unconditional(RECORDS)
_ZONE_THROTTLES = tries.onboards_while("route53", "ChangeResourceRecordSets", 1, "Throttling", "*DnsRecords*")


@dataclass(frozen=True)
class Mutant:
    """name: the mistake, as the table shows it."""

    name: str
    mistakes: tuple[Mistake, ...]
    tried: Try = tries.onboards


def _more_aliases(expression: str) -> InLayer:
    """The writer of aliases adds those of an expression over `batch`."""
    wrong = f"more = [*plan.aliases, *({expression})]; " + _ITEMS.replace("plan.aliases", "more")
    return InLayer(ALIASES, "group_commit/cdn_aliases", _ITEMS, wrong)


def _more_records(name: str, kind: str, value: str) -> tuple[Mistake, ...]:
    """The writer of records adds one, and its role allows that."""
    record = f'{{"Name": {name}, "Type": "{kind}", "TTL": 60, "ResourceRecords": [{{"Value": {value}}}]}}'
    wrong = f'ChangeBatch={{"Changes": [*changes, {{"Action": "CREATE", "ResourceRecordSet": {record}}}]}}'
    return InLayer(RECORDS, "group_commit/dns_records", _CHANGES, wrong), _ANY_RECORD


MUTANTS = (
    # ---- Route 53 ----
    Mutant(
        "UPSERT instead of CREATE",
        (InLayer(RECORDS, "group_commit/dns_records", '{"Action": action', '{"Action": "UPSERT"'),),
    ),
    Mutant(
        "a CNAME at the zone's apex",
        _more_records('batch[0].record.host.partition(".")[2]', "CNAME", "self._target"),
    ),
    Mutant("a CNAME beside the host's addresses", _more_records("batch[0].record.host", "CNAME", "self._target")),
    Mutant("a record outside the zone", _more_records('"www.example.com"', "A", '"192.0.2.1"')),
    Mutant("a value that is no address", _more_records('"v-" + batch[0].record.host', "A", '"192.0.2.999"')),
    # ---- CloudFront ----
    Mutant("an alias that the certificate does not cover", (_more_aliases('"www." + batch[0].record.host,'),)),
    Mutant(
        "an alias that another distribution has",
        (_more_aliases('"shop." + batch[0].record.host.partition(".")[2],'),),
        tries.another_distribution_is_there,
    ),
    Mutant(
        "more than a hundred aliases",
        (_more_aliases('f"spare{n}." + batch[0].record.host.partition(".")[2] for n in range(100)'),),
    ),
    Mutant("an update without IfMatch", (InLayer(ALIASES, "group_commit/cdn_aliases", "IfMatch=etag, ", ""),)),
    Mutant(
        "an invalidation of what is neither path nor tag",
        (InLayer(CACHE, "group_commit/edge_cache", 'f"#{cache_tag(', 'f"{cache_tag('),),
    ),
    Mutant(
        "an invalidation of everybody (/*)",
        (
            InLayer(
                CACHE,
                "group_commit/edge_cache",
                '{"Quantity": len(tags), "Items": tags}',
                '{"Quantity": 1, "Items": ["/*"]}',
            ),
        ),
        tries.a_neighbours_cache_stays,
    ),
    Mutant("a distribution without a tag header", (WithoutTagHeader(),), tries.a_change_is_seen),
    # ---- Step Functions ----
    Mutant(
        "a time limit of the machine that is too short", (InMachine('"TimeoutSeconds": 43200', '"TimeoutSeconds": 1'),)
    ),
    Mutant(
        "a JSONPath field in a JSONata state",
        (InMachine('"Next": "IsTenantWanted"', '"ResultPath": "$.claimed", "Next": "IsTenantWanted"'),),
    ),
    Mutant(
        "Catch by the name of a parent class",
        (InMachine('["LeaseHeldByOther", "GenerationSuperseded"]', '["SupersededError"]'),),
        tries.two_runs_at_once,
    ),
    Mutant(
        "Retry without the error's name",
        (InMachine('"ServiceThrottled", ', ""),),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "the machine may not invoke the probe", (InRole("machine", "lambda:InvokeFunction", "*:fluxion-tenant-probe"),)
    ),
    Mutant("the machine may not put requests", (InRole("machine", "dynamodb:PutItem"),)),
    Mutant(
        "an answer under another error's name",
        (InLayer(RECORDS, "platform/step_functions", "code = type(outcome).__name__", 'code = "TenancyError"'),),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "an answer to the token of an earlier attempt",
        (
            InLayer(
                RECORDS,
                "group_commit/protocol",
                'token=image["token"]["S"],',
                'token=cls.parse.__func__.__dict__.setdefault(image["tenant_id"]["S"], image["token"]["S"]),',
            ),
        ),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "an answer that is not JSON",
        (InLayer(RECORDS, "platform/step_functions", "output=json.dumps(outcome)", "output=str(dict(outcome))"),),
    ),
    Mutant(
        "an execution's name that differs each time",
        (
            InLayer(
                "fluxion-start-workflow", "platform/step_functions", "event_id.encode()", '__import__("os").urandom(8)'
            ),
        ),
        tries.delivered_twice,
    ),
    # ---- Lambda ----
    Mutant(
        "exceptions that lose their class on the way out",
        (
            InLayer(
                "fluxion-tenant-record",
                "handlers",
                "            raise\n",
                "            raise RuntimeError(str(error))\n",
            ),
        ),
        tries.two_runs_at_once,
    ),
    Mutant("boto3 left out of the layer", (InLayer(RECORDS, lacks=("boto3", "botocore")),)),
    Mutant(
        "a stale copy of the package beside the handler",
        (BesideHandler(RECORDS, "tenancy/__init__.py", '"""Left behind by an editor."""\n'),),
    ),
    # ---- streams ----
    Mutant(
        "a failed record that is not reported",
        (InLayer(RECORDS, "handlers", "if error] + unreadable", "if error and False] + unreadable"),),
        tries.onboards_while("stepfunctions", "SendTaskSuccess", 4, "ThrottlingException", "*DnsRecords*"),
    ),
    Mutant(
        "a mapping without partial failures",
        (InMapping(RECORDS),),
        tries.onboards_while("stepfunctions", "SendTaskSuccess", 4, "ThrottlingException", "*DnsRecords*"),
    ),
    # ---- IAM ----
    Mutant("a function that may not update the distribution", (InRole(ALIASES, "cloudfront:UpdateDistribution"),)),
    Mutant("a function that may not answer tokens", (InRole(ALIASES, "states:SendTaskSuccess"),)),
    # ---- SNS, EventBridge ----
    Mutant(
        "a subject with a line break",
        (
            InLayer(
                "fluxion-failure-notifier",
                "domain/failure_mail",
                "_cut(_escaped(tenant_id), LONGEST_ID_IN_S",
                _UNESCAPED,
            ),
        ),
        tries.mails_about("mal\nhecho"),
    ),
    Mutant(
        "a subject that is too long",
        (
            InLayer(
                "fluxion-failure-notifier",
                "domain/failure_mail",
                "_cut(_escaped(tenant_id), LONGEST_ID_IN_SUBJECT)",
                "_escaped(tenant_id)",
                also=("[:LONGEST_SUBJECT]", ""),
            ),
        ),
        tries.mails_about("x" * 120),
    ),
    Mutant(
        "more than ten events in one call",
        (InLayer("fluxion-publish-events", "publish_events", '"entries": 10,', '"entries": 100,'),),
        tries.many_events,
    ),
)

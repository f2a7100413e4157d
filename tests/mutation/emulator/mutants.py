"""The wrong products: each is this one with a mistake, and what somebody tries with it.

The right product passes each try on both columns, or the column says that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.mutation.code import Change, argument, code, entry
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
_NAMED = "_cut(_escaped($ID), LONGEST_ID_IN_SUBJECT)"
_ANY_RECORD = Unconditional(RECORDS)
_ZONE_THROTTLES = tries.onboards_while("route53", "ChangeResourceRecordSets", 1, "Throttling", "*DnsRecords*")


@dataclass(frozen=True)
class Mutant:
    """name: the mistake, as the table shows it."""

    name: str
    mistakes: tuple[Mistake, ...]
    tried: Try = tries.onboards


def _in_layer(function: str, *changes: Change) -> tuple[InLayer]:
    return (InLayer(function, changes),)


def _more_aliases(expression: str) -> tuple[InLayer]:
    """The writer of aliases adds those of an expression over `batch`."""
    more = f"[*$PLAN.aliases, *({expression})]"
    aliases = '{"Quantity": len($PLAN.aliases), "Items": list($PLAN.aliases)}'
    return _in_layer(ALIASES, code(aliases, f'{{"Quantity": len({more}), "Items": {more}}}'))


def _more_records(name: str, kind: str, value: str) -> tuple[Mistake, ...]:
    """The writer of records adds one, and its role allows that."""
    record = f'{{"Name": {name}, "Type": "{kind}", "TTL": 60, "ResourceRecords": [{{"Value": {value}}}]}}'
    added = f'{{"Changes": [*$V["Changes"], {{"Action": "CREATE", "ResourceRecordSet": {record}}}]}}'
    return *_in_layer(RECORDS, argument("ChangeBatch", added)), _ANY_RECORD


def _without_throttling(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        for retry in state.get("Retry", ()):
            retry["ErrorEquals"] = [name for name in retry["ErrorEquals"] if name != "ServiceThrottled"]


def _catching_the_parent(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        for catch in state.get("Catch", ()):
            if "LeaseHeldByOther" in catch["ErrorEquals"]:
                catch["ErrorEquals"] = ["SupersededError"]


MUTANTS = (
    # ---- Route 53 ----
    Mutant(
        "UPSERT instead of CREATE",
        _in_layer(RECORDS, entry("Action", '"UPSERT"')),
    ),
    Mutant(
        "a CNAME at the zone's apex",
        _more_records('batch[0].record.host.partition(".")[2]', "CNAME", "self._target"),
    ),
    Mutant("a CNAME beside the host's addresses", _more_records("batch[0].record.host", "CNAME", "self._target")),
    Mutant("a record outside the zone", _more_records('"www.example.com"', "A", '"192.0.2.1"')),
    Mutant("a value that is no address", _more_records('"v-" + batch[0].record.host', "A", '"192.0.2.999"')),
    # ---- CloudFront ----
    Mutant("an alias that the certificate does not cover", _more_aliases('"www." + batch[0].record.host,')),
    Mutant(
        "an alias that another distribution has",
        _more_aliases('"shop." + batch[0].record.host.partition(".")[2],'),
        tries.another_distribution_is_there,
    ),
    Mutant(
        "more than a hundred aliases",
        _more_aliases('f"spare{n}." + batch[0].record.host.partition(".")[2] for n in range(100)'),
    ),
    Mutant("an update without IfMatch", _in_layer(ALIASES, argument("IfMatch"))),
    Mutant(
        "an invalidation of what is neither path nor tag",
        _in_layer(CACHE, code('f"#{cache_tag($TENANT)}"', 'f"{cache_tag($TENANT)}"')),
    ),
    Mutant(
        "an invalidation of everybody (/*)",
        _in_layer(CACHE, code('{"Quantity": len($TAGS), "Items": $TAGS}', '{"Quantity": 1, "Items": ["/*"]}')),
        tries.a_neighbours_cache_stays,
    ),
    Mutant("a distribution without a tag header", (WithoutTagHeader(),), tries.a_change_is_seen),
    # ---- Step Functions ----
    Mutant(
        "a time limit of the machine that is too short", (InMachine(lambda machine: machine.update(TimeoutSeconds=1)),)
    ),
    Mutant(
        "a JSONPath field in a JSONata state",
        (InMachine(lambda machine: machine["States"]["ClaimTenant"].update(ResultPath="$.claimed")),),
    ),
    Mutant(
        "Catch by the name of a parent class",
        (InMachine(_catching_the_parent),),
        tries.two_runs_at_once,
    ),
    Mutant(
        "Retry without the error's name",
        (InMachine(_without_throttling),),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "the machine may not invoke the probe", (InRole("machine", "lambda:InvokeFunction", "*:fluxion-tenant-probe"),)
    ),
    Mutant("the machine may not put requests", (InRole("machine", "dynamodb:PutItem"),)),
    Mutant(
        "an answer under another error's name",
        _in_layer(RECORDS, code("$CODE = type($OUTCOME).__name__", '$CODE = "TenancyError"')),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "an answer to the token of an earlier attempt",
        _in_layer(
            RECORDS,
            code(
                'f(token=$IMAGE["token"]["S"])',
                'token=cls.parse.__func__.__dict__.setdefault($IMAGE["tenant_id"]["S"], $IMAGE["token"]["S"])',
                kind="keyword_argument",
            ),
        ),
        _ZONE_THROTTLES,
    ),
    Mutant(
        "an answer that is not JSON",
        _in_layer(
            RECORDS, code("f(output=json.dumps($OUTCOME))", "output=str(dict($OUTCOME))", kind="keyword_argument")
        ),
    ),
    Mutant(
        "an execution's name that differs each time",
        _in_layer("fluxion-start-workflow", code("$EVENT.encode()", '__import__("os").urandom(8)', "execution_name")),
        tries.delivered_twice,
    ),
    # ---- Lambda ----
    Mutant(
        "exceptions that lose their class on the way out",
        _in_layer("fluxion-tenant-record", code("raise", "raise RuntimeError", "stage")),
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
        _in_layer(RECORDS, code("[$NUMBER for $REQUEST, $ERROR in $ANSWERS.items() if $ERROR] + $MORE", "$MORE")),
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
        _in_layer("fluxion-failure-notifier", code(_NAMED, "_cut($ID, LONGEST_ID_IN_SUBJECT)")),
        tries.mails_about("mal\nhecho"),
    ),
    Mutant(
        "a subject that is too long",
        _in_layer(
            "fluxion-failure-notifier",
            code(_NAMED, "_escaped($ID)"),
            code("$SUBJECT[:LONGEST_SUBJECT]", "$SUBJECT"),
        ),
        tries.mails_about("x" * 120),
    ),
    Mutant(
        "more than ten events in one call",
        _in_layer("fluxion-publish-events", code('{"entries": 10, $$$MORE}', '{"entries": 100, $$$MORE}')),
        tries.many_events,
    ),
)

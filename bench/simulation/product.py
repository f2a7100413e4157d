"""Read what the shipped product says about itself: template, state machine, writers."""

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from bench.report import ROOT
from local_aws.quotas import INVOCATION_BYTES, STREAM_POLL_SECONDS, Quotas
from tenancy import handlers
from tenancy.domain.batching import Pace, Rate, Rules
from tenancy.domain.events import CnameAttached
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.group_commit import protocol
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.group_commit.edge_cache import EdgeCache
from tenancy.group_commit.protocol import Result, Start, Work, Writer
from tenancy.platform import aws
from tenancy.platform.settings import AliasSettings, CacheSettings, DnsSettings
from tenancy.tenant_probe import verify_tenant

BASE_DOMAIN = "fluxionia.co"
WRITER_RESERVE_SECONDS: float = handlers.RESERVE_SECONDS
PROBE_PATIENCE_SECONDS: float = verify_tenant.PATIENCE_SECONDS
PROBE_PAUSE_SECONDS: float = verify_tenant.PAUSE_SECONDS
PROBES_IN_A_ROW: int = verify_tenant.IN_A_ROW


@dataclass(frozen=True)
class Timings:
    """The seconds that AWS takes where no quota is in the way. Assumptions, and the same for both designs.

    A function has one environment that is warm, as if a tenant had come a little earlier; every further one that is
    needed at the same time starts cold.
    """

    poll: float = STREAM_POLL_SECONDS  # between two looks of Lambda at a stream: about four a second
    record_bytes: int = 1_800  # of a request as the function gets it; its task token is a third
    payload_bytes: int = INVOCATION_BYTES
    start: float = 0.03  # reading an item and starting its execution
    transition: float = 0.03
    put_item: float = 0.01
    batch_read: float = 0.012  # 100 keys, so 50 tenants
    intents: float = 0.02  # 25 of them, in a transaction
    transaction: float = 0.018
    answer: float = 0.018  # SendTaskSuccess
    answerers: int = protocol.THREADS
    at_once: int = aws.AT_ONCE  # batch reads and writes
    # Of one whole processor, measured with boto3 on the project's machine: a transaction and its answer in 16 threads
    # 2.9 to 3.7 ms, 25 intents 3 ms, 100 keys 5 ms.
    cpu_answer: float = 0.0035
    cpu_intents: float = 0.003
    cpu_batch_read: float = 0.005
    cold: float = 0.8
    claim: float = 0.08
    seed: float = 0.25  # building a database and publishing it to EFS
    probe: float = 0.02  # around the visits
    visit: float = 0.15  # name server, TLS, answer
    activate: float = 0.06


# --- template ---------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """A YAML loader with CloudFormation's short forms, of which only the values matter here."""


def _value(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _value)


@dataclass(frozen=True)
class Function:
    """A function of the template. One without a stream has no batch size."""

    timeout: float
    memory_mb: int
    batch_size: int
    parallel: int
    attempts: int
    """Deliveries of one record before it is given up: the first, and MaximumRetryAttempts."""

    def batches(self, number: int, seconds: float, cpu: float, at_once: int) -> float:
        """Return the seconds of so many calls, each of which takes so long and so much of the processor."""
        return max(math.ceil(number / at_once) * seconds, number * cpu / self.processors)

    @property
    def processors(self) -> float:
        """Return the processors: Lambda gives one for 1,769 MB; Python's threads share it, and can use no second."""
        return min(1.0, self.memory_mb / 1_769)


@cache
def _template() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return found


def tenants_a_call() -> int:
    """Return how many tenants may share a call, unless somebody has changed the stack's parameter."""
    return int(_template()["Parameters"]["TenantsACall"]["Default"])


@cache
def functions() -> Mapping[str, Function]:
    """Return the functions by their folders' names."""
    template = _template()
    common = template["Globals"]["Function"]
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            given = common | resource["Properties"]
            events = [event["Properties"] for event in given.get("Events", {}).values()]
            source = events[0] if events else {}
            found[given["CodeUri"].split("/")[1]] = Function(
                timeout=given["Timeout"],
                memory_mb=given["MemorySize"],
                batch_size=source.get("BatchSize", 1),
                parallel=source.get("ParallelizationFactor", 1),
                attempts=1 + source.get("MaximumRetryAttempts", 0),
            )
    return found


# --- state machine ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Retry:
    """A way of a state to wait before it tries again."""

    interval: float
    rate: float
    longest: float
    attempts: int
    full_jitter: bool

    def delay(self, number: int, chance: random.Random) -> float:
        """Return the seconds before retry ``number`` (from 0). Full jitter: evenly between nothing and the delay."""
        delay = min(self.longest, self.interval * self.rate**number)
        return delay * chance.random() if self.full_jitter else delay


@cache
def states() -> Mapping[str, Any]:
    """Return the states of the machine that onboards."""
    machine = json.loads((ROOT / "statemachine" / "onboard_tenant.asl.json").read_text())
    return {"": {"Next": machine["StartAt"]}, **machine["States"]}


def path() -> Iterator[str]:
    """Return the states that a tenant passes for which all goes well. A choice goes where the tenant has not been."""
    passed: list[str] = []
    state = states()[""]
    while True:
        ways = [choice["Next"] for choice in state.get("Choices", [])] + [state.get("Default"), state.get("Next")]
        name = next((way for way in ways if way and way not in passed), None)
        if name is None:
            return
        passed.append(name)
        yield name
        state = states()[name]


def retry(state: str, error: str) -> Retry:
    """Return how the state tries again after this error."""
    (found,) = (entry for entry in states()[state]["Retry"] if error in entry["ErrorEquals"])
    return Retry(
        interval=found["IntervalSeconds"],
        rate=found["BackoffRate"],
        longest=found.get("MaxDelaySeconds", float("inf")),
        attempts=found["MaxAttempts"],
        full_jitter=found.get("JitterStrategy") == "FULL",
    )


# --- writers ----------------------------------------------------------------------------------------------------------


class DistributionTenants:
    """The edge mode ``distribution-tenant`` as it would be written with the same parts: a call for each tenant.

    The product has no such writer yet; its limits and rates stand here, its pacing is ``tenancy.domain.batching``. Half
    a second's calls go at once, so that the time that each is on its way costs no tokens.
    """

    system = System.CDN_ALIASES  # whose function it would replace

    def __init__(self, quotas: Quotas, tenants_a_call: int) -> None:
        self._cloudfront = aws.client("cloudfront", contended=True)
        per_second = quotas.distribution_tenants_per_second
        self.rules = Rules[Work](
            limits={"tenants": min(tenants_a_call, max(1, per_second // 2))},
            measure=lambda _: {"tenants": 1},
            cost=lambda batch: {"creations": len(batch)},
        )
        self.pace = Pace({"creations": Rate(quotas.distribution_tenant_burst, per_second)})

    def target(self, record: TenantRecord) -> str:
        return record.host

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        start(batch)
        with aws.calls("CloudFront"):
            self._cloudfront.create_distribution_tenants([item.record.host for item in batch])
        return [
            CnameAttached(stage=item.stage, attempt=item.record.attempt, host=item.record.host, distribution_id="E1")
            for item in batch
        ]


def alias_writer(quotas: Quotas, tenants_a_call: int) -> Writer:
    """Return the product's writer of aliases, set up for an account with these quotas."""
    return Distribution(
        AliasSettings(
            provisioning_table="provisioning",
            base_domain=BASE_DOMAIN,
            distribution_id="E1",
            alias_quota=int(quotas.aliases),
            tenants_a_call=tenants_a_call,
            distribution_updates_per_second=quotas.distribution_updates_per_second,
        )
    )


def dns_writer(quotas: Quotas, tenants_a_call: int) -> Writer:
    """Return the product's writer of records, set up for an account with these quotas."""
    return HostedZone(
        DnsSettings(
            provisioning_table="provisioning",
            base_domain=BASE_DOMAIN,
            hosted_zone_id="Z1",
            distribution_domain_name="d111111abcdef8.cloudfront.net",
            tenants_a_call=tenants_a_call,
            zone_record_quota=int(quotas.zone_records),
            zone_change_burst=quotas.zone_change_burst,
            zone_changes_per_second=quotas.zone_changes_per_second,
            zone_request_burst=quotas.zone_request_burst,
            zone_requests_per_second=quotas.zone_requests_per_second,
        )
    )


def cache_writer(quotas: Quotas, tenants_a_call: int) -> Writer:
    """Return the product's writer of invalidations, set up for an account with these quotas."""
    return EdgeCache(
        CacheSettings(
            provisioning_table="provisioning",
            distribution_id="E1",
            tenants_a_call=tenants_a_call,
            invalidations_per_second=quotas.invalidations_per_second,
        )
    )

"""A bad day of AWS, on the deployed stack: throttles, lost answers and crashes end in a tenant that is live."""

import json
from pathlib import Path

import pytest

from local_aws.client import Faults

from .embedded import EmbeddedAws, Trail

pytestmark = pytest.mark.embedded_aws

VALIDATED = {"cloudfront", "dynamodb", "events", "route53", "secretsmanager", "sns", "sqs", "states"}


def test_a_distribution_that_throttles_three_times_delays_a_tenant(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    with faults.rule("cloudfront", "UpdateDistribution", error={"code": "Throttling"}, times=3) as rule:
        embedded_aws.onboard("frenada")
        assert rule.hits == 3
    assert embedded_aws.aliases().count(embedded_aws.host("frenada")) == 1
    assert embedded_aws.mails("frenada") == []


def test_a_change_whose_answer_is_lost_is_made_once(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    with (
        embedded_aws.trail() as trail,
        faults.rule("route53", "ChangeResourceRecordSets", timeout="after", match="sin-respuesta", times=1) as rule,
    ):
        embedded_aws.onboard("sin-respuesta")
        assert rule.hits == 1
    assert len(applied(trail, "ChangeResourceRecordSets")) == 1
    names = [name for name, _ in embedded_aws.zone() if name == embedded_aws.host("sin-respuesta")]
    assert len(names) == 2, "A and AAAA"


def applied(trail: Trail, operation: str) -> list[dict[str, object]]:
    """The calls of an operation that took effect."""
    return [call for call in trail.calls if call["operation"] == operation and call["status"] == 200]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("service", "operation"), [("cloudfront", "UpdateDistribution"), ("route53", "ChangeResourceRecordSets")]
)
def test_a_writer_that_is_killed_leaves_a_live_tenant(
    embedded_aws: EmbeddedAws, faults: Faults, service: str, operation: str, moment: str
) -> None:
    tenant = f"{service}-{moment}"
    with embedded_aws.trail() as trail, faults.rule(service, operation, crash=moment, times=1) as rule:
        embedded_aws.onboard(tenant)
        assert rule.hits == 1
    assert len(applied(trail, operation)) == 1
    assert embedded_aws.get(embedded_aws.host(tenant)).json()["tenant_id"] == tenant


def test_every_call_of_the_product_is_held_to_its_services_model(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("conforme")
    trace = Path(embedded_aws.environment["FLUXION_STATE_DIR"]) / "trace.jsonl"
    calls = [json.loads(line) for line in trace.read_text().splitlines()]
    product = [call for call in calls if call["principal"].startswith("fluxion-")]
    opaque = {"lambda", "s3"}  # a name, and a payload that is the function's, or the archive's
    assert {call["service"] for call in product} - opaque <= VALIDATED
    assert [call for call in product if "invalid" in call] == []

"""Events: the same fact is the same event."""

from tenancy.domain import events
from tenancy.domain.envelope import Event


def event(attempt: int = 1, when: str = "2026-11-24T03:00:00.000Z", tenant: str = "granja") -> Event:
    fact = events.CnameAttached(stage="AttachCname", attempt=attempt, host="h", distribution_id="d")
    return Event.of(fact, tenant_id=tenant, generation=1, execution_arn="arn", occurred_at=when)


def test_a_repetition_is_the_same_event_whenever_it_happens() -> None:
    assert event(when="2026-11-24T03:00:00.000Z").metadata.id == event(when="2026-11-25T03:00:00.000Z").metadata.id


def test_another_run_or_another_tenant_is_another_event() -> None:
    assert len({event().metadata.id, event(attempt=2).metadata.id, event(tenant="other").metadata.id}) == 3


def test_the_audit_trail_is_in_the_order_of_the_workflow() -> None:
    facts = [events.CnameAttached, events.DnsRecordsCreated, events.DatabaseSeeded, events.CacheInvalidated]
    orders = [fact.order for fact in facts]

    assert orders == sorted(orders)
    assert len({fact.order for fact in events.TYPES.values()}) == len(events.TYPES)
    assert event().sort_key < event(attempt=2).sort_key

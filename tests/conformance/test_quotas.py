"""AWS's quotas: what is beyond them is refused or waits, each as AWS does it. Emulators of their own, small quotas."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.quotas import Quotas

from .case import case
from .emulator import Emulator
from .test_route53 import Zone, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WHY_NOT = "would use up the account's own quota"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, bridges_off: str) -> Iterator[Callable[..., Emulator]]:
    """An emulator with these quotas; one for all cases of this module that ask for the same."""
    running: dict[str, Emulator] = {}

    def start(**values: float) -> Emulator:
        quotas = Quotas(**values).to_json()
        if quotas not in running:
            folder = tmp_path_factory.mktemp("limited")
            running[quotas] = Emulator(folder, "--quotas", quotas, "--off", bridges_off)
        return running[quotas]

    yield start
    for emulator in running.values():
        emulator.stop()


def refusal(call: Callable[[], Any]) -> tuple[str, int, str]:
    """(code, HTTP status, message) that the call is refused with."""
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@case(
    "a zone that still works on the last request answers PriorRequestNotComplete, as HTTP 400",
    source="Route 53 API Reference, ChangeResourceRecordSets, PriorRequestNotComplete",
    bridge="quotas",
    still_different="For a moment that is configured; AWS takes as long as it takes.",
    on_aws=False,
    why_not="AWS cannot be made to be busy",
)
def test_a_busy_zone_refuses_the_next_request(limited: Callable[..., Emulator]) -> None:
    client = limited(zone_busy_seconds=0.4).client("route53")
    zone, other = Zone(client, "busy.test"), Zone(client, "idle.test")
    zone.change(record("CREATE", "a.busy.test"))
    code, status, _ = refusal(lambda: zone.change(record("CREATE", "b.busy.test")))
    assert (code, status) == ("PriorRequestNotComplete", 400)
    other.change(record("CREATE", "a.idle.test"))
    time.sleep(0.4)
    zone.change(record("CREATE", "b.busy.test"))

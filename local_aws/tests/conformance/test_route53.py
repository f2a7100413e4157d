"""Route 53: batches are refused whole, with every fault; propagation takes time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.tests.conformance.cloud import Cloud

change_case = partial(case, bridge="route53.changes")

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


class Zone:
    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name
        self.id = client.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"].split("/")[-1]

    def change(self, *changes: dict[str, Any]) -> Any:
        return self.client.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": list(changes)})

    def refused(self, *changes: dict[str, Any]) -> str:
        """The message of the InvalidChangeBatch that these changes get."""
        before = self.records()
        with pytest.raises(ClientError) as error:
            self.change(*changes)
        assert error.value.response["Error"]["Code"] == "InvalidChangeBatch"
        assert self.records() == before, "a refused batch changes nothing"
        return str(error.value.response["Error"]["Message"])

    def records(self) -> list[Any]:
        return list(self.client.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"])


def record(action: str, name: str, kind: str = "A", *values: str) -> dict[str, Any]:
    default = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "CNAME": "example.org", "TXT": '"x"'}
    rows = [{"Value": value} for value in values or (default[kind],)]
    return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 5, "ResourceRecords": rows}}


def alias(action: str, name: str, target: str, zone: str = CLOUDFRONT_ZONE) -> dict[str, Any]:
    to = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": False}
    return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": "A", "AliasTarget": to}}


@pytest.fixture
def zone(aws: Callable[..., Any], cloud: Cloud) -> Zone:
    return Zone(aws("route53"), f"{cloud.unique('zone')}.test")


@change_case(
    "a CREATE of a record that exists refuses the whole batch, and every such record is named",
    source="Route 53 API Reference, ChangeResourceRecordSets, InvalidChangeBatch",
)
def test_creating_what_exists_refuses_the_whole_batch_and_names_each(zone: Zone) -> None:
    a, b = f"a.{zone.name}", f"b.{zone.name}"
    zone.change(record("CREATE", a), record("CREATE", b))
    message = zone.refused(record("CREATE", f"new.{zone.name}"), record("CREATE", a), record("CREATE", b))
    exists = "Tried to create resource record set [name='{}.', type='A'] but it already exists"
    assert message == f"[{exists.format(a)}, {exists.format(b)}]"


@change_case(
    "a DELETE must match the record in every value",
    source="Route 53 API Reference, ChangeResourceRecordSets, InvalidChangeBatch",
)
def test_deleting_what_does_not_match_is_refused(zone: Zone) -> None:
    name = f"a.{zone.name}"
    missing = f"[Tried to delete resource record set [name='{name}.', type='A'] but it was not found]"
    assert zone.refused(record("DELETE", name)) == missing
    zone.change(record("CREATE", name))
    differs = "but the values provided do not match the current values"
    assert zone.refused(record("DELETE", name, "A", "192.0.2.9")) == (
        f"[Tried to delete resource record set [name='{name}.', type='A'] {differs}]"
    )
    zone.change(record("DELETE", name))


@change_case(
    "a name outside the zone is refused", source="Route 53 API Reference, ChangeResourceRecordSets, InvalidChangeBatch"
)
def test_names_outside_the_zone_are_refused(zone: Zone) -> None:
    message = zone.refused(record("CREATE", "apple.example.com"))
    assert message == f"[RRSet with DNS name apple.example.com. is not permitted in zone {zone.name}.]"


@change_case(
    "a CNAME stands alone, and never at the apex", source="Route 53 Developer Guide, Supported DNS record types, CNAME"
)
def test_a_cname_stands_alone_and_never_at_the_apex(zone: Zone) -> None:
    name = f"a.{zone.name}"
    assert "is not permitted at apex in zone" in zone.refused(record("CREATE", zone.name, "CNAME"))
    zone.change(record("CREATE", name))
    assert "conflicts with other records with the same DNS name" in zone.refused(record("CREATE", name, "CNAME"))
    zone.change(record("DELETE", name), record("CREATE", name, "CNAME"))
    assert "a conflicting RRSet of type CNAME with the same DNS name" in zone.refused(record("CREATE", name))


@change_case(
    "values of A are IPv4 addresses; a batch has 1,000 records at most, an UPSERT counts twice",
    source="Route 53 Developer Guide, Quotas, ChangeResourceRecordSets",
)
def test_values_must_be_addresses_and_a_batch_has_a_thousand_records_at_most(zone: Zone) -> None:
    assert "Value is not a valid IPv4 address" in zone.refused(record("CREATE", f"a.{zone.name}", "A", "999.1.1.1"))
    many = [record("CREATE", f"n{number}.{zone.name}") for number in range(1001)]
    assert zone.refused(*many) == "[Number of records limit of 1000 exceeded.]"
    upserts = [record("UPSERT", f"n{number}.{zone.name}") for number in range(501)]
    assert zone.refused(*upserts) == "[Number of records limit of 1000 exceeded.]"
    zone.change(*many[:1000])


@change_case(
    "values of AAAA are IPv6 addresses, of TXT quoted strings, and none stands twice",
    source="Route 53 Developer Guide, Supported DNS record types; Values specific for simple records",
)
@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("AAAA", ("192.0.2.1",), "Value is not a valid IPv6 address"),
        ("A", ("2001:db8::1",), "Value is not a valid IPv4 address"),
        ("TXT", ("bare",), "Value should be enclosed in quotation marks"),
        ("A", ("192.0.2.1", "192.0.2.1"), "Duplicate Resource Record: '192.0.2.1'"),
    ],
)
def test_values_have_the_form_of_their_type(zone: Zone, kind: str, values: tuple[str, ...], words: str) -> None:
    assert words in zone.refused(record("CREATE", f"a.{zone.name}", kind, *values))


@change_case(
    "the values of a batch have 32,000 characters at most",
    source="Route 53 Developer Guide, Quotas, ChangeResourceRecordSets, maximum characters",
)
def test_a_batch_has_32000_characters_at_most(zone: Zone) -> None:
    text = '"' + "x" * 250 + '"'
    many = [record("CREATE", f"n{number}.{zone.name}", "TXT", text) for number in range(128)]
    assert zone.refused(*many) == "[Number of characters limit of 32000 exceeded.]"
    zone.change(*many[:100])


@change_case(
    "a record set is either an alias or values with a TTL, else InvalidInput",
    source="Route 53 API Reference, ResourceRecordSet",
)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ResourceRecords": [{"Value": "192.0.2.1"}]}, "Missing field 'TTL'"),
        ({}, "but found none"),
        (
            {
                "TTL": 5,
                "AliasTarget": {
                    "HostedZoneId": CLOUDFRONT_ZONE,
                    "DNSName": "d111111abcdef8.cloudfront.net",
                    "EvaluateTargetHealth": False,
                },
            },
            "but found more than one",
        ),
    ],
)
def test_a_record_set_has_one_form(zone: Zone, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        zone.change({"Action": "CREATE", "ResourceRecordSet": {"Name": f"a.{zone.name}", "Type": "A", **fields}})
    assert refused.value.response["Error"]["Code"] == "InvalidInput"


@change_case(
    "an alias into CloudFront's zone leads to a name in cloudfront.net",
    source="Route 53 API Reference, AliasTarget",
    still_different="AWS also wants the distribution to have the record's name as an alias.",
    on_aws=False,
    why_not="needs a distribution that has the alias",
)
def test_an_alias_to_cloudfront_must_be_a_cloudfront_name(zone: Zone) -> None:
    zone.change(alias("CREATE", f"a.{zone.name}", "d111111abcdef8.cloudfront.net"))
    assert "does not lie within the target zone" in zone.refused(alias("CREATE", f"b.{zone.name}", "example.org"))


@change_case("names are kept in lower case, and * as \\052", source="Route 53 Developer Guide, DNS domain name format")
def test_names_are_kept_in_lower_case_and_a_star_as_an_octal_code(zone: Zone) -> None:
    zone.change(record("CREATE", f"Apple.{zone.name.upper()}"), record("CREATE", f"*.{zone.name}"))
    names = {row["Name"] for row in zone.records()}
    assert {f"apple.{zone.name}.", f"\\052.{zone.name}."} <= names
    assert "already exists" in zone.refused(record("CREATE", f"\\052.{zone.name}"))


@change_case(
    "a change is PENDING until it has propagated, then INSYNC",
    source="Route 53 API Reference, GetChange, ChangeInfo",
    still_different="1 s here, up to 60 s on AWS.",
    on_aws=False,
    why_not="waits half a second for what takes up to a minute",
)
def test_a_change_is_pending_until_it_has_propagated(zone: Zone) -> None:
    change = zone.change(record("CREATE", f"a.{zone.name}"))["ChangeInfo"]

    def status() -> str:
        return str(zone.client.get_change(Id=change["Id"])["ChangeInfo"]["Status"])

    assert [change["Status"], status(), status()] == ["PENDING"] * 3
    time.sleep(0.5)
    assert status() == "INSYNC"

"""`fluxion tenants adopt`: looks at everything and writes nothing, until the very plan is confirmed."""

import io
import json
import shlex
from typing import Any

import pytest

from control.stacks import Output

from .conftest import Deployed, Fluxion

TARGET = "d111.cloudfront.net"
HOST = "granja.fluxionia.co"
TABLES = {"products": {"rows": 7, "sha256": "a" * 64}, "customers": {"rows": 0, "sha256": "b" * 64}}
GIVEN = ("tenants", "adopt", "granja", "--name", "La Granja Mercado", "--database", "todos.duckdb")


class World:
    """Route 53, CloudFront and the function, as far as a plan asks them."""

    def __init__(self) -> None:
        self.records = [self.alias("A"), self.alias("AAAA")]
        self.aliases = ["*.fluxionia.co", HOST]
        self.tables: dict[str, Any] = dict(TABLES)
        self.error: dict[str, str] | None = None
        self.asked: list[dict[str, Any]] = []

    def alias(self, kind: str, target: str = TARGET, host: str = HOST) -> dict[str, Any]:
        return {"Name": f"{host}.", "Type": kind, "AliasTarget": {"DNSName": f"{target}."}}

    def list_resource_record_sets(self, **_: Any) -> dict[str, Any]:
        other = self.alias("A", "elsewhere.example", "hermana.fluxionia.co")
        return {"ResourceRecordSets": [*self.records, other]}

    def get_distribution(self, Id: str) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        config = {"Aliases": {"Quantity": len(self.aliases), "Items": self.aliases}}
        return {"Distribution": {"DomainName": TARGET, "DistributionConfig": config}}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        assert FunctionName == "fluxion-tenant-database"
        self.asked.append(json.loads(Payload))
        said = self.error or {"tables": self.tables}
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {"Payload": io.BytesIO(json.dumps(said).encode()), **failed}


@pytest.fixture
def world(deployed: Deployed) -> World:
    found = World()
    deployed.stand_ins |= {"route53": found, "cloudfront": found, "lambda": found}
    deployed.outputs |= {Output.HOSTED_ZONE: "Z1", Output.DISTRIBUTION: "E1", Output.BASE_DOMAIN: "fluxionia.co"}
    return found


def test_a_plan_says_what_there_is_and_writes_nothing(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    told = fluxion.json(*GIVEN, "--tier", "premium")

    assert told["adopt"] == {
        "database": "todos.duckdb",
        "tables": TABLES,
        "records": ["A", "AAAA"],
        "alias": True,
        "target": TARGET,
    }
    assert told["digest"] in told["command"]
    assert deployed.item("granja") is None
    assert [(each["stage"], each["tenant_id"], each["database"]) for each in world.asked] == [
        ("InspectShared", "granja", "todos.duckdb")
    ]


def test_the_command_that_a_plan_ends_with_carries_it_out(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    shown = fluxion(*GIVEN, "--tier", "premium").stdout
    assert "products" in shown
    command = shlex.split(shown.splitlines()[-1])

    assert fluxion(*command[1:], "--no-watch").exit_code == 0

    item = deployed.item("granja")
    assert item is not None
    assert (item["tier"], item["adopt"]["records"], item["adopt"]["alias"]) == ("premium", ["A", "AAAA"], True)
    assert item["adopt"]["tables"]["products"] == TABLES["products"]
    assert item["requested_at"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.tables.update(products={"rows": 8, "sha256": "c" * 64}),
        lambda world: world.records.pop(),
        lambda world: world.aliases.pop(),
    ],
)
def test_a_plan_that_is_not_true_any_more_is_not_carried_out(
    world: World, deployed: Deployed, fluxion: Fluxion, change: Any
) -> None:
    digest = fluxion.json(*GIVEN)["digest"]
    change(world)

    refused = fluxion(*GIVEN, "--confirm", digest, "--no-watch")

    assert refused.exit_code == 1
    assert "not what was planned" in refused.stderr
    assert deployed.item("granja") is None


def test_another_name_is_another_plan(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    digest = fluxion.json(*GIVEN)["digest"]

    assert fluxion(*GIVEN, "--tier", "basic", "--confirm", digest, "--no-watch").exit_code == 1
    assert deployed.item("granja") is None


@pytest.mark.parametrize(
    "record",
    [
        {"Name": f"{HOST}.", "Type": "CNAME", "ResourceRecords": [{"Value": TARGET}]},
        {"Name": f"{HOST}.", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.7"}]},
        {"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": "d999.cloudfront.net."}},
        {"Name": f"{HOST}.", "Type": "A", "AliasTarget": {"DNSName": f"{TARGET}."}, "SetIdentifier": "x"},
    ],
)
def test_a_record_that_is_no_alias_of_the_distribution_is_refused_with_its_remedy(
    world: World, deployed: Deployed, fluxion: Fluxion, record: dict[str, Any]
) -> None:
    world.records = [record]

    refused = fluxion(*GIVEN)

    assert refused.exit_code == 1
    assert record["Type"] in refused.stderr
    assert "Replace it in the zone by alias records" in refused.stderr


def test_what_the_function_refuses_is_told(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    world.error = {"errorType": "SharedDatabaseUnfit", "errorMessage": "table products lacks the column unit"}

    refused = fluxion(*GIVEN)

    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "SharedDatabaseUnfit: table products lacks the column unit" in refused.stderr


def test_nobody_is_adopted_who_has_no_row(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    world.tables = {"products": {"rows": 0, "sha256": "a" * 64}}

    assert "no row of 'granja'" in fluxion(*GIVEN).stderr


def test_who_is_under_management_is_not_adopted(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.effect("granja", "dns_records", "DONE")
    assert "on record" in fluxion(*GIVEN).stderr
    deployed.put(tenant_id="granja", name="A")
    assert "has an item" in fluxion(*GIVEN).stderr
    assert world.asked == []


def test_a_path_is_no_name_of_a_shared_database(world: World, deployed: Deployed, fluxion: Fluxion) -> None:
    refused = fluxion(*GIVEN[:-1], "../granja/x.duckdb")

    assert refused.exit_code == 1
    assert "database must be the name of a shared file" in refused.stderr

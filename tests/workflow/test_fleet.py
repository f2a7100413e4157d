"""A schema migration over a fleet in service: no site goes down, no order is lost, and who fails holds up no other."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from control.stacks import Output
from tenancy.database import TenantDatabases, TenantSeeder, schema_versions

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

COUNT = 200
TENANTS = [f"flota-{number:03d}" for number in range(COUNT)]
SPOILT = {"flota-007", "flota-100", "flota-199"}
# The site does not read it, so the tenant is in service with it; the second step of the schema refuses it.
SPOIL = "INSERT INTO audit_log VALUES (?, 'e', now()::TIMESTAMP, 'ana', 'note', 'only for my eyes')"
LATEST = schema_versions.latest_version()
AT = "2026-11-24T08:00:00.000Z"
SECONDS_AT_MOST = 120


@dataclass
class Fleet:
    """Tenants that an earlier release has onboarded."""

    aws: EmbeddedAws
    scratch: Path

    @cached_property
    def folder(self) -> Path:
        return Path(self.aws.environment["FLUXION_DATA_DIR"])

    @cached_property
    def databases(self) -> TenantDatabases:
        return TenantDatabases(self.folder, idle_after=0)

    def seed(self) -> None:
        seeder = TenantSeeder(self.folder, self.scratch)
        first = schema_versions.shipped()[:1]
        with pytest.MonkeyPatch.context() as release, self.aws.provisioning.batch_writer() as batch:
            release.setattr(schema_versions, "shipped", lambda: first)
            for tenant in TENANTS:
                seeded = seeder.seed({"tenant_id": tenant, "name": f"Mercado {tenant}"}, 1)
                assert seeded.schema_version == 1
                batch.put_item(Item=self.record(tenant, seeded.database_path))
        for tenant in SPOILT:
            self.write(tenant, SPOIL)

    def record(self, tenant: str, database: str) -> dict[str, Any]:
        operation = {"kind": "onboard", "state": "SUCCEEDED", "stage": "ActivateTenant", "started_at": AT}
        return {
            "pk": f"TENANT#{tenant}",
            "sk": "TENANT",
            "tenant_id": tenant,
            "status": "ACTIVE",
            "generation": 1,
            "attempt": 1,
            "requested": 0,
            "seen": 0,
            "operation": {**operation, "execution_arn": f"arn:aws:states:us-east-1:0:execution:x:{tenant}"},
            "spec": {"name": f"Mercado {tenant}"},
            "host": self.aws.host(tenant),
            "database_path": database,
            "schema_version": 1,
            "live_since": AT,
            "created_at": AT,
            "updated_at": AT,
        }

    def write(self, tenant: str, sql: str) -> None:
        with self.databases.open(tenant, "write") as connection:
            connection.execute(sql, [tenant])

    def records(self) -> dict[str, dict[str, Any]]:
        found = (item for item in self.aws.everything() if item["sk"] == "TENANT" and item["tenant_id"] in TENANTS)
        return {record["tenant_id"]: record for record in found}

    def orders(self) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for tenant in TENANTS:
            with self.databases.open(tenant, "read") as connection:
                found |= {(tenant, order) for (order,) in connection.execute("SELECT order_id FROM orders").fetchall()}
        return found

    def pointers(self) -> dict[str, tuple[int, int]]:
        """Of each tenant, what changes whenever a database is published."""
        found = ((tenant, (self.folder / tenant / "current").stat()) for tenant in TENANTS)
        return {tenant: (stat.st_ino, stat.st_mtime_ns) for tenant, stat in found}

    def forget(self) -> None:
        """The other tests count the tenants that are served, and the files that nobody has on record."""
        keys = [
            {"pk": item["pk"], "sk": item["sk"]}
            for item in self.aws.everything()
            if item["pk"].removeprefix("TENANT#") in TENANTS
        ]
        with self.aws.provisioning.batch_writer() as batch:
            for key in keys:
                batch.delete_item(Key=key)
        for tenant in TENANTS:
            shutil.rmtree(self.folder / tenant)

    def command(self, *arguments: str) -> tuple[int, Any]:
        """`fluxion fleet …`, as an operator types it: (exit code, what it says)."""
        command = [str(Path(sys.executable).with_name("fluxion")), "fleet", *arguments, "--no-local", "--json"]
        environment = {**os.environ, **self.aws.environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def fleet(embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(embedded_aws, tmp_path / "scratch")
    made.seed()
    yield made
    made.forget()


@contextmanager
def shops(fleet: Fleet, folder: Path) -> Iterator[list[Path]]:
    """Visitors at the sites and two processes that take orders inside the block. Gives their logs."""
    logs = [folder / f"shop{number}.log" for number in (1, 2)]
    program, environment = Path(__file__).with_name("shop.py"), {**os.environ, **fleet.aws.environment}
    common = [sys.executable, program, fleet.folder]
    started = [
        subprocess.Popen(
            [*common, log, fleet.aws.outputs[Output.BASE_DOMAIN], *TENANTS], stdin=subprocess.PIPE, env=environment
        )
        for log in logs
    ]
    try:
        eventually(lambda: all(log.exists() and log.stat().st_size for log in logs), "an order at each", 20)
        yield logs
    finally:
        for shop in started:
            shop.communicate(timeout=60)
    assert [shop.returncode for shop in started] == [0, 0]


def test_a_migration_of_200_tenants_in_service_upgrades_all_but_those_that_must_fail(
    fleet: Fleet, tmp_path: Path
) -> None:
    started = time.monotonic()
    with shops(fleet, tmp_path) as logs:
        code, told = fleet.command("migrate")
    took = time.monotonic() - started

    # 197 upgraded, three in service on the old version with a named cause.
    assert (code, set(told["failed"]), told["left"]) == (1, SPOILT, [])
    assert set(told["migrated"]) == set(TENANTS) - SPOILT
    records = fleet.records()
    assert Counter(record["schema_version"] for record in records.values()) == {LATEST: COUNT - 3, 1: 3}
    for tenant in SPOILT:
        assert records[tenant]["status"] == "ACTIVE"
        assert records[tenant]["migration_error"]["code"] == "SchemaMigrationFailed"
        assert "0002_json_columns.sql: Constraint Error" in records[tenant]["migration_error"]["message"]
        assert "eyes" not in json.dumps(fleet.aws.items(tenant), default=str)
        assert fleet.aws.get(fleet.aws.host(tenant)).json()["name"] == f"Mercado {tenant}"
    for tenant in TENANTS:
        assert records[tenant]["database_path"] == f"{tenant}/{(fleet.folder / tenant / 'current').read_text().strip()}"
        assert len(list((fleet.folder / tenant).glob("*.duckdb"))) == 1, "the file before is gone"
        assert not list((fleet.folder / tenant).glob(".*"))

    # No acknowledged order is lost, and no visitor was turned away.
    lines = [line.split(" ", 3) for log in logs for line in log.read_text().splitlines()]
    placed = {(tenant, order) for kind, tenant, order, *_ in lines if kind == "placed"}
    assert [line for line in lines if line[0] == "failed"] == []
    assert {line[3] for line in lines} == {"1", str(LATEST)}, "they were at work before and after the switch"
    assert {line[2].partition("-")[0] for line in lines} == {"shop1", "shop2"}
    assert fleet.orders() == placed

    # Each failure is mailed, and the command says how the fleet stands.
    assert "fluxion fleet migrate" in fleet.aws.mail("flota-007")
    code, status = fleet.command("status")
    assert (code, set(status["failed"]), status["queue"]) == (0, SPOILT, {"waiting": 0, "given_up": 0})
    assert status["versions"]["1"] == 3

    # A second run touches only those three. One of them is put right by now.
    fleet.write("flota-100", "DELETE FROM audit_log WHERE tenant_id = ? AND action = 'note'")
    before = fleet.pointers()
    with fleet.aws.trail() as trail:
        code, told = fleet.command("migrate")
    assert (code, set(told["failed"]), told["migrated"]) == (1, SPOILT - {"flota-100"}, ["flota-100"])
    assert trail.count("TransactWriteItems", principal="DatabaseMigrationsRole") == 3
    after = fleet.pointers()
    assert {tenant for tenant in TENANTS if after[tenant] != before[tenant]} == {"flota-100"}
    assert took < SECONDS_AT_MOST

"""Give `fluxion fleet status`, which shows the schemas that the tenants have, and drift."""

from typing import Any

from cli import display
from cli.options import StackOptions


def command(options: StackOptions) -> None:
    """Show which schema the tenants have, whose migration failed and why, how many wait, and what has drifted."""
    from cli import migrations

    session = options.session
    fleet = migrations.Fleet.of(session.tables.all_records(), migrations.deployed_version(session))
    queue = migrations.waiting(session)
    drift = [_shown(finding) for finding in session.tables.drift()]
    if options.as_json:
        display.document(
            {
                "schema_version": fleet.latest,
                "tenants": len(fleet.records),
                "versions": fleet.versions,
                "behind": fleet.behind,
                "failed": fleet.failed,
                "queue": queue,
                "drift": drift,
            }
        )
        return
    display.line(f"The deployed release has version {fleet.latest} of the schema.")
    display.table(("version", "tenants"), fleet.versions.items())
    migrations.tell_failures(fleet.failed)
    display.line(f"{queue['waiting']} wait in the queue, {queue['given_up']} were given up.")
    if fleet.behind:
        display.line(f"{len(fleet.behind)} are behind; bring them to version {fleet.latest}:  fluxion fleet migrate")
    if drift:
        display.line(f"Drift: {len(drift)} things are not as they are on record; a scan alone proves nothing.")
        columns = ("kind", "tenant_id", "what", "since", "state", "repair")
        display.table(
            [column.replace("_", " ") for column in columns], ([row[key] for key in columns] for row in drift)
        )
    else:
        display.line("No drift: everything is as it is on record.")


def _shown(finding: dict[str, Any]) -> dict[str, Any]:
    from tenancy.domain.drift import Finding, Kind

    kind, tenant_id, what = (finding[name] for name in ("kind", "tenant_id", "what"))
    return {
        "kind": kind,
        "tenant_id": tenant_id,
        "what": what,
        "since": finding["since"],
        "state": "reported" if finding["is_reported"] else "seen once",
        "repair": Finding(Kind(kind), tenant_id, what).repair,
    }

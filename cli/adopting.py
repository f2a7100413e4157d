"""`fluxion tenants adopt`: a tenant that exists, with records, alias and rows, comes under management by a proof.

The plan says what there is. Who confirms it says that this, and nothing else, is the tenant's: names that look alike
prove nothing. Nothing is written before that.
"""

import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tenants
from cli.tenants import ContactEmail, Json, Local, PaidTier, Stack, TenantId, Timeout, Watch, app
from control.stacks import Output

if TYPE_CHECKING:
    from cli.aws import ControlPlane

_FUNCTION = "fluxion-tenant-database"
_LONGEST_ANSWER_SECONDS = 150  # the function may take 120


@app.command()
def adopt(
    tenant_id: TenantId,
    name: Annotated[str, typer.Option(help="What the customer is called, 1 to 80 characters.")],
    database: Annotated[str, typer.Option(metavar="FILE", help="The shared database, a file of the folder .shared.")],
    tier: PaidTier = None,
    contact_email: ContactEmail = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Carry out the plan that has this digest, if it is still true.")
    ] = None,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Plan the adoption of a tenant that exists already; with --confirm, carry it out."""
    from cli import display, progress
    from cli.errors import Refused
    from tenancy.domain.values import digest_of

    given = {"tenant_id": tenant_id, "name": name, "tier": tier and tier.value, "contact_email": contact_email}
    item = {key: value for key, value in given.items() if value is not None}
    tenants._valid(item)
    control_plane = tenants.connected(stack, local)
    _require_nobody(control_plane, tenant_id)
    plan = {"item": item, "adopt": _proof(control_plane, tenant_id, database)}
    tenants._valid(item | {"adopt": plan["adopt"]})
    digest = digest_of(plan)
    if confirm is None:
        _show(plan, digest, as_json)
        return
    if confirm != digest:
        raise Refused(
            f"What there is now is not what was planned (the plan's digest is {digest}): look at it again without "
            "--confirm. Nothing was written."
        )
    at = tenants._now()
    before = progress.run_of(control_plane.record(tenant_id))
    asked = {"adopt": plan["adopt"], "requested_by": tenants._who(), "requested_at": at}
    if not control_plane.add(item | asked):
        raise Refused(f"Somebody else has put an item '{tenant_id}' meanwhile, and nothing was written.")
    display.note(f"'{tenant_id}' is adopted as planned.")
    tenants._follow_or_say(control_plane, tenant_id, (before, at), watch, timeout, as_json)


def _require_nobody(control_plane: "ControlPlane", tenant_id: str) -> None:
    from cli.errors import Refused

    if control_plane.item(tenant_id) is not None:
        raise Refused(
            f"'{tenant_id}' has an item: it is under management already. See `fluxion tenants show {tenant_id}`."
        )
    if control_plane.below(tenant_id, "EFFECT#", 1):
        raise Refused(f"Something of '{tenant_id}' is on record as made by the control plane: it is no stranger's.")


def _proof(control_plane: "ControlPlane", tenant_id: str, database: str) -> dict[str, Any]:
    """What there is of the tenant, as the item says it. Raises Refused if it can't be adopted as it is."""
    host = f"{tenant_id}.{control_plane.output(Output.BASE_DOMAIN)}"
    distribution = control_plane.client("cloudfront").get_distribution(Id=control_plane.output(Output.DISTRIBUTION))
    found = distribution["Distribution"]
    target = found["DomainName"].lower().rstrip(".")
    return {
        "database": database,
        "tables": _tables(control_plane, tenant_id, database),
        "records": _records(control_plane, host, target),
        "alias": host in found["DistributionConfig"].get("Aliases", {}).get("Items", []),
        "target": target,
    }


def _records(control_plane: "ControlPlane", host: str, target: str) -> list[str]:
    """Types of the host's records, which must be aliases of the distribution."""
    from cli.errors import Refused

    page = control_plane.client("route53").list_resource_record_sets(
        HostedZoneId=control_plane.output(Output.HOSTED_ZONE), StartRecordName=host, StartRecordType="A", MaxItems="20"
    )
    types = []
    for record in page["ResourceRecordSets"]:
        if record["Name"].lower().rstrip(".") != host or record["Type"] not in ("A", "AAAA", "CNAME"):
            continue
        leads_to = record.get("AliasTarget", {}).get("DNSName", "").lower().rstrip(".")
        if record["Type"] == "CNAME" or leads_to != target or "SetIdentifier" in record:
            values = leads_to or ", ".join(value["Value"] for value in record.get("ResourceRecords", []))
            raise Refused(
                f"{host} has a record that can't be adopted: {record['Type']} {values}. Replace it in the zone by "
                f"alias records (A and AAAA) of {target}, in one change so that no visitor notices, then plan again. "
                "Nothing was written."
            )
        types.append(record["Type"])
    return sorted(types)


def _tables(control_plane: "ControlPlane", tenant_id: str, database: str) -> dict[str, Any]:
    """Counts and hashes of the tenant's rows, from the only function that can see the files."""
    from botocore.config import Config

    from cli.errors import Refused

    patient = Config(connect_timeout=5, read_timeout=_LONGEST_ANSWER_SECONDS, retries={"total_max_attempts": 1})
    question = {"tenant_id": tenant_id, "stage": "InspectShared", "execution_arn": tenants._who(), "database": database}
    answer = control_plane.client("lambda", patient).invoke(
        FunctionName=_FUNCTION, Payload=json.dumps(question).encode()
    )
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Refused(f"{said.get('errorType')}: {said.get('errorMessage')}. Nothing was written.")
    tables: dict[str, Any] = said["tables"]
    if not any(table["rows"] for table in tables.values()):
        raise Refused(f"{database} has no row of '{tenant_id}': `fluxion tenants add` is for new tenants.")
    return tables


def _show(plan: dict[str, Any], digest: str, as_json: bool) -> None:
    from cli import display

    item, proof = plan["item"], plan["adopt"]
    options = {"--name": item["name"], "--database": proof["database"]}
    options |= {f"--{key.replace('_', '-')}": item[key] for key in ("tier", "contact_email") if key in item}
    words = [word for option in options.items() for word in option]
    command = shlex.join(["fluxion", "tenants", "adopt", item["tenant_id"], *words, "--confirm", digest])
    if as_json:
        display.document({**plan, "digest": digest, "command": command})
        return
    display.fields(
        "What there is, and would come under management",
        {
            "records": ", ".join(proof["records"]) or "none: they will be created",
            "target": proof["target"],
            "alias": "on the distribution" if proof["alias"] else "none: it will be added",
            "database": proof["database"],
        },
    )
    rows = ([name, table["rows"], table["sha256"]] for name, table in sorted(proof["tables"].items()))
    display.table(("table", "rows", "sha256"), rows)
    display.line(f"digest {digest}")
    display.line("Nothing was written. See that nobody writes to these rows from now on, then:")
    display.line(command)

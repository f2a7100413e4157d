"""Give `fluxion tenants adopt`, which brings a tenant that has records, alias and rows under management, by a proof.

The plan says what there is. Who confirms it says that this, and nothing else, is the tenant's: names that look alike
prove nothing. Nothing is written before that.
"""

import shlex
from typing import Annotated, Any

import typer

from cli import display
from cli.errors import Refused
from cli.options import ContactEmail, ItemOptions, RunOptions, TenantId, Tier
from cli.session import Session, who
from control.stacks import Output


def command(
    options: RunOptions,
    tenant_id: TenantId,
    name: Annotated[str, typer.Option(help="The customer's name, 1 to 80 characters.")],
    database: Annotated[str, typer.Option(metavar="FILE", help="The shared database, a file of the folder .shared.")],
    tier: Tier = None,
    contact_email: ContactEmail = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Carry out the plan that has this digest, if it is still true.")
    ] = None,
) -> None:
    """Plan the adoption of a tenant that exists already; with --confirm, carry it out."""
    from cli import items
    from tenancy.domain.values import digest_of

    item = {"tenant_id": tenant_id, **items.given(ItemOptions(name, tier, contact_email))}
    items.require_valid(item)
    session = options.session
    _require_nobody(session, tenant_id)
    plan = {"item": item, "adopt": _proof(session, tenant_id, database)}
    adopted = item | {"adopt": plan["adopt"]}
    items.require_valid(adopted)
    digest = digest_of(plan)
    if confirm is None:
        _show(plan, digest, options.as_json)
        return
    if confirm != digest:
        raise Refused(
            f"What there is now is not what was planned (the plan's digest is {digest}): look at it again without "
            "--confirm. Nothing was written."
        )
    otherwise = f"Somebody else has put an item '{tenant_id}' meanwhile, and nothing was written."
    items.add(options, adopted, otherwise, said=f"'{tenant_id}' is adopted as planned.")


def _require_nobody(session: Session, tenant_id: str) -> None:
    if session.tables.item(tenant_id) is not None:
        raise Refused(
            f"'{tenant_id}' has an item: it is under management already. See `fluxion tenants show {tenant_id}`."
        )
    if session.tables.below(tenant_id, "EFFECT#", 1):
        raise Refused(f"Something of '{tenant_id}' is on record as made by the control plane: it is no stranger's.")


def _proof(session: Session, tenant_id: str, database: str) -> dict[str, Any]:
    """Return what there is of the tenant, as the item says it. Raises Refused if it can't be adopted as it is."""
    host = f"{tenant_id}.{session.output(Output.BASE_DOMAIN)}"
    distribution = session.client("cloudfront").get_distribution(Id=session.output(Output.DISTRIBUTION))
    found = distribution["Distribution"]
    target = found["DomainName"].lower().rstrip(".")
    return {
        "database": database,
        "tables": _tables(session, tenant_id, database),
        "records": _records(session, host, target),
        "alias": host in found["DistributionConfig"].get("Aliases", {}).get("Items", []),
        "target": target,
    }


def _records(session: Session, host: str, target: str) -> list[str]:
    """Return the types of the host's records. Raises Refused for one that is no alias of the distribution."""
    page = session.client("route53").list_resource_record_sets(
        HostedZoneId=session.output(Output.HOSTED_ZONE), StartRecordName=host, StartRecordType="A", MaxItems="20"
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


def _tables(session: Session, tenant_id: str, database: str) -> dict[str, Any]:
    """Return counts and hashes of the tenant's rows, from the only function that can see the files."""
    from cli.database_function import DatabaseFunctionFailed, ask

    try:
        said = ask(session, "InspectShared", tenant_id, execution_arn=who(), database=database)
    except DatabaseFunctionFailed as error:
        raise Refused(f"{error.kind}: {error}. Nothing was written.") from None
    tables: dict[str, Any] = said["tables"]
    if not any(table["rows"] for table in tables.values()):
        raise Refused(f"{database} has no row of '{tenant_id}': `fluxion tenants add` is for new tenants.")
    return tables


def _show(plan: dict[str, Any], digest: str, as_json: bool) -> None:
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

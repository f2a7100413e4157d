"""Give `fluxion tenants update`, which changes name, tier, contact, settings or state of a tenant's item."""

from typing import Annotated, Any

import typer

from cli.errors import Refused
from cli.options import ItemOptions, RunOptions, TenantId


def command(
    options: RunOptions,
    tenant_id: TenantId,
    wanted: ItemOptions,
    unset_setting: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Take one setting away; may be repeated.")
    ] = None,
) -> None:
    """Change what is given of a tenant's item, and nothing else; the site follows by itself."""
    from cli import items

    changes: dict[str, Any] = items.given(wanted)
    to_set, to_unset = changes.pop("settings", {}), unset_setting or []
    if not (changes or to_set or to_unset):
        raise Refused("Nothing is given that should change: see `fluxion tenants update --help`.")
    if both := sorted(set(to_set) & set(to_unset)):
        raise Refused(f"The setting '{both[0]}' is given both to --setting and to --unset-setting: give it to one.")
    item = items.existing(options.session, tenant_id)
    if to_set or to_unset:
        settings = item.values.get("settings") or {}
        if missing := [key for key in to_unset if key not in settings]:
            raise Refused(f"'{tenant_id}' has no setting '{missing[0]}' that --unset-setting could take away.")
        changes["settings"] = {key: value for key, value in (settings | to_set).items() if key not in to_unset}
    items.change(options, item, changes)

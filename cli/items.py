"""Write tenants items, as commands are asked to, and follow what comes of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from cli import display
from cli.errors import Refused
from cli.options import ItemOptions, RunOptions
from cli.session import Session, who
from cli.watching import follow_or_say
from control.items import Item
from control.progress import run_of
from tenancy.domain.errors import InvalidTenantItem
from tenancy.domain.item import TenantItem
from tenancy.platform import clock


def existing(session: Session, tenant_id: str) -> Item:
    """Return the tenant's item. Raises Refused where there is none."""
    item = session.tables.item(tenant_id)
    if item is None:
        raise Refused(f"There is no item '{tenant_id}': `fluxion tenants add {tenant_id} --name …` makes one.")
    return item


def require_known(session: Session, tenant_id: str) -> None:
    """Refuse a tenant that has neither an item nor a record."""
    if not session.tables.knows(tenant_id):
        raise Refused(f"There is no tenant '{tenant_id}', and no item that asks for one.")


def require_valid(values: Mapping[str, Any]) -> None:
    """Refuse what the workflow would refuse, before anything is written."""
    try:
        TenantItem.parse(dict(values))
    except InvalidTenantItem as error:
        raise Refused(f"{error}. Nothing was written.") from None


def _settings_of(pairs: Sequence[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise Refused(f"--setting {pair!r} is not KEY=VALUE: write the key, an equals sign and the value.")
        settings[key] = value
    return settings


def given(wanted: ItemOptions) -> dict[str, Any]:
    """Return the attributes that somebody has given. Raises Refused for a setting that is not ``KEY=VALUE``."""
    attributes = dataclasses.asdict(wanted)
    attributes["settings"] = _settings_of(attributes.pop("setting") or []) or None
    return {name: value for name, value in attributes.items() if value is not None}


def add(options: RunOptions, values: Mapping[str, Any], otherwise: str, said: str = "") -> None:
    """Put a new item, and follow what comes of it. Raises Refused with ``otherwise`` where there is one.

    said: for the person, once it is written.
    """
    session, tenant_id, at = options.session, values["tenant_id"], clock.now()
    before = run_of(session.tables.record(tenant_id))
    if not session.tables.add({**values, "requested_by": who(), "requested_at": at}):
        raise Refused(otherwise)
    if said:
        display.note(said)
    follow_or_say(options, tenant_id, after=before, at=at)


def change(options: RunOptions, item: Item, wanted: Mapping[str, Any]) -> None:
    """Write what differs from the item, and follow what comes of it. An empty map takes an attribute away."""
    session, tenant_id = options.session, item.values["tenant_id"]
    as_it_is = {"desired_state": "active", "settings": {}, "restore": {}} | item.values
    changed = {key: value for key, value in wanted.items() if as_it_is.get(key) != value}
    if not changed:
        if options.as_json:
            display.document({"tenant_id": tenant_id, "changed": []})
        else:
            said = ", ".join(f"{key} {value}" for key, value in wanted.items() if key != "settings")
            display.line(f"{tenant_id}: is so already ({said or 'settings'}). Nothing was written.")
        return
    at = clock.now()
    changed |= {"requested_by": who(), "requested_at": at}
    require_valid({key: value for key, value in (item.values | changed).items() if value != {}})
    before = run_of(session.tables.record(tenant_id))
    if not session.tables.change(item, changed):
        raise Refused(
            f"Somebody else has changed '{tenant_id}' meanwhile, and nothing was written: look, and try again."
        )
    follow_or_say(options, tenant_id, after=before, at=at)

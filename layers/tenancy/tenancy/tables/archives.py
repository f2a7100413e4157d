"""Archives in the bucket are on record, with when to look whether they are still there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tenancy.domain.record import DueFor
from tenancy.platform.dynamodb_values import typed
from tenancy.tables.table import Table, below, key


@dataclass(frozen=True)
class KeptArchive:
    """An archive in the bucket. generation, attempt: of the run that made it. due_at: when to look for it."""

    tenant_id: str
    folder: str
    manifest_sha256: str
    generation: int
    attempt: int
    exported_at: str
    due_at: str


class Archives:
    """The tenants' archives: each is an item of its own, so a tenant may have several."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, kept: KeptArchive) -> None:
        """Write down that there is an archive, and when to look whether it is still there."""
        item = {"pk": f"TENANT#{kept.tenant_id}", "sk": f"ARCHIVE#{kept.folder}", **asdict(kept)}
        self._table.put_item({**item, "due_for": str(DueFor.EXPIRY)})

    def of(self, tenant_id: str) -> list[KeptArchive]:
        """Return all archives of a tenant that are on record."""
        return [_read(item) for item in self._table.items_of(f"TENANT#{tenant_id}", "ARCHIVE#")]

    def due(self, now: str) -> list[KeptArchive]:
        """Return the archives that are to be looked for: a query of the sparse index, and each of them as it is."""
        found = (self._table.get(key(each["pk"], each["sk"])) for each in self._table.due(DueFor.EXPIRY, now))
        return [_read(item) for item in found if item]

    def look_again(self, kept: KeptArchive, due_at: str) -> None:
        """Put on record that the archive is still there. Of one that was erased meanwhile nothing is written."""
        self._table.update_item(
            Key=_key(kept),
            UpdateExpression="SET due_at = :due_at",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=typed({":due_at": due_at}),
        )

    def forget(self, kept: KeptArchive) -> None:
        """Forget an archive: nothing is to be looked for any more."""
        self._table.delete_item(Key=_key(kept))


def _key(kept: KeptArchive) -> dict[str, Any]:
    return below(kept.tenant_id, f"ARCHIVE#{kept.folder}")


def _read(item: Mapping[str, Any]) -> KeptArchive:
    return KeptArchive(**{field.name: item[field.name] for field in fields(KeptArchive)})

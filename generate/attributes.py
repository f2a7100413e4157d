"""Write the table of an item's attributes in ``docs/architecture.md``, from the model."""

from collections.abc import Iterator
from pathlib import Path

from generate import docstrings
from generate.markdown import between_marks, table
from tenancy.domain.item import TenantItem


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the page with its table as it should be."""
    path = root / "docs" / "architecture.md"
    told = docstrings.of_members(TenantItem)
    rows = [[f"`{name}`", told[name]] for name in TenantItem.model_fields]
    yield path, between_marks(path.read_text(), "attributes", table(["attribute", "rule"], rows))

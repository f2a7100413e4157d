"""The database's states between intent and result. What they write is shown in tests/unit/database."""

from pathlib import Path

import pytest

from tenancy.database import publish
from tenancy.domain.errors import StorageUnavailable
from tenancy.domain.systems import System
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_database.discard import DiscardDatabase
from tenancy.tenant_database.seed import SeedDatabase

from ..conftest import Lifecycle, Tables, generation_call

pytestmark = pytest.mark.slow


def test_a_discard_that_was_cut_short_is_not_trusted(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: object) -> None:
        raise StorageUnavailable("half of it is gone")

    (tmp_path / "tenants").mkdir()
    folders = {"tenants_directory": str(tmp_path / "tenants"), "scratch_directory": str(tmp_path / "scratch")}
    settings = ArchiveSettings(provisioning_table="provisioning", archive_bucket="archive", **folders)
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    SeedDatabase(settings).seed(generation_call("SeedDatabase", "one"))
    lifecycle.roll_back("granja", "AccessDenied", stage="InvalidateCache", execution="one")
    monkeypatch.setattr(publish, "discard", cut_short)

    with pytest.raises(StorageUnavailable):
        DiscardDatabase(settings).discard(generation_call("DiscardDatabase", "one"))

    effect = provisioning.effects.of("granja", System.TENANT_DATABASE)
    assert effect is not None
    assert effect.state == "STARTED"  # a run that wants the database after all must look

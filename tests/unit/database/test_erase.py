"""A tenant's folder is erased with all that lies in it, and no other tenant's file is."""

from pathlib import Path

import pytest

from tenancy.database import TenantDatabases
from tenancy.database.erase import erase, erase_set_aside, left_over


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for tenant in ("granja", "granja2"):
        for place in (tmp_path / tenant, tmp_path / ".set-aside" / tenant):
            (place / "deep").mkdir(parents=True)
            (place / "a.duckdb").write_text(tenant)
            (place / "deep" / "b.wal").write_text(tenant)
        (tmp_path / tenant / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_text("not the tenant's")
    return tmp_path


def files(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}


def test_everything_of_the_tenant_goes_and_nothing_else(home: Path) -> None:
    before = files(home)
    with TenantDatabases(home, idle_after=0).hold("granja", create=True) as folder:
        assert len(left_over(folder)) == 4
        erase(folder)
        erase_set_aside(folder)

    assert files(home) == {name: text for name, text in before.items() if text != "granja"}
    assert not (home / "granja").exists()
    assert not (home / ".set-aside" / "granja").exists()


def test_the_tenant_can_be_opened_for_a_new_life(home: Path) -> None:
    databases = TenantDatabases(home, idle_after=0)
    with databases.hold("granja", create=True) as folder:
        erase(folder)

    with databases.hold("granja", create=True) as folder:
        assert folder.databases() == []

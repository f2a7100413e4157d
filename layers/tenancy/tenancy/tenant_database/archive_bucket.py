"""Archives of tenants' databases lie in a bucket: one folder each, and the manifest last.

What has no manifest is no archive: an upload that was cut short.

    <tenant_id>/<database>/…                        an archive, made when the tenant was taken down
    exports/<tenant_id>/<database>-<time>/…         a copy that was asked for; no tenant can be called "exports"
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tenancy.database import parquet
from tenancy.database.parquet import MANIFEST, Archive, Manifest
from tenancy.database.table_files import file_of
from tenancy.domain.errors import ArchiveDamaged, ArchiveMissing, RequestRefused, TenancyError
from tenancy.platform import aws, clock

WHO = "S3"
EXPORTS = "exports"
_CHUNK_BYTES = 1 << 20
# Who may not list a bucket is told 403 of what is not there (S3 API reference, GetObject).
_ABSENT = ("NoSuchKey", "AccessDenied")


@dataclass(frozen=True)
class Version:
    """One version of a file, or the mark of a deletion, which has no bytes."""

    key: str
    version_id: str
    bytes: int
    is_mark: bool = False


def folder_of(archive: Archive) -> str:
    """Return where a tenant's archive lies: the same for every try to archive the same database."""
    return archive.manifest.database.removesuffix(".duckdb")


def export_folder_of(archive: Archive) -> str:
    """Return where an export lies: one of its own for each."""
    moment = "".join(each for each in archive.manifest.exported_at if each.isalnum())
    return f"{EXPORTS}/{folder_of(archive)}-{moment}"


class ArchiveBucket:
    """The bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = aws.client("s3")

    def versions(self, tenant_id: str) -> list[Version]:
        """List all that the bucket holds of a tenant, archives and exports, former versions and marks of deletions."""
        paginator = self._s3.get_paginator("list_object_versions")
        with aws.calls(WHO):
            pages = [page for prefix in _prefixes(tenant_id) for page in paginator.paginate(**self._below(prefix))]
        return [version for page in pages for version in _versions(page)]

    def some_versions(self, tenant_id: str) -> list[Version]:
        """List the first of them, at most 1,000; none, when none is left. To be asked again after these were erased:
        pages are counted from an entry, which had better be there.
        """
        for prefix in _prefixes(tenant_id):
            with aws.calls(WHO):
                page = self._s3.list_object_versions(**self._below(prefix))
            if found := _versions(page):
                return found
        return []

    def _below(self, prefix: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Prefix": prefix}

    def erase(self, versions: Sequence[Version]) -> None:
        """Remove versions for good, at most 1,000; what is gone already is no error."""
        objects = [{"Key": each.key, "VersionId": each.version_id} for each in versions]
        with aws.calls(WHO):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            raise RequestRefused(f"S3 did not delete {len(errors)} files: {errors[0]['Code']}: {errors[0]['Message']}")

    def put(self, archive: Archive, folder: str | None = None) -> str:
        """Upload an archive; once more is no harm. A file may have 5 GB. Returns its folder in the bucket."""
        folder = folder or folder_of(archive)
        for path in [*archive.files, archive.directory / MANIFEST]:
            with path.open("rb") as content, aws.calls(WHO):
                self._s3.put_object(Bucket=self._bucket, Key=f"{folder}/{path.name}", Body=content)
        return folder

    def keep(self, database: Path, tenant_id: str, scratch: Path, suffix: str = "") -> dict[str, Any]:
        """Export and upload a tenant's current database, while the tenant is held. Returns what its record keeps.

        suffix: for the folder's name, which is else that of the database.
        """
        with parquet.exported(database, tenant_id, scratch, clock.now()) as made:
            manifest = made.manifest
            return {
                "database": manifest.database,
                "folder": self.put(made, folder_of(made) + suffix),
                "manifest_sha256": manifest.digest,
                "bytes": made.size,
                "rows": {name: table.rows for name, table in manifest.tables.items()},
                "exported_at": manifest.exported_at,
            }

    def get(self, folder: str, tenant_id: str, directory: Path, manifest_sha256: str | None = None) -> Archive:
        """Bring an archive back into a directory: the manifest, and what it names, each file as it was archived.

        manifest_sha256: of the manifest, where it is known from elsewhere.
        Raises ArchiveMissing, ArchiveDamaged (what is there was not archived so, or for another tenant).
        """
        digest = self._fetch(f"{folder}/{MANIFEST}", directory / MANIFEST, ArchiveMissing)
        if manifest_sha256 not in (None, digest):
            raise ArchiveDamaged(f"the manifest of {folder} is not the one that was archived: its SHA-256 is {digest}")
        try:
            manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes())
        except ValidationError:
            raise ArchiveDamaged(f"the manifest of {folder} can't be read") from None
        if manifest.tenant_id != tenant_id:
            raise ArchiveDamaged(f"{folder} holds the rows of another tenant, {ascii(manifest.tenant_id)[:80]}")
        for name, table in manifest.tables.items():
            file = file_of(name)
            if self._fetch(f"{folder}/{file}", directory / file, ArchiveDamaged) != table.file_sha256:
                raise ArchiveDamaged(f"{folder}/{file} is not the file that was archived: its SHA-256 differs")
        return Archive(directory, manifest)

    def _fetch(self, key: str, path: Path, absent: type[TenancyError]) -> str:
        """Download one object. Returns its SHA-256 in hex."""
        digest = hashlib.sha256()
        try:
            with aws.calls(WHO, dict.fromkeys(_ABSENT, absent)), path.open("wb") as file:
                body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
                while chunk := body.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
        except absent as error:
            raise absent(f"{key} is not in the archive, or may not be read: {error}") from error
        return digest.hexdigest()


def _prefixes(tenant_id: str) -> tuple[str, str]:
    # With the slash: another tenant's name may begin with this one's.
    return f"{tenant_id}/", f"{EXPORTS}/{tenant_id}/"


def _versions(page: Mapping[str, Any]) -> list[Version]:
    files = [Version(each["Key"], each["VersionId"], each["Size"]) for each in page.get("Versions", [])]
    marks = [Version(each["Key"], each["VersionId"], 0, is_mark=True) for each in page.get("DeleteMarkers", [])]
    return files + marks

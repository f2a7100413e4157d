"""Archives of tenants' databases in a bucket: one folder each, and the manifest last.

What has no manifest is no archive: an upload that was cut short.
"""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tenancy import aws, clock
from tenancy.database import archive
from tenancy.database.archive import MANIFEST, Archive, Manifest
from tenancy.errors import ArchiveDamaged, ArchiveMissing, TenancyError

WHO = "S3"
_CHUNK_BYTES = 1 << 20
# Who may not list a bucket is told 403 of what is not there (S3 API reference, GetObject).
_ABSENT = ("NoSuchKey", "AccessDenied")


class ArchiveStore:
    """The bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = aws.client("s3")

    def put(self, archive: Archive, suffix: str = "") -> str:
        """Upload an archive; once more is no harm. A file may have 5 GB. Returns its folder in the bucket.

        suffix: for the folder's name, which is else that of the database.
        """
        folder = archive.manifest.database.removesuffix(".duckdb") + suffix
        for path in [*archive.files, archive.directory / MANIFEST]:
            with path.open("rb") as content, aws.calls(WHO):
                self._s3.put_object(Bucket=self._bucket, Key=f"{folder}/{path.name}", Body=content)
        return folder

    def keep(self, database: Path, tenant_id: str, scratch: Path, suffix: str = "") -> dict[str, Any]:
        """Export and upload a tenant's current database, while the tenant is held. Returns what its record keeps."""
        with archive.exported(database, tenant_id, scratch, clock.now()) as made:
            manifest = made.manifest
            return {
                "database": manifest.database,
                "folder": self.put(made, suffix),
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
            file = archive.file_of(name)
            if self._fetch(f"{folder}/{file}", directory / file, ArchiveDamaged) != table.file_sha256:
                raise ArchiveDamaged(f"{folder}/{file} is not the file that was archived: its SHA-256 differs")
        return Archive(directory, manifest)

    def _fetch(self, key: str, path: Path, absent: type[TenancyError]) -> str:
        """One object as a file. Returns its SHA-256 in hex."""
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

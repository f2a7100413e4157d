"""Archives of tenants' databases in a bucket: one folder each, and the manifest last.

What has no manifest is no archive: an upload that was cut short.
"""

from tenancy import aws
from tenancy.database.archive import MANIFEST, Archive

WHO = "S3"


class ArchiveStore:
    """The bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = aws.client("s3")

    def put(self, archive: Archive) -> str:
        """Upload an archive; once more is no harm. A file may have 5 GB. Returns its folder in the bucket."""
        folder = archive.manifest.database.removesuffix(".duckdb")
        for path in [*archive.files, archive.directory / MANIFEST]:
            with path.open("rb") as content, aws.calls(WHO):
                self._s3.put_object(Bucket=self._bucket, Key=f"{folder}/{path.name}", Body=content)
        return folder

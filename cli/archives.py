"""Read the bucket of archives and exports, and have the database function make or erase them."""

import uuid
from functools import cached_property
from pathlib import Path
from typing import Any

from cli import database_function
from cli.database_function import DatabaseFunctionFailed
from cli.errors import Refused
from cli.session import Session
from control.stacks import Output
from tenancy.domain.errors import SupersededError, leaves
from tenancy.domain.languages import ENGLISH

_PIECE_BYTES = 1024 * 1024


class Archives:
    """Reach the archives of a deployed stack."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, stage: str, tenant_id: str, by: str) -> dict[str, Any]:
        """Have a tenant exported (ExportDatabase) or purged (PurgeDatabase), and return the receipt.

        Raises Refused with what the function says.
        """
        order = {"execution_arn": "", "request": str(uuid.uuid4()), "requested_by": by}
        try:
            return database_function.ask(self._session, stage, tenant_id, **order)
        except DatabaseFunctionFailed as error:
            if error.kind in leaves(SupersededError):
                raise Refused(f"{stage} was refused: {error}.") from None
            raise Refused(f"{stage} failed: {error.kind}: {error}. {ENGLISH.remedy(error.kind)}") from None

    def files_below(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of the bucket."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{folder}/")
        return [each["Key"].removeprefix(f"{folder}/") for page in pages for each in page.get("Contents", [])]

    def download(self, folder: str, name: str, target: Path) -> None:
        """Write a file of the bucket into a local one."""
        found = self._s3.get_object(Bucket=self._bucket, Key=f"{folder}/{name}")["Body"]
        with target.open("wb") as file:
            for piece in found.iter_chunks(_PIECE_BYTES):
                file.write(piece)

    @cached_property
    def _bucket(self) -> str:
        return self._session.output(Output.ARCHIVE_BUCKET)

    @cached_property
    def _s3(self) -> Any:
        return self._session.client("s3")

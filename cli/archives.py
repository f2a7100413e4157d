"""What fluxion-tenant-database does when a person asks, beside the workflow; and the bucket of archives and exports."""

import json
import uuid
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.config import Config

from cli.aws import ControlPlane
from cli.errors import Refused
from control.stacks import Output
from tenancy.domain.errors import SupersededError, leaves, remedy_for

# The function may work for 2 minutes (its timeout); asked again while it works, it would do all of it twice.
_LONG = Config(connect_timeout=5, read_timeout=150, retries={"mode": "standard", "total_max_attempts": 1})
_PIECE_BYTES = 1024 * 1024


class Archives:
    """What is kept of tenants' databases, and who makes and erases it."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def ask(self, stage: str, tenant_id: str, by: str) -> dict[str, Any]:
        """Have a tenant exported (ExportDatabase) or purged (PurgeDatabase). Returns the receipt.

        Raises Refused with what the function says. What is asked is asked once, and never repeated by itself.
        """
        order = {
            "tenant_id": tenant_id,
            "stage": stage,
            "execution_arn": "",
            "request": str(uuid.uuid4()),
            "requested_by": by,
        }
        function = self._control_plane.client("lambda", _LONG)
        answer = function.invoke(FunctionName="fluxion-tenant-database", Payload=json.dumps(order).encode())
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise Refused(_failed(stage, said))
        return dict(said)

    def files_below(self, folder: str) -> list[str]:
        """Names of the files in a folder of the bucket."""
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
        return self._control_plane.output(Output.ARCHIVE_BUCKET)

    @cached_property
    def _s3(self) -> Any:
        return self._control_plane.client("s3")


def _failed(stage: str, said: Mapping[str, Any]) -> str:
    """What a function's failure means for the person who asked."""
    kind, message = str(said.get("errorType", "Unknown")), str(said.get("errorMessage", "it did not say why"))
    if kind in leaves(SupersededError):
        return f"{stage} was refused: {message}."
    return f"{stage} failed: {kind}: {message}. {remedy_for(kind)}"

"""S3, as far as the product uses it: whole objects, put and read by key. See ``services`` for how strict."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.refusals import Refused, known_only

_LONGEST_KEY = 1024  # bytes


@dataclass
class Buckets:
    """All buckets of the template: name → key → content."""

    objects: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def call(self, operation: str, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        if operation not in ("PutObject", "GetObject"):
            raise NotImplementedError(f"S3 {operation} is not known here")
        bucket = self.objects.get(params["Bucket"])
        if bucket is None:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        return self._put(bucket, params) if operation == "PutObject" else self._get(bucket, params)

    def _put(self, bucket: dict[str, bytes], params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "Bucket", "Key", "Body", "ChecksumAlgorithm")  # the last one botocore adds itself
        key, body = params["Key"], params["Body"]
        if not 0 < len(key.encode()) <= _LONGEST_KEY:
            raise Refused("KeyTooLongError", "Your key is too long")
        if hasattr(body, "read"):  # from its beginning, as each try sends it
            body.seek(0)
            body = body.read()
        bucket[key] = bytes(body)
        return {"ETag": f'"{len(bucket)}"'}

    def _get(self, bucket: dict[str, bytes], params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "Bucket", "Key", "ChecksumMode")  # the last one botocore adds itself
        if params["Key"] not in bucket:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": io.BytesIO(bucket[params["Key"]])}

"""S3, as far as the product uses it: whole objects, put, read and looked for by key. ``services`` says how strict."""

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
        known = {"PutObject": self._put, "GetObject": self._get, "ListObjectsV2": self._list}
        if operation not in known:
            raise NotImplementedError(f"S3 {operation} is not known here")
        bucket = self.objects.get(params["Bucket"])
        if bucket is None:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        return known[operation](bucket, params)

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

    def _list(self, bucket: dict[str, bytes], params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "Bucket", "Prefix", "MaxKeys")
        keys = [key for key in sorted(bucket) if key.startswith(params.get("Prefix", ""))]
        page = keys[: params.get("MaxKeys", 1000)]
        return {"Contents": [{"Key": key, "Size": len(bucket[key])} for key in page], "IsTruncated": page != keys}

"""Answer an error in the service's own protocol, so that every SDK raises it by its code."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from local_aws.gateway import models
from local_aws.gateway.call import Answer, Call

_STATUS = {
    "AccessDenied": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServiceError": 500,
    "InternalServiceException": 500,
    "ServiceException": 500,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SlowDown": 503,
    "RequestTimeout": 408,
}
"""Of errors that services answer but their models do not list; 400 for the rest."""


def error(call: Call, code: str, message: str, status: int | None = None) -> Answer:
    """Return the answer that makes an SDK raise `code`. status: HTTP status; None takes the model's, then AWS's usual
    one.
    """
    status = status or models.status_of_error(call.service, code) or _STATUS.get(code, 400)
    request_id = str(uuid.uuid4())
    kind, body = _body(call, code, message, status, request_id)
    headers = {"content-type": kind, "content-length": str(len(body)), "x-amzn-requestid": request_id}
    if kind == "application/cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
    if _protocol(call) == "rest-json":
        headers["x-amzn-errortype"] = code
    return Answer(status, [(name.encode(), value.encode()) for name, value in headers.items()], body)


def _protocol(call: Call) -> str:
    """Return the protocol in which the request is written, since the caller can read it; REST follows the model."""
    if call.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if "x-amz-target" in call.headers:
        return "json"
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    model = models.model_of(call.service)
    return str(model.protocol) if model else "rest-json"


def _body(call: Call, code: str, message: str, status: int, request_id: str) -> tuple[str, bytes]:
    """Return (content type, body)."""
    protocol = _protocol(call)
    if protocol == "cbor":
        return "application/cbor", _cbor_map({"__type": code, "message": message})
    if protocol in ("json", "rest-json"):
        kind = call.headers.get("content-type", "") if protocol == "json" else "application/json"
        return kind or "application/json", json.dumps({"__type": code, "message": message}).encode()
    details = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.service == "s3":
        text = f"<Error>{details}<RequestId>{request_id}</RequestId></Error>"
    else:
        kind = "Sender" if status < 500 else "Receiver"
        error = f"<Error><Type>{kind}</Type>{details}</Error><RequestId>{request_id}</RequestId>"
        text = f"<ErrorResponse{_namespace(call)}>{error}</ErrorResponse>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return "text/xml", b"" if call.method == "HEAD" else body


def _namespace(call: Call) -> str:
    model = models.model_of(call.service)
    address = (model.metadata.get("xmlNamespace") if model else None) or ""
    return f' xmlns="{escape(address)}"' if isinstance(address, str) and address else ""


def _cbor_map(texts: dict[str, str]) -> bytes:
    """Return a map of fewer than 24 texts in CBOR (RFC 8949)."""

    def text(value: str) -> bytes:
        data = value.encode()
        return b"\x7a" + len(data).to_bytes(4) + data

    return bytes([0xA0 | len(texts)]) + b"".join(text(key) + text(value) for key, value in texts.items())

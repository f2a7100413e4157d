"""The ASGI layer in front of MiniStack: a chain of middlewares that every AWS call crosses.

Step Functions' own integrations run inside MiniStack and do not come through here; `step_functions.role` traces those.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from local_aws.gateway import connections, faults, identity, operations, task_credentials, trace
from local_aws.gateway.call import Answer, Call, Middleware, Proceed


async def traced(call: Call, proceed: Proceed) -> Answer:
    """Write the call to the trace."""
    started = time.perf_counter()
    answer = await proceed()
    took = round((time.perf_counter() - started) * 1000, 1)
    path = call.path if call.path != "/" else None
    notes = {"ms": took, "path": path, "error": answer.error, **call.notes}
    trace.record(call.principal, call.service, call.operation, answer.status, **notes)
    return answer


class Gateway:
    """An ASGI application: `middlewares`, outermost first, around `app`."""

    def __init__(self, app: Any, middlewares: Sequence[Middleware]) -> None:
        self.app, self.middlewares = app, list(middlewares)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/_ministack", "/_localstack", "/health")):
            await self.app(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"].startswith(faults.PATH):
            await _send_json(send, *faults.answer(scope["method"], scope["path"], headers, body))
            return
        if scope["path"].startswith(task_credentials.PATH):
            await _send_json(send, *task_credentials.answer(scope["method"], scope["path"], headers))
            return
        client = (scope["client"][0], scope["client"][1]) if scope.get("client") else None
        caller = identity.principal_of_key(operations.access_key_of(headers))
        call = Call(
            scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body, caller, client
        )
        answer = await self._run(call, 0, scope, receive)
        if answer.unsent:
            connections.cut(client)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _run(self, call: Call, place: int, scope: dict[str, Any], receive: Any) -> Answer:
        if place < len(self.middlewares):
            return await self.middlewares[place](call, lambda: self._run(call, place + 1, scope, receive))
        return await _ask(self.app, scope, call.body, receive)


async def _send_json(send: Any, status: int, content: Any) -> None:
    body = b"" if content is None else json.dumps(content, indent=1).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _whole_body(receive: Any) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _ask(app: Any, scope: dict[str, Any], body: bytes, receive: Any) -> Answer:
    """Return the application's answer, collected."""
    answer, parts, given = Answer(500), [], False

    async def replay() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, replay, collect)
    answer.body = b"".join(parts)
    return answer

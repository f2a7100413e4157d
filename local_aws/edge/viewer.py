"""Answer a viewer's request, from Host to body: the ASGI application of the edge."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.edge.cache import Cache, Entry
from local_aws.edge.function import EdgeFunction, Redirect
from local_aws.edge.origins import Answer, OriginDown, OriginRequest, Origins
from local_aws.edge.policies import (
    Headers,
    Policy,
    seconds_when_origin_is_down,
    tags,
    value,
    with_response_policy,
)
from local_aws.edge.routing import HostTable, behaviour_for, hostname
from local_aws.edge.source import Source
from local_aws.services.cloudfront.view import DistributionView

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Log = Callable[[Mapping[str, Any]], None]

_MAX_BODY = 20 * 1024 * 1024  # bytes; CloudFront takes 20 GB for uploads, nothing here comes near
_PAGE = (
    "<!DOCTYPE html><html><head><title>ERROR: The request could not be satisfied</title></head><body>"
    "<h1>{status} ERROR</h1><h2>The request could not be satisfied.</h2><p>{text}</p></body></html>"
)


@dataclass
class Request:
    """A viewer's request."""

    method: str
    path: str
    query: str
    headers: Headers
    client: str
    body: bytes = b""

    @property
    def cacheable(self) -> bool:
        return self.method in ("GET", "HEAD")


@dataclass
class Served:
    """An answer to the viewer. cache: `hit`, `miss`, `error`, `function` (its answer) or `none` (the edge's own)."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes] | bytes
    cache: str
    close: Callable[[], Awaitable[None]] | None = None
    age: int | None = None
    distribution: str = ""


class _Refused(Exception):
    def __init__(self, status: int, text: str, distribution: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.distribution = status, text, distribution


@dataclass
class Edge:
    """An ASGI application with every distribution and one cache."""

    source: Source
    origins: Origins
    log: Log
    cache: Cache = field(default_factory=Cache)
    clock: Callable[[], float] = time.monotonic
    _functions: dict[str, EdgeFunction] = field(default_factory=dict, init=False)
    _views: list[DistributionView] = field(default_factory=list, init=False)
    _table: HostTable = field(default_factory=lambda: HostTable([]), init=False)

    def table(self) -> HostTable:
        """Return the hosts as they are in force now."""
        views = self.source.distributions()
        if len(views) != len(self._views) or any(new is not old for new, old in zip(views, self._views, strict=True)):
            self._views, self._table = views, HostTable(views)
        return self._table

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        headers = [(name.decode("latin-1").lower(), text.decode("latin-1")) for name, text in scope["headers"]]
        request = Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            client=(scope.get("client") or ("",))[0],
        )
        try:
            request.body = await _body(receive)
            served = await self._serve(request)
        except _Refused as refused:
            page = _PAGE.format(status=refused.status, text=refused.text).encode()
            fields = [("content-type", "text/html"), ("content-length", str(len(page)))]
            served = Served(refused.status, fields, page, "none", distribution=refused.distribution)
        try:
            await _send(send, request, served)
        finally:
            if served.close:
                await served.close()
            self.log(
                {
                    "at": time.time(),
                    "host": hostname(value(headers, "host") or ""),
                    "method": request.method,
                    "path": request.path,
                    "status": served.status,
                    "cache": served.cache,
                    "ms": round((time.perf_counter() - began) * 1000, 2),
                    "distribution": served.distribution,
                }
            )

    async def _serve(self, request: Request) -> Served:
        distribution = self.table().find(value(request.headers, "host") or "")
        if distribution is None:
            raise _Refused(403, "No distribution answers for this host name, or it is not deployed yet.")
        if not request.path.startswith("/"):
            raise _Refused(400, "Bad request.", distribution.id)
        behaviour = behaviour_for(distribution, request.path)
        allowed = behaviour.get("allowed_methods")
        if allowed and request.method not in allowed:
            raise _Refused(403, "The distribution is not configured to allow this HTTP method.", distribution.id)

        served = self._function_answers(request, distribution, behaviour)
        if served is None:
            if request.path == "/" and distribution.default_root_object:
                request.path = f"/{distribution.default_root_object}"
            policy = Policy(
                self.source.cache_policy(behaviour.get("cache_policy_id")),
                self.source.origin_request_policy(behaviour.get("origin_request_policy_id")),
            )
            served = await self._answer(request, distribution, behaviour, policy)
        served.distribution = distribution.id
        response_policy = self.source.response_headers_policy(behaviour.get("response_headers_policy_id"))
        served.headers = with_response_policy(served.headers, response_policy)
        return served

    def _function_answers(
        self, request: Request, distribution: DistributionView, behaviour: Mapping[str, Any]
    ) -> Served | None:
        """Run the behaviour's function on the viewer's request; return its answer, or None and the path to go on with.

        The behaviour stays the one that the viewer's path has led to.
        """
        arn = (behaviour.get("functions") or {}).get("viewer-request")
        code = self.source.function_code(arn) if arn else None
        if code is None:
            return None
        try:
            function = self._functions.get(code) or self._functions.setdefault(code, EdgeFunction(code))
            answer = function(request.method, request.path, request.query or None, dict(request.headers))
        except Exception as error:  # whatever a program may raise: CloudFront answers 503 for all of it
            raise _Refused(503, f"The function of the behaviour failed: {error}", distribution.id) from error
        if isinstance(answer, Redirect):
            return Served(answer.status, list(answer.headers.items()), b"", "function")
        request.path = answer
        return None

    async def _answer(
        self, request: Request, distribution: DistributionView, behaviour: Mapping[str, Any], policy: Policy
    ) -> Served:
        part = f"{distribution.id} {behaviour.get('path_pattern')}"
        key = policy.cache_key(part, request.method, request.path, request.query, request.headers)
        target = f"{request.path}?{key[3]}" if key[3] else request.path
        kept = self.cache.get(key) if request.cacheable else None
        now = self.clock()
        if kept and now < kept.fresh_until:
            return _from_cache(kept, now)
        with self.cache.fetching() as fetch:
            try:
                answer, page_status = await self._fetch(request, distribution, behaviour, policy)
            except OriginDown as down:
                if kept and now < kept.stale_until:
                    return _from_cache(kept, now)
                raise _Refused(down.status, "The origin cannot be reached.", distribution.id) from down
            status = page_status or answer.status
            seconds = policy.seconds_to_keep(status, answer.headers, distribution.error_caching_seconds)
            state = "error" if status >= 400 else "miss"
            if request.method != "GET" or seconds <= 0:
                return Served(answer.status, answer.headers, answer.chunks, state, answer.close)
            try:
                body = await answer.read()
            finally:
                await answer.close()
            stale = seconds_when_origin_is_down(answer.headers) if answer.status < 400 else 0
            entry = Entry(
                distribution=distribution.id,
                target=target,
                tags=tags(answer.headers, distribution.cache_tag_header),
                status=answer.status,
                headers=answer.headers,
                body=body,
                stored_at=(now := self.clock()),
                fresh_until=now + seconds,
                stale_until=now + seconds + stale,
            )
            fetch.put(key, entry)
            return Served(answer.status, answer.headers, body, state)

    async def _fetch(
        self, request: Request, distribution: DistributionView, behaviour: Mapping[str, Any], policy: Policy
    ) -> tuple[Answer, int | None]:
        """Return the origin's answer, or the error page in its place with the status that the origin gave."""
        origin = distribution.origins.get(behaviour.get("target_origin_id", ""))
        if origin is None:
            raise OriginDown("the behaviour names no origin")
        query, headers = policy.forwarded(request.query, request.headers, origin["domain_name"], request.client)
        asked = OriginRequest(request.method, request.path, query, headers, request.body)
        answer = await self.origins.ask(distribution, origin, asked)
        page = self.source.error_pages(distribution).get(answer.status) if answer.status >= 400 else None
        if page is None:
            return answer, None
        page_origin = distribution.origins.get(behaviour_for(distribution, page["page"])["target_origin_id"], origin)
        plain = [("host", page_origin["domain_name"]), ("user-agent", "Amazon CloudFront")]
        method = "HEAD" if request.method == "HEAD" else "GET"
        shown = await self.origins.ask(distribution, page_origin, OriginRequest(method, page["page"], "", plain))
        if shown.status >= 400:  # CloudFront, "Generate custom error responses": an unavailable page is not shown
            await shown.close()
            return answer, None
        await answer.close()
        status = answer.status
        shown.status = int(page["response_code"])
        return shown, status


def _from_cache(entry: Entry, now: float) -> Served:
    state = "error" if entry.status >= 400 else "hit"
    return Served(entry.status, entry.headers, entry.body, state, age=int(now - entry.stored_at))


async def _body(receive: Receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "The viewer went away.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > _MAX_BODY:
            raise _Refused(413, "The request is too large.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


_X_CACHE = {
    "hit": "Hit from cloudfront",
    "miss": "Miss from cloudfront",
    "error": "Error from cloudfront",
    "function": "FunctionGeneratedResponse from cloudfront",
    "none": "Error from cloudfront",
}


async def _send(send: Send, request: Request, served: Served) -> None:
    fields = [pair for pair in served.headers if pair[0] not in ("x-cache", "via", "age")]
    fields += [("x-cache", _X_CACHE[served.cache]), ("via", "1.1 local.cloudfront.net (CloudFront)")]
    if served.age is not None:
        fields.append(("age", str(served.age)))
    status, body = served.status, served.body
    if status == 200 and request.cacheable and _unchanged(request.headers, served.headers):
        status, body = 304, b""
        fields = [pair for pair in fields if pair[0] not in ("content-length", "content-encoding")]
    elif isinstance(body, bytes) and value(fields, "content-length") is None:
        fields.append(("content-length", str(len(body))))
    encoded = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    if request.method == "HEAD" or status in (204, 304):
        body = b""
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
        return
    async for chunk in body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _unchanged(asked: Headers, answered: Headers) -> bool:
    wanted, etag = value(asked, "if-none-match"), value(answered, "etag")
    if wanted is None or etag is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
    return "*" in known or etag.removeprefix("W/") in known

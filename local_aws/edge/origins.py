"""Ask an origin: a server of this machine over HTTP, a bucket in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from local_aws.edge.policies import Headers, end_to_end
from local_aws.edge.source import Source
from local_aws.services.cloudfront.view import DistributionView


class OriginDown(Exception):
    """An origin could not be reached, or does not exist here; `status` is what CloudFront answers (502, 504)."""

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class OriginRequest:
    """A request to an origin: `query` without the question mark, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = b""


async def _nothing() -> None:
    """Close an answer that holds no connection."""


@dataclass
class Answer:
    """An origin's answer whose body has not been read yet. `close` must be awaited."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]] = _nothing

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks])


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


class Origins:
    """The origins of all distributions.

    custom: host name of a custom origin → base URL of the server that stands for it. Any other custom origin is down:
    nothing here talks to the internet.
    """

    def __init__(self, source: Source, custom: Mapping[str, str]) -> None:
        self._source = source
        self._custom = {name: httpx.URL(url) for name, url in custom.items()}
        # uvicorn closes idle connections after 5 s: drop them earlier than that.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=3)
        self._client = httpx.AsyncClient(limits=limits, trust_env=False, follow_redirects=False)

    async def ask(self, distribution: DistributionView, origin: Mapping[str, Any], asked: OriginRequest) -> Answer:
        """Make one request to an origin. Raises OriginDown."""
        method, path, headers = asked.method, asked.path, asked.headers
        if origin.get("s3_bucket"):
            status, fields, content = await asyncio.to_thread(
                self._source.bucket_object, distribution, origin, method, path, headers
            )
            return Answer(status, end_to_end(fields), _once(content))
        server = self._custom.get(origin["domain_name"].lower())
        if server is None:
            raise OriginDown(f"no origin {origin['domain_name']} on this machine")
        custom = [(name.lower(), text) for name, text in origin.get("custom_headers") or ()]
        replaced = {name for name, _ in custom}
        sent = [pair for pair in headers if pair[0] not in replaced] + custom
        target = (origin.get("origin_path") or "") + path + (f"?{asked.query}" if asked.query else "")
        request = OriginRequest(method, target, "", sent, asked.body)
        return await self._ask_server(server, request, float(origin.get("read_timeout") or 30))

    async def _ask_server(self, server: httpx.URL, asked: OriginRequest, timeout: float) -> Answer:
        method, headers, body = asked.method, asked.headers, asked.body
        url = server.copy_with(raw_path=asked.path.encode("latin-1"))
        kept = [pair for pair in headers if pair[0] != "content-length"]  # httpx sets it
        fields = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in kept]
        timeouts = httpx.Timeout(timeout, connect=5.0, pool=10.0).as_dict()
        for attempt in (1, 2, 3):  # CloudFront's default number of connection attempts
            request = httpx.Request(method, url, headers=fields, content=body or None, extensions={"timeout": timeouts})
            try:
                response = await self._client.send(request, stream=True)
            except httpx.TimeoutException as error:
                raise OriginDown(str(error) or "timed out", 504) from error
            except httpx.TransportError as error:
                # A connection that broke may have delivered a request that must not be repeated.
                unsent = isinstance(error, httpx.ConnectError)
                if attempt == 3 or not (unsent or method in ("GET", "HEAD")):
                    raise OriginDown(str(error) or type(error).__name__) from error
                continue
            answered = [(name.decode("latin-1").lower(), text.decode("latin-1")) for name, text in response.headers.raw]
            return Answer(response.status_code, end_to_end(answered), response.aiter_raw(), response.aclose)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

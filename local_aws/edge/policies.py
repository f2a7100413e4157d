"""Apply CloudFront's policies to a request: cache key, forwarded parts, time to live. Values in, values out.

Sources: CloudFront Developer Guide, "Understand the cache key", "Control origin requests with a policy",
"Manage how long content stays in the cache (expiration)", "How CloudFront processes HTTP 4xx and 5xx status codes".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

Headers = list[tuple[str, str]]
"""Header fields in order; names in lower case, repeated names allowed."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# An edge answers these itself from the whole object that it keeps, so a cacheable request never carries them on.
_CONDITIONAL = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"})
_DEFAULT_ERROR_SECONDS = 10
_CACHEABLE = frozenset({200, 203, 206, 301, 302, 307, 308})
_ERRORS_ALWAYS_CACHED = frozenset({404, 410, 414, 500, 501, 502, 503, 504})
_ERRORS_CACHED_IF_TOLD = frozenset({400, 403, 405, 412, 415})


def value(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first value of a header field, None if absent. `name` in lower case."""
    return next((text for key, text in headers if key == name), None)


def chooser(kind: str | None, names: Iterable[str] | None, *, fold: bool = False) -> Callable[[str], bool]:
    """Return a function that says whether a policy's `…Behavior` takes a name. `fold`: ignore case (headers)."""
    chosen = {name.lower() if fold else name for name in names or ()}

    def asked(name: str) -> bool:
        known = (name.lower() if fold else name) in chosen
        match kind:
            case "all" | "allViewer" | "allViewerAndWhitelistCloudFront":
                return True
            case "whitelist":
                return known
            case "allExcept":
                return not known
            case _:
                return False

    return asked


@dataclass(frozen=True)
class Policy:
    """A behaviour's cache policy and origin request policy, ready to be asked.

    cache: MiniStack's `{MinTTL, DefaultTTL, MaxTTL, Parameters}`; None: nothing is cached and nothing is in the key.
    origin_request: `{HeaderBehavior, Headers, CookieBehavior, Cookies, QueryStringBehavior, QueryStrings}` or None.
    """

    cache: Mapping[str, Any] | None
    origin_request: Mapping[str, Any] | None

    @property
    def min_ttl(self) -> int:
        return int((self.cache or {}).get("MinTTL", 0))

    @property
    def max_ttl(self) -> int:
        return int((self.cache or {}).get("MaxTTL", 31536000)) if self.cache else 0

    @property
    def default_ttl(self) -> int:
        return int((self.cache or {}).get("DefaultTTL", 86400)) if self.cache else 0

    @property
    def _parameters(self) -> Mapping[str, Any]:
        return (self.cache or {}).get("Parameters") or {}

    def cache_key(self, host_part: str, method: str, path: str, query: str, headers: Headers) -> tuple[Any, ...]:
        """Return the key that makes two requests one object: GET and HEAD share it. `host_part`: distribution,
        behaviour.
        """
        parameters = self._parameters
        in_key = chooser(parameters.get("HeaderBehavior"), parameters.get("Headers"), fold=True)
        cookie_in_key = chooser(parameters.get("CookieBehavior"), parameters.get("Cookies"))
        return (
            host_part,
            "GET" if method in ("GET", "HEAD") else method,
            path,
            self._query(query, cached_only=True),
            tuple(sorted((name, text) for name, text in headers if in_key(name))),
            tuple(sorted(pair for pair in _cookies(headers) if cookie_in_key(pair.partition("=")[0]))),
            self._encoding(headers),
        )

    def forwarded(self, query: str, headers: Headers, origin_host: str, client: str) -> tuple[str, Headers]:
        """Return the query string and the header fields that the origin gets.

        Host is the origin's own name unless a policy forwards the viewer's.
        """
        parameters, request = self._parameters, self.origin_request or {}
        key_header = chooser(parameters.get("HeaderBehavior"), parameters.get("Headers"), fold=True)
        asked_header = chooser(request.get("HeaderBehavior"), request.get("Headers"), fold=True)
        key_cookie = chooser(parameters.get("CookieBehavior"), parameters.get("Cookies"))
        asked_cookie = chooser(request.get("CookieBehavior"), request.get("Cookies"))
        dropped = (
            HOP_BY_HOP
            | {"cookie", "host", "via", "x-forwarded-for", "accept-encoding", "user-agent"}
            | _listed(headers)
        )
        if self.cache and self.max_ttl > 0:
            dropped |= _CONDITIONAL

        sent: Headers = [
            (name, text)
            for name, text in headers
            if name not in dropped
            and (key_header(name) or asked_header(name) or name in ("content-type", "content-length"))
        ]
        forwards_host = key_header("host") or asked_header("host")
        sent.insert(0, ("host", (value(headers, "host") or origin_host) if forwards_host else origin_host))
        agent = value(headers, "user-agent") if key_header("user-agent") or asked_header("user-agent") else None
        sent.append(("user-agent", agent or "Amazon CloudFront"))
        encoding = self._encoding(headers) or (
            value(headers, "accept-encoding") if asked_header("accept-encoding") else None
        )
        sent.append(("accept-encoding", encoding or "identity"))
        cookies = [pair for pair in _cookies(headers) if key_cookie(c := pair.partition("=")[0]) or asked_cookie(c)]
        if cookies:
            sent.append(("cookie", "; ".join(cookies)))
        earlier = value(headers, "x-forwarded-for")
        sent.append(("x-forwarded-for", f"{earlier}, {client}" if earlier else client))
        sent.append(("via", "1.1 local.cloudfront.net (CloudFront)"))
        return self._query(query, cached_only=False), sent

    def _query(self, query: str, *, cached_only: bool) -> str:
        parameters, request = self._parameters, self.origin_request or {}
        in_key = chooser(parameters.get("QueryStringBehavior"), parameters.get("QueryStrings"))
        asked = chooser(None if cached_only else request.get("QueryStringBehavior"), request.get("QueryStrings"))
        pairs = [pair for pair in query.split("&") if pair]
        return "&".join(pair for pair in pairs if in_key(n := unquote_plus(pair.partition("=")[0])) or asked(n))

    def _encoding(self, headers: Headers) -> str | None:
        """Return Accept-Encoding as CloudFront normalises it if the policy caches compressed objects, else None."""
        parameters, offered = self._parameters, (value(headers, "accept-encoding") or "").lower()
        kinds = (("br", "EnableAcceptEncodingBrotli"), ("gzip", "EnableAcceptEncodingGzip"))
        if not any(parameters.get(flag) for _, flag in kinds):
            return None
        offers = {part.partition(";")[0].strip() for part in offered.split(",")}
        return ", ".join(kind for kind, flag in kinds if parameters.get(flag) and kind in offers)

    def seconds_to_keep(self, status: int, headers: Headers, error_seconds: Mapping[int, int]) -> int:
        """Return the seconds for which an answer may be served again; 0: not at all.

        error_seconds: ErrorCachingMinTTL by status. An error is kept at least that long, whatever Cache-Control says.
        """
        directives = _directives(headers)
        told = directives.get("s-maxage") or directives.get("max-age")
        seconds = int(told) if told and told.isdigit() else None
        if status >= 400:
            at_least = error_seconds.get(status, _DEFAULT_ERROR_SECONDS)
            if status in _ERRORS_ALWAYS_CACHED:
                return max(at_least, 0 if directives.keys() & {"no-store", "no-cache", "private"} else seconds or 0)
            return max(at_least, seconds) if status in _ERRORS_CACHED_IF_TOLD and seconds else 0
        if status not in _CACHEABLE or status == 206 or self.cache is None or self.max_ttl == 0:
            return 0
        if directives.keys() & {"no-store", "no-cache", "private"}:
            return self.min_ttl
        return min(max(seconds if seconds is not None else self.default_ttl, self.min_ttl), self.max_ttl)


def seconds_when_origin_is_down(headers: Headers) -> float:
    """Return the seconds for which an expired object stands in for a dead origin: `stale-if-error`, or no end."""
    told = _directives(headers).get("stale-if-error")
    return float(told) if told and told.isdigit() else float("inf")


def tags(headers: Headers, header_name: str | None) -> frozenset[str]:
    """Return the cache tags of an answer, lower case. header_name: CacheTagConfig.HeaderName, lower case, or None."""
    if header_name is None:
        return frozenset()
    texts = [text for name, text in headers if name == header_name]
    found = [tag.strip().lower() for text in texts for tag in text.split(",") if tag.strip()]
    return frozenset(tag for tag in found[:50] if len(tag) <= 256)  # limits: CloudFront, "Invalidate by cache tag"


def with_response_policy(headers: Headers, policy: Mapping[str, Any] | None) -> Headers:
    """Return the header fields after a response headers policy `{CustomHeaders, Security, RemoveHeaders}`."""
    if not policy:
        return headers
    for name, text, override in _policy_headers(policy):
        present = any(key == name for key, _ in headers)
        if present and not override:
            continue
        headers = [pair for pair in headers if pair[0] != name] + [(name, text)]
    removed = {item["Header"].lower() for item in policy.get("RemoveHeaders") or ()}
    return [pair for pair in headers if pair[0] not in removed]


def _policy_headers(policy: Mapping[str, Any]) -> Iterable[tuple[str, str, bool]]:
    for item in policy.get("CustomHeaders") or ():
        yield item["Header"].lower(), item["Value"], bool(item["Override"])
    security = policy.get("Security") or {}
    if item := security.get("ContentTypeOptions"):
        yield "x-content-type-options", "nosniff", item["Override"]
    if item := security.get("FrameOptions"):
        yield "x-frame-options", item["FrameOption"], item["Override"]
    if item := security.get("ReferrerPolicy"):
        yield "referrer-policy", item["ReferrerPolicy"], item["Override"]
    if item := security.get("ContentSecurityPolicy"):
        yield "content-security-policy", item["ContentSecurityPolicy"], item["Override"]
    if item := security.get("XSSProtection"):
        mode = "; mode=block" if item["Protection"] and item.get("ModeBlock") else ""
        yield "x-xss-protection", f"{int(item['Protection'])}{mode}", item["Override"]
    if item := security.get("StrictTransportSecurity"):
        flags = ("; includeSubDomains" if item.get("IncludeSubdomains") else "") + (
            "; preload" if item.get("Preload") else ""
        )
        yield "strict-transport-security", f"max-age={item['AccessControlMaxAgeSec']}{flags}", item["Override"]


def _listed(headers: Headers) -> set[str]:
    """Return the names that a Connection field declares hop-by-hop."""
    return {part.strip().lower() for name, text in headers if name == "connection" for part in text.split(",")}


def end_to_end(headers: Headers) -> Headers:
    """Return the header fields without the hop-by-hop ones."""
    dropped = HOP_BY_HOP | _listed(headers)
    return [pair for pair in headers if pair[0] not in dropped]


def _cookies(headers: Headers) -> Sequence[str]:
    return [part.strip() for name, text in headers if name == "cookie" for part in text.split(";") if part.strip()]


def _directives(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in headers:
        if name == "cache-control":
            for part in text.split(","):
                key, _, argument = part.strip().partition("=")
                found[key.strip().lower()] = argument.strip().strip('"')
    return found

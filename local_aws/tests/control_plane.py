"""A control plane made of values, for the edge and the name server, and a backend that says what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local_aws.propagation import Change
from local_aws.services.cloudfront.view import DistributionView
from local_aws.services.route53.name_server import RecordView, ZoneView

BASE = "example.localhost"
NO_CACHE = {"MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0}
BY_HOST = {
    "MinTTL": 0,
    "DefaultTTL": 0,
    "MaxTTL": 3600,
    "Parameters": {"HeaderBehavior": "whitelist", "Headers": ["Host"], "QueryStringBehavior": "all"},
}
SHARED = {"MinTTL": 0, "DefaultTTL": 60, "MaxTTL": 3600, "Parameters": {"QueryStringBehavior": "none"}}
ALL_VIEWER = {"HeaderBehavior": "allViewer", "CookieBehavior": "all", "QueryStringBehavior": "all"}
SECURE = {"Security": {"StrictTransportSecurity": {"AccessControlMaxAgeSec": 63072000, "Override": True}}}


def behaviour(pattern: str | None, origin: str, cache: str, request: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "path_pattern": pattern,
        "target_origin_id": origin,
        "cache_policy_id": cache,
        "origin_request_policy_id": request,
        **more,
    }


def distribution(id_: str, *aliases: str, **changes: Any) -> DistributionView:
    view = DistributionView(
        id=id_,
        domain_name=f"{id_.lower()}.cloudfront.net",
        aliases=aliases,
        enabled=True,
        origins={
            "api": {
                "domain_name": f"origin.{BASE}",
                "s3_bucket": None,
                "custom_headers": [("X-Origin-Secret", "hush")],
            },
            "assets": {"domain_name": "assets.s3.amazonaws.com", "s3_bucket": "assets"},
            "elsewhere": {"domain_name": "example.com", "s3_bucket": None},
        },
        default_behaviour=behaviour(None, "assets", "shared", response_headers_policy_id="secure"),
        behaviours=(
            behaviour("/api/*", "api", "by-host", "all-viewer"),
            behaviour("/healthz", "api", "none", "all-viewer"),
            behaviour("/read/*", "api", "none", allowed_methods=["GET", "HEAD"]),
            behaviour("/elsewhere", "elsewhere", "none"),
        ),
        default_root_object="index.html",
        error_caching_seconds=dict.fromkeys((403, 404, 500, 502, 503, 504), 0),
        certificate_names=(BASE, f"*.{BASE}"),
        cache_tag_header="cache-tag",
    )
    return replace(view, **changes)


@dataclass
class ControlPlane:
    """Answers as the edge's Source and the name server's Zones do."""

    views: list[DistributionView] = field(default_factory=list)
    zone_list: list[ZoneView] = field(default_factory=list)
    record_sets: dict[str, list[RecordView]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=lambda: {"/index.html": b"<h1>shell</h1>"})
    functions: dict[str, str] = field(default_factory=dict)
    pages: dict[int, dict[str, Any]] = field(default_factory=dict)
    callbacks: list[Callable[[Change], None]] = field(default_factory=list)

    def distributions(self) -> list[DistributionView]:
        return list(self.views)

    def edge_names(self) -> set[str]:
        return {view.domain_name for view in self.views}

    def zones(self) -> list[ZoneView]:
        return self.zone_list

    def records(self, zone_id: str) -> list[RecordView]:
        return self.record_sets.get(zone_id, [])

    def on_change(self, callback: Callable[[Change], None]) -> None:
        self.callbacks.append(callback)

    def invalidate(self, distribution_id: str, *items: str) -> None:
        for callback in self.callbacks:
            callback(Change("invalidation", distribution_id, items))

    def cache_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        return {"none": NO_CACHE, "by-host": BY_HOST, "shared": SHARED}.get(policy_id or "")

    def origin_request_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        return ALL_VIEWER if policy_id == "all-viewer" else None

    def response_headers_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        return SECURE if policy_id == "secure" else None

    def function_code(self, function_arn: str) -> str | None:
        return self.functions.get(function_arn)

    def error_pages(self, distribution: DistributionView) -> Mapping[int, Mapping[str, Any]]:
        return self.pages

    def bucket_object(self, distribution, origin, method, path, headers):
        body = self.objects.get(path)
        if body is None:
            return 403, [("content-type", "application/xml")], b"<Error>AccessDenied</Error>"
        return 200, [("content-type", "text/html"), ("etag", f'"{hash(body)}"')], b"" if method == "HEAD" else body


class Backend:
    """A backend on a free port: echoes the request as JSON, counts requests, answers with `headers` and `status`."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status = 200
        self.count = 0
        self.closed = False
        self.before_answer: Callable[[], None] = lambda: None
        self.pieces: Iterator[bytes] | None = None
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if backend.closed:
                    self.close_connection = True
                    return
                size = int(self.headers.get("content-length") or 0)
                echo = {
                    "method": self.command,
                    "target": self.path,
                    "headers": {name.lower(): text for name, text in self.headers.items()},
                    "body": self.rfile.read(size).decode(),
                }
                backend.count += 1
                backend.before_answer()
                if backend.pieces is not None:
                    self.stream(backend.pieces)
                    return
                body = json.dumps({**echo, "count": backend.count}).encode()
                self.send_response(backend.status)
                tag = {"cache-tag": f"shop:{self.headers['host'].partition('.')[0]}"}
                fields = {
                    "content-type": "application/json",
                    "content-length": str(len(body)),
                    **tag,
                    **backend.headers,
                }
                for name, text in fields.items():
                    self.send_header(name, text)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server looks for

            def stream(self, pieces: Iterator[bytes]) -> None:
                self.send_response(200)
                self.send_header("transfer-encoding", "chunked")
                self.send_header("cache-control", "no-store")
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.closed = True
        self._server.shutdown()
        self._server.server_close()

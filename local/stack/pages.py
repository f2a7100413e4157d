"""Build the frontend's pages once per state of their sources, and put them into the assets bucket."""

import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from local.stack.errors import StackFailed
from local.stack.processes import Children
from local.stack.steps import Progress, Step

FOR_EVER, ASKED_EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".json": "application/json"}
_LOG = "frontend"


@dataclass(frozen=True)
class PageFile:
    """An object of the assets bucket."""

    key: str
    body: bytes
    content_type: str
    cache_control: str


def built(
    root: Path, children: Children, environment: Mapping[str, str], logs: Path, on_progress: Progress
) -> list[PageFile]:
    """Return the built frontend. Where it cannot be built, return that of an earlier build, and say so.

    Two stacks that start at once build it one after the other, and take its files before the next build replaces them.
    Raises StackFailed when there is none.
    """
    with alone(root):
        code = children.run(_LOG, ["/bin/sh", str(root / "scripts" / "frontend")], environment, root)
        log = logs / f"{_LOG}.log"
        found = list(files(root / "frontend" / "dist"))
        if code and not found:
            raise StackFailed(f"The pages cannot be built: {_last_line(log)} (the whole output: {log})")
        if code:
            on_progress(
                Step(f"the pages cannot be built anew, so those of an earlier build are served (why: {log})", 0)
            )
        return found


def alone(root: Path) -> FileLock:
    """Lock the folder, so that one process at a time builds in it."""
    lock = root / ".local" / "frontend.lock"
    lock.parent.mkdir(exist_ok=True)
    return FileLock(lock)


def files(dist: Path) -> Iterator[PageFile]:
    """Return the files of a build, the page itself last, so that it never names a file that is not there yet.

    Files below assets/ have names that change with their content; any other is asked for anew each time. Nothing is
    found where there is no build.
    """
    page = dist / "index.html"
    if not page.is_file():
        return
    for path in [*sorted(path for path in dist.rglob("*") if path.is_file() and path != page), page]:
        key = path.relative_to(dist).as_posix()
        cache_control = FOR_EVER if key.startswith("assets/") else ASKED_EACH_TIME
        yield PageFile(key, path.read_bytes(), _content_type(path), cache_control)


def config(base_domain: str, example_tenant: str | None = None) -> PageFile:
    """Return the configuration that a deployment gives the pages."""
    told = {"base_domain": base_domain} | ({"example_tenant": example_tenant} if example_tenant else {})
    return PageFile("config.json", json.dumps(told).encode(), "application/json", ASKED_EACH_TIME)


def upload(client: Any, bucket: str, objects: list[PageFile]) -> None:
    """Put the files into a bucket. client: of S3."""
    for each in objects:
        client.put_object(
            Bucket=bucket,
            Key=each.key,
            Body=each.body,
            ContentType=each.content_type,
            CacheControl=each.cache_control,
        )


def _content_type(path: Path) -> str:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"

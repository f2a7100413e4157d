"""The built pages as objects of a bucket, and what is served when they cannot be built."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.stack import pages
from local.stack.errors import StackFailed
from local.stack.steps import Step


class Builder:
    """In place of local.stack.processes.Children: a build that ends so, after it has written this."""

    def __init__(self, logs: Path, code: int = 0, said: str = "") -> None:
        self.logs, self.code, self.said = logs, code, said
        self.commands: list[Sequence[str]] = []

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> int:
        self.commands.append(command)
        (self.logs / f"{name}.log").write_text(self.said)
        return self.code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clone with a build of the pages."""
    (tmp_path / ".local").mkdir()
    dist = tmp_path / "frontend" / "dist"
    (dist / "assets").mkdir(parents=True)
    for name in ("index.html", "favicon.svg", "robots.txt", "assets/zebra-0a1b2c3d.js", "assets/index-4e5f6a7b.css"):
        (dist / name).write_text(name)
    (dist / "assets" / "letters-8c9d0e1f.woff2").write_bytes(b"\0\1")
    return tmp_path


def built(root: Path, builder: Builder) -> tuple[list[pages.PageFile], list[str]]:
    told: list[Step] = []
    found = pages.built(root, builder, {}, builder.logs, told.append)  # type: ignore[arg-type]
    return found, [step.name for step in told]


def test_the_page_comes_last_so_that_it_never_names_a_file_that_is_not_there_yet(root: Path) -> None:
    keys = [file.key for file in pages.files(root / "frontend" / "dist")]

    assert keys[-1] == "index.html"
    assert sorted(keys) == sorted(
        str(path.relative_to(root / "frontend/dist")) for path in root.rglob("dist/**/*") if path.is_file()
    )


def test_what_is_named_after_its_content_is_kept_for_ever_and_nothing_else(root: Path) -> None:
    kept = {file.key: file.cache_control for file in pages.files(root / "frontend" / "dist")}

    assert {key for key, control in kept.items() if "immutable" in control} == {
        key for key in kept if key.startswith("assets/")
    }
    assert kept["index.html"] == kept["favicon.svg"] == "no-cache"


def test_every_file_has_its_type(root: Path) -> None:
    assert {file.key: file.content_type for file in pages.files(root / "frontend" / "dist")} == {
        "index.html": "text/html; charset=utf-8",
        "favicon.svg": "image/svg+xml",
        "robots.txt": "text/plain; charset=utf-8",
        "assets/zebra-0a1b2c3d.js": "text/javascript; charset=utf-8",
        "assets/index-4e5f6a7b.css": "text/css; charset=utf-8",
        "assets/letters-8c9d0e1f.woff2": "font/woff2",
    }


def test_bytes_are_not_changed(root: Path) -> None:
    (letters,) = [file for file in pages.files(root / "frontend" / "dist") if file.key.endswith(".woff2")]

    assert letters.body == b"\0\1"


def test_where_there_is_no_page_there_is_no_build(root: Path) -> None:
    (root / "frontend" / "dist" / "index.html").unlink()

    assert list(pages.files(root / "frontend" / "dist")) == []
    assert list(pages.files(root / "nowhere")) == []


def test_a_build_that_went_well_is_not_worth_a_word(root: Path, tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    found, told = built(root, builder)

    assert [command[-1] for command in builder.commands] == [str(root / "scripts" / "frontend")]
    assert (len(found), told) == (6, [])


def test_a_build_that_failed_serves_the_earlier_one_and_says_so(root: Path, tmp_path: Path) -> None:
    found, (told,) = built(root, Builder(tmp_path, code=1, said="npm ERR! network\n"))

    assert len(found) == 6
    assert "those of an earlier build are served" in told
    assert str(tmp_path / "frontend.log") in told


@pytest.mark.parametrize(("said", "why"), [("one\nnpm ERR! network\n\n", "npm ERR! network"), ("", "it said nothing")])
def test_without_any_build_the_stack_fails_with_the_last_that_was_said(
    root: Path, tmp_path: Path, said: str, why: str
) -> None:
    (root / "frontend" / "dist" / "index.html").unlink()

    with pytest.raises(StackFailed, match=f"The pages cannot be built: {why} .*frontend.log"):
        built(root, Builder(tmp_path, code=1, said=said))


@pytest.mark.parametrize(
    ("example", "told"),
    [
        (None, {"base_domain": "fluxionia.co"}),
        ("granja", {"base_domain": "fluxionia.co", "example_tenant": "granja"}),
    ],
)
def test_the_deployment_tells_its_domain_and_its_example(example: str | None, told: dict[str, Any]) -> None:
    config = pages.config("fluxionia.co", example)

    assert (config.key, config.content_type, config.cache_control) == ("config.json", "application/json", "no-cache")
    assert json.loads(config.body) == told


def test_objects_are_put_in_their_order_with_type_and_cache_control(root: Path) -> None:
    class Bucket:
        def __init__(self) -> None:
            self.put: list[dict[str, Any]] = []

        def put_object(self, **request: Any) -> None:
            self.put.append(request)

    bucket = Bucket()
    shown = [pages.config("fluxionia.co"), *pages.files(root / "frontend" / "dist")]
    pages.upload(bucket, "assets", shown)

    assert [request["Key"] for request in bucket.put] == [file.key for file in shown]
    assert bucket.put[0] == {
        "Bucket": "assets",
        "Key": "config.json",
        "Body": b'{"base_domain": "fluxionia.co"}',
        "ContentType": "application/json",
        "CacheControl": "no-cache",
    }
    assert bucket.put[-1]["Key"] == "index.html"

"""Files, locks and functions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gates import functions, tree

Make = Callable[..., Path]
HASH = "    --hash=sha256:" + "0" * 64 + "\n"


def test_a_registrys_address_is_found(repository: Make):
    root = repository(**{"README.md": "see https://py" + "pi.org/project/x\n", "ok.md": "see https://example.org\n"})

    assert [finding.split(":")[0] for finding in tree.texts(root)] == ["README.md"]


@pytest.mark.parametrize("path", ["/ro" + "ot/x/file", "/ho" + "me/ana/x", "/Us" + "ers/ana/x"])
def test_a_machines_path_is_found(repository: Make, path: str):
    assert tree.texts(repository(**{"notes.md": f"look into {path}\n"}))


def test_the_folder_above_the_clone_is_a_machines_path(tmp_path: Path, repository: Make):
    assert tree.texts(repository(**{"notes.md": f"look into {tmp_path.parent}/elsewhere\n"}))


def test_what_only_looks_like_a_path_is_none(repository: Make):
    assert (
        tree.texts(repository(**{"notes.md": "$ROOT/ro" + "ot/x, arn:aws:iam::123456789012:root, .local/home/x\n"}))
        == []
    )


def test_a_long_file_is_asked_why(repository: Make, monkeypatch: pytest.MonkeyPatch):
    root = repository(
        **{"long.py": "x\n" * 351, "short.py": "x\n" * 350, "tests/test_it.py": "x\n" * 400, "LICENSE": "x\n" * 999}
    )
    assert [finding.split(":")[0] for finding in tree.lengths(root)] == ["long.py"]

    monkeypatch.setattr(tree, "LONG_ON_PURPOSE", {"long.py": "a reason", "short.py": "not needed any more"})
    assert [finding.split(":")[0] for finding in tree.lengths(root)] == ["short.py"]


def test_a_function_fits_on_a_screen(repository: Make):
    body = "    pass\n"
    root = repository(**{"a.py": f"def fits():\n{body * 39}\n\nasync def does_not():\n{body * 40}"})

    assert tree.lengths(root) == ["a.py: does_not has 41 lines, more than 40: split it into named parts"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"requirements/gates.txt": "thing==1.0\n"}, "requirements/gates.txt: thing has no hash"),
        (
            {"requirements/gates.txt": "--index-url https://example.org\nthing==1.0 \\\n" + HASH},
            "a lock holds no option",
        ),
        ({"requirements/gates.in": "thing>=2\n"}, "does not fulfil `thing>=2`"),
        ({"requirements/gates.in": "thing\nother\n"}, "does not fulfil `other`"),
        ({"local_aws/pyproject.toml": '[project]\ndependencies = ["other"]\n'}, "does not fulfil `other`"),
        ({"layers/duckdb/requirements.txt": "thing==1.1 \\\n" + HASH}, "ships thing==1.1"),
    ],
)
def test_a_lock_is_whole(repository: Make, changes: dict[str, str], words: str | None):
    files = dict.fromkeys(tree.LOCKS, "thing==1.0 \\\n" + HASH) | dict.fromkeys(tree.LOCKS.values(), "thing\n")
    files["local_aws/pyproject.toml"] = '[project]\ndependencies = ["thing"]\n'
    root = repository(**(files | changes))

    found = tree.locks(root)
    assert found == [] if words is None else any(words in finding for finding in found), found


GOOD = '"""Says what it is for."""\n\nfrom tenancy.start_workflow import HostedZone\n\nhandler = HostedZone()\n'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (GOOD, None),
        (GOOD.replace("tenancy.start_workflow", "boto3"), "imports boto3"),
        (GOOD.replace("tenancy.start_workflow", "functions.other.app"), "imports functions.other.app"),
        (GOOD.replace("from tenancy.start_workflow", "from ."), "imports ."),
        (GOOD.replace("handler =", "other ="), "defines no `handler`"),
        (GOOD.split("\n\n", 1)[1], "has no docstring"),
        (GOOD + "if handler:\n    pass\n", "branches or loops"),
        (GOOD + "x = 1\n" * 50, "lines, more than"),
    ],
)
def test_a_function_parses_delegates_and_answers(source: str, words: str | None):
    found = functions.inspect(source)

    assert found == [] if words is None else any(words in finding for finding in found), found

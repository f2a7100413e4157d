"""What the documents tell people to type: every fenced block is parsed by what would run it."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import duckdb
import pytest
import typer
from botocore import xform_name
from typer.exceptions import TyperException

from cli.main import app
from gates.__main__ import ALL as GATES

from .pages import PAGES, ROOT, blocks, commands, fences, inline, named

LANGUAGES = {"sh", "python", "json", "sql", "mermaid", "text", ""}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMAND: Any = typer.main.get_command(app)
AWS: Any = botocore.session.get_session()

# What AWS CLI has beside the services' operations, how it spells what they need, and the options of every command.
OWN = {"s3": {"cp", "ls"}, "logs": {"tail"}, "ecr": {"get-login-password"}, "cloudformation": {"deploy"}}
SPELT = {"--paths": "--invalidation-batch", "--zip-file": "--code"}
COMMON = {"--query", "--output", "--region", "--profile", "--max-items", "--cli-binary-format", "--endpoint-url"}


def fluxion(words: list[str]) -> None:
    """Parse a command line of `fluxion`. Raises TyperException if it is none."""
    command, rest = COMMAND, words
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    if "--help" not in rest:
        command.make_context(command.name, [*rest])


def aws(words: list[str]) -> None:
    """Hold a command line of AWS CLI against the model of its service."""
    service, operation, *rest = words
    given = {word.partition("=")[0] for word in rest if word.startswith("--")} - COMMON
    if operation in OWN.get(service, ()):
        return
    if operation == "wait":
        assert rest[0] in {xform_name(name, "-") for name in AWS.get_waiter_model(service).waiter_names}
        return
    model = AWS.get_service_model("s3" if service == "s3api" else service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, f"{service} has no {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    options = {f"--{xform_name(name, '-')}" for name in shape.members} if shape else set()
    needed = {f"--{xform_name(name, '-')}" for name in shape.required_members} if shape else set()
    given = {SPELT.get(option, option) for option in given}
    given = {option if option in options else option.replace("--no-", "--") for option in given}
    assert given <= options, f"{service} {operation} has no {given - options}"
    assert needed <= given, f"{service} {operation} lacks {needed - given}"


def make(words: list[str]) -> None:
    """Hold a command line of make against the Makefile, and the gates that it names against those that there are."""
    asked = [word for word in words if not re.match(r"-|\w+=", word)] or ["help"]
    assert {*asked} <= TARGETS, f"no target of make: {asked}"
    for arguments in (word[5:] for word in words if "check" in asked and word.startswith("ARGS=")):
        assert {*arguments.split()} <= {gate.name for gate in GATES}, f"no gates: {arguments}"


def runs(words: list[str]) -> None:
    """A program or a script of this repository that is started by its path."""
    for word in words:
        if re.fullmatch(
            r"(\./)?(scripts|tests|bench|gates|local|local_aws|backend|statemachine|events)/[\w./-]+", word
        ):
            assert (ROOT / word).exists(), f"no such path: {word}"


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "fluxion": fluxion,
    ".venv/bin/fluxion": fluxion,
    "aws": aws,
    "make": make,
}


def mistakes(shell: str) -> Iterator[str]:
    """What is wrong with a block of shell."""
    parsed = subprocess.run(["sh", "-n"], input=shell, capture_output=True, text=True, check=False)
    if parsed.returncode:
        yield f"{shell}: {parsed.stderr}"
        return
    for program, *words in commands(re.sub(r"(^|  )#.*", "", shell, flags=re.MULTILINE)):
        if words == ["$@"] or not words:
            continue
        try:
            PROGRAMS.get(program, runs)(words)
            runs(words)
        except (TyperException, AssertionError) as error:
            yield f"{shlex.join([program, *words])}: {error}"


def cut_short(text: str) -> str:
    """What is wrong with a command in a sentence, which need not be whole; nothing if it is one."""
    for program, *words in commands(text):
        try:
            PROGRAMS[program](words)
        except (TyperException, AssertionError) as error:
            if not re.search(r"Missing|requires an argument|Usage:|lacks", str(error)):
                return f"{text}: {error}"
    return ""


def test_every_block_of_shell_is_shell_and_every_command_in_it_exists() -> None:
    wrong = {named(page): [*mistakes("\n".join(blocks(page, "sh")))] for page in PAGES}

    assert {page: found for page, found in wrong.items() if found} == {}


def test_a_command_in_a_sentence_exists_be_it_cut_short() -> None:
    told = {
        (named(page), text) for page in PAGES for text in inline(page) if re.match(r"(fluxion|make|aws) [a-z]", text)
    }

    assert len(told) > 100
    assert [f"{page}: {wrong}" for page, text in sorted(told) if (wrong := cut_short(text))] == []


def test_other_blocks_are_what_they_say() -> None:
    for page in PAGES:
        for language, text in fences(page):
            assert language in LANGUAGES, f"{named(page)}: {language}"
            if language == "python":
                compile(text, named(page), "exec")
            elif language == "json":
                json.loads(text)
            elif language == "sql":
                assert duckdb.extract_statements(text), named(page)


@pytest.mark.parametrize(
    "command",
    [
        "fluxion tenants frobnicate granja",
        "fluxion tenants update granja --tear premium",
        "fluxion tenants update",
        "fluxion fleet migrate --tenant",
        "aws dynamodb put-items --table-name x",
        "aws dynamodb put-item --table-name x --itme {}",
        "aws dynamodb put-item --table-name x",
        "X=1 make tset",
        "make check ARGS='lnit types'",
        "sh scripts/stup project",
        "if true; then make test",
        'echo "$(fluxion tenants shew granja)"',
    ],
)
def test_a_wrong_command_is_noticed(command: str) -> None:
    assert [*mistakes(command)]


def test_commands_are_found_wherever_they_stand_in_a_line() -> None:
    shell = 'X=1 make a | b; "c d" && e "$(f --g "$(h)")" \\\n  i\nj'

    assert [words[0] for words in commands(shell)] == ["h", "f", "make", "b", "c d", "e", "j"]

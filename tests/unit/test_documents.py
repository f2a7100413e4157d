"""The documents say what the code is: names, commands and links that exist."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.main import app
from tenancy.domain import errors, events, failure_mail
from tests.unit.template.reading import FUNCTIONS, STACKS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RUNBOOKS = DOCS / "runbooks"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
READMES = (ROOT / "README.md", ROOT / "README.es.md")

# Pages about something else than one class of errors.
OTHER_PAGES = {"README", "customer-export", "customer-purge", "dead-letters", "other", "tenant-files"}
MAILED = errors.leaves(errors.PermanentError) | errors.leaves(errors.TransientError)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


def blocks(page: Path, *languages: str) -> list[str]:
    """Code blocks of a page in one of these languages."""
    return [match[3] for match in _FENCE.finditer(page.read_text()) if match[2] in languages]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as code hosts do it."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for _, heading in _HEADING.findall(prose(page)))
    return {heading.replace(" ", "-") for heading in plain}


def code(page: Path) -> Iterator[str]:
    """Lines of shell blocks, and code within sentences."""
    for block in blocks(page, "sh"):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", prose(page))


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("name", sorted(MAILED))
def test_an_error_that_is_mailed_has_the_page_that_the_mail_names(name: str) -> None:
    metadata = {"id": "1", "tenant_id": "granja", "execution_arn": "arn:aws:states:us-east-1:1:execution:a:b"}
    data = {"stage": "S", "status": "FAILED", "code": name, "message": "m", "remedy": "r"}
    report = failure_mail.Report.parse("TenantStalled", {"metadata": metadata, "data": data})
    body = failure_mail.single(report, failure_mail.Links("us-east-1", "docs/runbooks")).body
    page = ROOT / f"docs/runbooks/{name.lower()}.md"

    assert f"docs/runbooks/{page.name}\n" in body
    assert page.read_text().startswith(f"# {name}\n")
    assert f"({page.name})" in (RUNBOOKS / "README.md").read_text()


def test_no_page_is_for_an_error_that_does_not_exist() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md") if not page.stem.startswith("alarm-")}

    assert pages == {name.lower() for name in MAILED} | OTHER_PAGES


def test_every_alarm_of_the_stack_is_in_the_index_and_no_other_is() -> None:
    templates = "".join((ROOT / name).read_text() for name in ("template.yaml", "backend.yaml"))
    alarms = set(re.findall(r"AlarmName: (\S+)", templates))
    index = (RUNBOOKS / "README.md").read_text().partition("## By alarm")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(fluxion-\w+)`", index)) == alarms


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_says_what_to_do_in_commands_and_when_it_is_over(page: Path) -> None:
    if page.stem in OTHER_PAGES:
        return
    text = page.read_text()

    assert "## What to do\n" in text
    assert "## It is over when\n" in text
    assert blocks(page, "sh")


def test_every_event_is_documented_and_no_other_is() -> None:
    page = DOCS / "events.md"
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", prose(page), re.MULTILINE | re.DOTALL))

    assert list(sections) == list(events.TYPES)
    for name, fact in events.TYPES.items():
        own = set(fact.model_fields) - set(events.Failure.model_fields) - {"stage", "attempt"}
        assert own <= set(re.findall(r"`(\w+)`", sections[name])), name
    shared = set(events.Failure.model_fields) - {"stage", "attempt"}
    assert shared <= set(re.findall(r"`(\w+)`", sections["TenantStalled"]))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for line in code(page):
        for target in re.findall(r"\bmake ([a-z-]+)", line):
            assert target in targets, line


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_subcommands_and_options_of_fluxion_exist(page: Path) -> None:
    command = typer.main.get_command(app)
    options = {
        (group, name): {flag for parameter in found.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        for group in ("tenants", "fleet")
        for name, found in command.commands[group].commands.items()  # type: ignore[attr-defined]
    }

    for line in code(page):
        for group, words in re.findall(r"fluxion (tenants|fleet) ([^|;>]*)", line):
            subcommand, *rest = shlex.split(words.partition("  #")[0])
            assert (group, subcommand) in options, line
            flags = {word.partition("=")[0] for word in rest if word.startswith("--")}
            assert flags <= options[group, subcommand], line


def test_every_queue_that_is_replayed_exists_and_every_dead_letter_queue_has_its_replay() -> None:
    template = (ROOT / "template.yaml").read_text()
    queues = set(re.findall(r"^  (\w+Queue):$", template, re.MULTILINE))
    worked_off = set(re.findall(r"Queue: !GetAtt (\w+)\.Arn", template))

    replayed = {
        name for page in PAGES for line in code(page) for name in re.findall(r"fluxion replay --queue (\w+)", line)
    }

    assert replayed == queues - worked_off
    assert all(name in (RUNBOOKS / "dead-letters.md").read_text() for name in replayed)


def test_the_two_readmes_are_one_page_in_two_languages() -> None:
    english, spanish = READMES

    assert [level for level, _ in _HEADING.findall(prose(english))] == [
        level for level, _ in _HEADING.findall(prose(spanish))
    ]
    assert blocks(english, "sh", "python") == blocks(spanish, "sh", "python")
    assert prose(english).count("\n| ") == prose(spanish).count("\n| ")
    for link in _LINK.findall(prose(english)):
        if not link.startswith("README"):
            assert f"]({link})" in prose(spanish), link


def test_what_the_commands_ask_the_stack_for_exists() -> None:
    given = {(stack, name) for stack, template in STACKS.items() for name in template["Outputs"]}
    logical = {(stack, name) for stack, template in STACKS.items() for name in template["Resources"]}
    functions = {function["FunctionName"] for function in FUNCTIONS.values()} | {"fluxion-tenant-files"}

    for page in PAGES:
        shell = "\n".join(code(page))
        asked = re.findall(r"\b(output|resource) ([A-Z]\w+)(?: (fluxion[a-z-]*))?", shell)
        for what, name, stack in asked:
            assert (stack or "fluxion", name) in (given if what == "output" else logical), f"{named(page)}: {name}"
        assert set(re.findall(r"OutputKey=='(\w+)'", shell)) <= {name for _, name in given}, named(page)
        for name in re.findall(r"(?:--function-name |/aws/lambda/)(fluxion-[a-z-]+)", shell):
            assert name in functions, f"{named(page)}: {name}"


def test_every_parameter_is_documented_and_no_other_is() -> None:
    section = (DOCS / "deploying.md").read_text().partition("## Parameters")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {
        name for template in STACKS.values() for name in template["Parameters"]
    }


def test_every_state_is_documented_and_no_other_is() -> None:
    page = (DOCS / "architecture.md").read_text()
    table = page.partition("## OnboardTenant, state by state")[2].partition("How long a state tries")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    machine = json.loads((ROOT / "statemachine" / "onboard_tenant.asl.json").read_text())

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(machine["States"])

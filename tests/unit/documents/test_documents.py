"""The documents say what the code is: names and links that exist, lists that are whole."""

import re
from collections.abc import Iterator
from pathlib import Path

from generate import decisions
from tenancy.domain import errors, events, failure_mail, record
from tests.unit.template.reading import FUNCTIONS, STACKS, of_type

from .pages import (
    DOCS,
    PAGES,
    READMES,
    ROOT,
    RUNBOOKS,
    anchors,
    blocks,
    code,
    first_cells,
    headings,
    links,
    named,
    prose,
    section,
)

# Pages about something else than one class of errors.
OTHER_PAGES = {"README", "customer-export", "customer-purge", "dead-letters", "other", "tenant-files"}
MAILED = errors.leaves(errors.PermanentError) | errors.leaves(errors.TransientError)


# --- errors, alarms, queues, and what to do about them ----------------------------------------------------------------


def test_an_error_that_is_mailed_has_the_page_that_the_mail_names() -> None:
    metadata = {"id": "1", "tenant_id": "granja", "execution_arn": "arn:aws:states:us-east-1:1:execution:a:b"}
    for name in MAILED:
        data = {"stage": "S", "status": "FAILED", "code": name, "message": "m", "remedy": "r"}
        report = failure_mail.Report.parse("TenantStalled", {"metadata": metadata, "data": data})
        body = failure_mail.single(report, failure_mail.Links("us-east-1", "docs/runbooks")).body
        page = RUNBOOKS / f"{name.lower()}.md"

        assert f"docs/runbooks/{page.name}\n" in body
        assert page.read_text().startswith(f"# {name}\n")
        assert f"({page.name})" in (RUNBOOKS / "README.md").read_text()


def test_each_runbook_is_for_something_that_exists_and_says_what_to_do_and_when_it_is_over() -> None:
    pages = {page.stem: page for page in RUNBOOKS.glob("*.md")}

    assert {name for name in pages if not name.startswith("alarm-")} == {name.lower() for name in MAILED} | OTHER_PAGES
    for name in {*pages} - OTHER_PAGES:
        assert {(2, "What to do"), (2, "It is over when")} <= {*headings(pages[name])}, name
        assert blocks(pages[name], "sh"), name


def test_every_alarm_of_the_stack_is_in_the_index_and_no_other_is() -> None:
    resources = [each for template in STACKS.values() for each in template["Resources"].values()]
    alarms = {each["Properties"]["AlarmName"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"}

    assert set(re.findall(r"`(fluxion-\w+)`", section(RUNBOOKS / "README.md", "## By alarm"))) == alarms


def test_every_queue_that_is_replayed_exists_and_every_dead_letter_queue_has_its_replay() -> None:
    queues = set(of_type("AWS::SQS::Queue"))
    worked_off = set(re.findall(r"Queue: !GetAtt (\w+)\.Arn", (ROOT / "template.yaml").read_text()))

    replayed = {
        name for page in PAGES for line in code(page) for name in re.findall(r"fluxion replay --queue (\w+)", line)
    }

    assert replayed == queues - worked_off
    assert all(name in (RUNBOOKS / "dead-letters.md").read_text() for name in replayed)


# --- lists that are written by hand -----------------------------------------------------------------------------------


def test_what_all_failures_say_is_documented_once() -> None:
    told = re.findall(r"`(\w+)`", section(DOCS / "events.md", "### Failures"))

    assert set(events.Failure.model_fields) - set(events.Fact.model_fields) <= {*told}


def test_statuses_and_states_of_operations_are_documented_and_no_others_are() -> None:
    told = first_cells(section(DOCS / "architecture.md", "## Status and operation"))

    assert told == [*record.Status, *record.OperationState]


def test_every_parameter_is_documented_and_no_other_is() -> None:
    parameters = {name for template in STACKS.values() for name in template["Parameters"]}

    assert {*first_cells(section(DOCS / "deploying.md", "## Parameters"))} == parameters


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
        called = set(re.findall(r"(?:--function-name |/aws/lambda/)(fluxion-[a-z-]+)", shell))
        assert called <= functions, named(page)


# --- pages lead to each other -----------------------------------------------------------------------------------------


def dead_links(page: Path) -> Iterator[str]:
    for link in links(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if link.startswith(("https://", "mailto:")):
            continue
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors(target)):
            yield f"{named(page)}: {link}"


def test_relative_links_lead_somewhere() -> None:
    assert [link for page in PAGES for link in dead_links(page)] == []


def test_the_two_readmes_are_one_page_in_two_languages() -> None:
    english, spanish = READMES

    assert [level for level, _ in headings(english)] == [level for level, _ in headings(spanish)]
    assert blocks(english, "sh", "python") == blocks(spanish, "sh", "python")
    assert prose(english).count("\n| ") == prose(spanish).count("\n| ")
    assert {link for link in links(prose(english)) if "README" not in link} <= {*links(prose(spanish))}


def test_what_one_decision_says_of_another_that_one_says_too() -> None:
    entries = decisions.decisions((DOCS / "decisions.md").read_text())
    told = {(entry.number, words, other) for entry in entries for words, other in entry.relations}
    back = decisions.MUTUAL | {passive: active for active, passive in decisions.MUTUAL.items()}

    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert {(other, back[words], number) for number, words, other in told} == told
    assert all((number > other) == (words in decisions.MUTUAL) for number, words, other in told)


def test_the_glossary_is_in_order_and_each_word_stands_in_it_once() -> None:
    words = re.findall(r"^\| ([a-z][^|]*?) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)[1:]

    assert words == sorted({*words})


def test_what_is_to_be_touched_for_a_change_is_counted_and_exists() -> None:
    """That the files are there is a matter of links; here, that each request's list is as long as the table says."""
    page = DOCS / "changing.md"
    told = re.findall(r"^\| \[(.+?)\]\(#.*?\) \| .+? \| (\d+) \|$", page.read_text(), re.MULTILINE)
    listed = {
        heading: len(re.findall(r"^\d+\. ", section(page, f"## {heading}"), re.MULTILINE))
        for level, heading in headings(page)
        if level == 2
    }

    assert {request: int(count) for request, count in told} == listed


def test_every_folder_of_tests_says_what_it_proves_and_where_it_runs() -> None:
    rows = set(re.findall(r"^\| `([\w/]+)` \|", (ROOT / "tests/README.md").read_text(), re.MULTILINE))
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("test_*.py"))}

    assert rows == folders | {"local_aws/tests"}

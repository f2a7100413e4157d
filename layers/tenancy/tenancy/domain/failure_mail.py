"""Failures become the e-mails that people read, alone or as a digest, in each language. Values in, text out."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from urllib.parse import quote

from tenancy.domain.errors import Again, again_after, leaves
from tenancy.domain.languages import ENGLISH, LANGUAGES, Language

# SNS: the subject must be ASCII, begin with a letter, digit or punctuation, and be shorter than 100 characters.
LONGEST_SUBJECT = 99
LONGEST_ID_IN_SUBJECT = 40

# How many mails a batch of the queue becomes. FEW failures are mailed one by one. More become digests, and 1,000 (a
# whole batch) become one, at most 8 of them: a line is of 60 to 510 bytes, and a digest has at most LONGEST_DIGEST. SNS
# would take 256 KB, but mail programs cut off what is longer (Gmail at 102 KB). ``failure_notifier`` has the pace.
FEW = 10
LONGEST_DIGEST = 100_000
LONGEST_MESSAGE_IN_DIGEST = 200
LONGEST_ID_IN_DIGEST = 100


@dataclass(frozen=True)
class Report:
    """What a failure event says, as far as a mail tells of it."""

    id: str
    type: str
    tenant_id: str
    execution_arn: str
    stage: str
    status: str
    code: str
    message: str
    remedy: str
    name: str | None = None
    remaining: Sequence[str] = field(default=(), hash=False)
    """Systems in which something of a roll-back is still to be undone."""
    undo_errors: Sequence[str] = field(default=(), hash=False)

    @classmethod
    def parse(cls, event_type: str, detail: Mapping[str, Any]) -> "Report":
        """Return what ``{metadata, data}`` of a failure event says. Raises KeyError for anything else."""
        metadata, data = detail["metadata"], detail["data"]
        if event_type not in ENGLISH.what:
            raise KeyError(event_type)
        return cls(
            type=event_type,
            tenant_id=str(metadata["tenant_id"]),
            **{name: metadata[name] for name in ("id", "execution_arn")},
            **{name: data[name] for name in ("stage", "status", "code", "message", "remedy")},
            **{name: data[name] for name in ("name", "remaining", "undo_errors") if data.get(name)},
        )

    @property
    def page(self) -> str:
        """Return the name of the runbook's page."""
        return (self.code.lower() if self.code in leaves() else "other") + ".md"

    @property
    def starts_by_itself(self) -> bool:
        """Return whether a run comes by itself. Otherwise a person says when the cause is gone."""
        return again_after(self.code) is Again.WHEN_CORRECTED or self.type == "TenantOffboardingFailed"

    @property
    def is_migration(self) -> bool:
        """Return whether it comes from a migration over the fleet, and so from no execution."""
        return self.type == "DatabaseMigrationFailed"


@dataclass(frozen=True)
class Mail:
    """One e-mail as SNS takes it. ``of``: ids of the events that it tells of."""

    subject: str
    body: str
    of: Sequence[str]


@dataclass(frozen=True)
class Links:
    """Where mails point to."""

    region: str
    runbooks_url: str = ""

    def execution(self, execution_arn: str) -> str:
        """Return the page of an execution in the Step Functions console; of a migration the log of its function."""
        if execution_arn.startswith("migration/"):
            return self._log("fluxion-database-migrations")
        return self._console(f"/v2/executions/details/{quote(execution_arn, safe=':')}")

    def machine(self, execution_arn: str) -> str:
        """Return the page of all executions of an execution's machine; of a migration as before."""
        if execution_arn.startswith("migration/"):
            return self._log("fluxion-database-migrations")
        machine = execution_arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")
        return self._console(f"/statemachines/view/{quote(machine, safe=':')}")

    def runbook(self, page: str) -> str | None:
        """Return a page of the runbooks; None if it is not known where they are."""
        return f"{self.runbooks_url.rstrip('/')}/{page}" if self.runbooks_url else None

    def _log(self, function: str) -> str:
        group = f"$252Faws$252Flambda$252F{function}"  # as the console spells /aws/lambda/
        place = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        return f"{place}#logsV2:log-groups/log-group/{group}"

    def _console(self, page: str) -> str:
        return f"https://{self.region}.console.aws.amazon.com/states/home?region={self.region}#{page}"


def mails(reports: Iterable[Report], links: Links) -> list[Mail]:
    """Return the e-mails that tell of these failures, each once: one mail each if they are few, else digests."""
    each = list({report.id: report for report in reports}.values())
    if len(each) <= FEW:
        return [single(report, links) for report in each]
    many = Counter(report.code for report in each)
    return digests(sorted(each, key=lambda r: (-many[r.code], r.code, r.stage, r.tenant_id)), links)


# --- one failure ------------------------------------------------------------------------------------------------------


def single(report: Report, links: Links) -> Mail:
    """Return the e-mail about one failure."""
    body = _in_each_language(lambda language: _paragraphs(language, report, links))
    return Mail(subject(report.tenant_id, report.stage, report.type), body, (report.id,))


def _paragraphs(language: Language, report: Report, links: Links) -> list[str]:
    """Say what happened, what visitors get, what to do, and where to look."""
    name = _escaped(report.tenant_id)
    who = f"{report.name} ({name})" if report.name else name
    return [
        "\n".join(
            [
                language.what[report.type].format(who=who, stage=report.stage),
                f"{report.code}: {language.message(report.code, report.message)}",
                *(f"{language.undoing}: {_undo_error(language, error)}" for error in report.undo_errors),
                *([language.exact] if language.exact else []),
            ]
        ),
        _for_visitors(language, report),
        f"{language.to_do}: {_remedy(language, report)}\n{_command(language, report)}",
        _where_to_look(language, [links.execution(report.execution_arn)], links.runbook(report.page)),
    ]


def _undo_error(language: Language, error: str) -> str:
    """Translate ``stage: error: message``, as events have it."""
    stage, _, said = error.partition(": ")
    code, _, message = said.partition(": ")
    return f"{stage}: {code}: {language.message(code, message)}"


def _remedy(language: Language, report: Report) -> str:
    """Return what to do; in English as the event says it, which may be older than this release."""
    return report.remedy if language is ENGLISH else language.remedy(report.code)


def _command(language: Language, report: Report) -> str:
    name = shlex.quote(_escaped(report.tenant_id))
    if report.is_migration:
        return f"{language.command['retry']}\n  fluxion fleet migrate --tenant {name}"
    verb = "show" if report.starts_by_itself else "retry"
    return f"{language.command[verb]}\n  fluxion tenants {verb} {name}"


def _command_for_all(language: Language, report: Report) -> str:
    if report.is_migration:
        return f"{language.command['retry all']}\n  fluxion fleet migrate --retry-failed"
    verb, option = ("list", "list") if report.starts_by_itself else ("retry all", "retry")
    return f"{language.command[verb]}\n  fluxion tenants {option} --cause {shlex.quote(_escaped(report.code))}"


def _for_visitors(language: Language, report: Report) -> str:
    status = language.status.get(report.status) or language.another_status.format(status=report.status)
    if report.remaining:
        status += " " + language.remaining.format(systems=", ".join(report.remaining))
    return f"{status} {language.kept}" if report.type == "TenantStalled" else status


def _where_to_look(language: Language, consoles: Iterable[str], runbook: str | None) -> str:
    lines = [f"{language.look}: {console}" for console in consoles]
    return "\n".join([*lines, f"{language.runbook}: {runbook}"] if runbook else lines)


def _in_each_language(paragraphs: Callable[[Language], list[str]], *after: str) -> str:
    first, *others = LANGUAGES
    told = [text for language in others for text in (f"— {language.name} —", *paragraphs(language))]
    return "\n\n".join([*paragraphs(first), *told, *after]) + "\n"


def subject(tenant_id: str, stage: str, event_type: str) -> str:
    """Return which tenant and which stage, in what SNS accepts as a subject."""
    verb = "stalled" if event_type == "TenantStalled" else "failed"
    return f"[fluxion] {_cut(_escaped(tenant_id), LONGEST_ID_IN_SUBJECT)}: {stage} {verb}"[:LONGEST_SUBJECT]


# --- many failures ----------------------------------------------------------------------------------------------------


def digests(reports: Sequence[Report], links: Links) -> list[Mail]:
    """Return as few e-mails as a person can read about all of these, which stand in order of causes and stages."""
    causes = [list(some) for _, some in groupby(reports, key=lambda report: report.code)]
    body = _in_each_language(
        lambda language: [
            language.together.format(count=len(reports)),
            *(_cause(language, some, links) for some in causes),
            _where_to_look(language, sorted({links.machine(report.execution_arn) for report in reports}), None),
        ],
        f"— {' / '.join(language.tenants for language in LANGUAGES)} —",
        *map(_listed, causes),
    )
    if len(body.encode()) > LONGEST_DIGEST and len(reports) > 1:
        middle = (len(reports) + 1) // 2
        return [*digests(reports[:middle], links), *digests(reports[middle:], links)]
    return [Mail(digest_subject(reports), body, [report.id for report in reports])]


def digest_subject(reports: Sequence[Report]) -> str:
    """Return how many failures, and of what, in what SNS accepts as a subject."""
    causes = Counter(_escaped(report.code) for report in reports).most_common()
    counted = ", ".join(f"{count} {code}" for code, count in causes)
    return _cut(f"[fluxion] {len(reports)} failures: {counted}", LONGEST_SUBJECT)


def _cause(language: Language, reports: Sequence[Report], links: Links) -> str:
    """Say how many failed in which state, what their visitors get, what to do, and where to look."""
    first = reports[0]
    stages = Counter(report.stage for report in reports)
    visitors = Counter(_for_visitors(language, report) for report in reports)
    runbook = links.runbook(first.page)
    return "\n".join(
        [
            f"{first.code}: "
            + ", ".join(language.counted.format(count=count, stage=stage) for stage, count in stages.items()),
            *(f"{language.visitors} ({count}): {sentence}" for sentence, count in visitors.most_common()),
            f"{language.to_do}: {_remedy(language, first)}",
            _command_for_all(language, first),
            *([f"{language.runbook}: {runbook}"] if runbook else []),
        ]
    )


def _listed(reports: Sequence[Report]) -> str:
    """List every tenant of one cause, by stage, with its message; those with the same message stand together."""
    lines = [_escaped(reports[0].code)]
    for stage, some in groupby(reports, key=lambda report: report.stage):
        tenants: dict[str, list[str]] = {}
        for report in some:
            tenants.setdefault(_message(report), []).append(_cut(_escaped(report.tenant_id), LONGEST_ID_IN_DIGEST))
        lines.append(f"  {stage}")
        for message, names in tenants.items():
            lines += [f"    {names[0]}: {message}"] if len(names) == 1 else [f"    {message}", _wrapped(names)]
    return "\n".join(lines)


def _message(report: Report) -> str:
    """Return the message on one line. The tenant's record has the whole of it, and what went wrong while undoing."""
    message = _cut(" ".join(report.message.split()), LONGEST_MESSAGE_IN_DIGEST)
    return f"{message} [{report.status}: {', '.join(report.remaining)}]" if report.remaining else message


def _wrapped(names: Sequence[str]) -> str:
    indent = " " * 6
    return textwrap.fill(", ".join(names), 110, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _escaped(text: str) -> str:
    """Return ASCII without control characters; every other character as Python would write it."""
    return "".join(char if char.isascii() and char.isprintable() else ascii(char)[1:-1] for char in text)

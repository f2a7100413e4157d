"""A language is a file of this package; this is what it has to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Language:
    """The words of one language; in the templates stand ``who``, ``stage``, ``status``, ``count`` and ``systems``.

    causes: what each error means, by its name; none for the language in which errors say it themselves.
    exact: where the error's own message stands, for whoever reads another language than its own.
    remedies: what a person should do about it. Names that are not ours are what AWS raises by itself: the other ones.
    """

    name: str
    tenants: str
    what: Mapping[str, str]
    undoing: str
    status: Mapping[str, str]
    another_status: str
    remaining: str
    kept: str
    to_do: str
    command: Mapping[str, str]
    look: str
    runbook: str
    together: str
    counted: str
    visitors: str
    remedies: Mapping[str, str]
    other_remedy: str
    causes: Mapping[str, str] = field(default_factory=dict)
    other_cause: str = ""
    exact: str = ""

    def message(self, code: str, message: str) -> str:
        """Return what an error says, or, in another language than its own, what it means."""
        return self.causes.get(code, self.other_cause) or message

    def remedy(self, code: str) -> str:
        """Return what a person should do about an error."""
        return self.remedies.get(code, self.other_remedy)

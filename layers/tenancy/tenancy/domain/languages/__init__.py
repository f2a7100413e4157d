"""Each language says here what people read of errors and in e-mails. A further one is a file, and named here."""

from tenancy.domain.languages.english import ENGLISH
from tenancy.domain.languages.language import Language
from tenancy.domain.languages.spanish import SPANISH

__all__ = ["ENGLISH", "LANGUAGES", "SPANISH", "Language"]

LANGUAGES = (ENGLISH, SPANISH)
"""In the order in which a mail has them. The first is the one that errors, events and records speak."""

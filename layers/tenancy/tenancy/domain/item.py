"""An item of the ``tenants`` table, which people write, becomes a checked value here."""

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tenancy.domain import hostnames, provenance
from tenancy.domain.errors import InvalidTenantItem
from tenancy.domain.values import shown

LONGEST_NAME = 80


def _only_text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a string (DynamoDB type S)")  # noqa: TRY004 - pydantic expects ValueError
    return value


def _good_label(value: str) -> str:
    if rule := hostnames.broken_rule(value):
        raise ValueError(rule.words)
    return value


def _printable(value: str) -> str:
    # Categories C*: control, format (bidi overrides, zero-width), surrogate, private use, unassigned; Zl and Zp: line
    # and paragraph separators. Any of them could forge lines in a mail, a log or a terminal.
    if any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in value):
        raise ValueError("must not contain control characters or line breaks")
    return value


def _name_length(value: str) -> str:
    if not 1 <= len(value) <= LONGEST_NAME:
        raise ValueError(f"must have 1 to {LONGEST_NAME} characters, and has {len(value)}")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    return value


def _one_of(*allowed: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return value

    return BeforeValidator(check)


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (at and local and "." in domain.strip(".") and len(value) <= 254) or any(char.isspace() for char in value):
        raise ValueError("must be an e-mail address of at most 254 characters")
    return value


def _short_text(value: str) -> str:
    if len(value) > 200:
        raise ValueError(f"must have at most 200 characters, and has {len(value)}")
    return value


def _settings(value: object) -> object:
    if not isinstance(value, Mapping):
        raise ValueError("must be a map (DynamoDB type M)")  # noqa: TRY004
    if len(value) > 50:
        raise ValueError(f"must have at most 50 entries, and has {len(value)}")
    for key, entry in value.items():
        if not (isinstance(key, str) and key.isascii() and key.replace("_", "").isalnum() and len(key) <= 40):
            raise ValueError(f"entry {shown(key)}: a name consists of a-z, A-Z, 0-9 and _, at most 40 characters")
        if isinstance(entry, str):
            _printable(entry)
            if len(entry) > 500:
                raise ValueError(f"entry '{key}': must have at most 500 characters, and has {len(entry)}")
        elif not isinstance(entry, bool | int | float | Decimal):
            raise ValueError(f"entry '{key}': must be a string, a number or a boolean")  # noqa: TRY004
    return {key: _plain_number(entry) for key, entry in value.items()}


def _plain_number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _refused(value: object) -> object:
    raise ValueError("customers' own domains are not available in this edge mode; remove the attribute")


Text = Annotated[str, BeforeValidator(_only_text)]
TenantId = Annotated[Text, AfterValidator(_good_label)]
ShortText = Annotated[Text, AfterValidator(_short_text), AfterValidator(_printable)]


class TenantItem(BaseModel):
    """One valid item of the ``tenants`` table. Attributes that are not listed here are ignored, and named."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: TenantId
    """3 to 32 of `a-z`, `0-9`, inner hyphens; no hyphens in third and fourth place; not all digits; not reserved, nor
    like a reserved name.
    """
    name: Annotated[Text, AfterValidator(_name_length), AfterValidator(_printable)]
    """Required, 1 to 80 characters, no control characters, no space at either end."""
    desired_state: Annotated[Literal["active", "suspended"], _one_of("active", "suspended")] = "active"
    """`active` (default) or `suspended`."""
    tier: Annotated[Literal["basic", "standard", "premium"], _one_of("basic", "standard", "premium")] = "standard"
    """`basic`, `standard` (default) or `premium`."""
    contact_email: Annotated[Text, AfterValidator(_email), AfterValidator(_printable)] | None = None
    """An address of at most 254 characters."""
    settings: Annotated[dict[str, str | bool | int | float], BeforeValidator(_settings)] = Field(default_factory=dict)
    """A map of at most 50 entries; names of `a-z A-Z 0-9 _`; values are strings of at most 500 characters, numbers or
    booleans.
    """
    domains: Annotated[None, BeforeValidator(_refused)] = None
    """Refused: customers' own domains come with another edge mode."""
    restore: Annotated[dict[str, str], BeforeValidator(provenance.restore)] | None = None
    """A map of exactly `archive`, one of the tenant's own in the archive bucket (`<tenant_id>/<name>`), and `asked_at`,
    a moment: the archive's rows take the place of the tenant's database, once for each such map.
    """
    adopt: Annotated[dict[str, Any], BeforeValidator(provenance.adopt)] | None = None
    """An operator's proof of what there is already, a map of exactly `database` (name of a shared file), `tables`
    (name → `rows`, `sha256`), `records` (of `A`, `AAAA`), `alias` (boolean), `target` (the distribution's domain name).
    `fluxion tenants adopt` writes it.
    """
    requested_by: ShortText | None = None
    """Any text of at most 200 characters."""
    requested_at: ShortText | None = None
    """Any text of at most 200 characters; changing it asks for another run."""

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> "TenantItem":
        """Return the item as a value.

        Raises InvalidTenantItem, whose message names every field, value and rule that is broken.
        """
        try:
            return cls.model_validate({key: value for key, value in item.items() if value is not None})
        except ValidationError as error:
            raise InvalidTenantItem("; ".join(_violation(found, item) for found in error.errors())) from None

    @classmethod
    def ignored_attributes(cls, item: Mapping[str, Any]) -> list[str]:
        """Return the names of attributes that mean nothing here, at most 20 of them, cut to 80 characters."""
        return sorted(key[:80] for key in item if key not in cls.model_fields)[:20]

    @property
    def spec(self) -> dict[str, Any]:
        """Return what the states act on, as the record keeps it; ``requested_at`` is no such thing."""
        no_such_thing = {"tenant_id", "domains", "requested_by", "requested_at"}
        return self.model_dump(exclude=no_such_thing, exclude_none=True)


def _violation(error: Any, item: Mapping[str, Any]) -> str:
    field = str(error["loc"][0]) if error["loc"] else "item"
    if error["type"] == "missing":
        return f"{field} is missing: the item must have it"
    rule = error["ctx"]["error"] if "error" in error.get("ctx", {}) else error["msg"]
    return f"{field} {shown(item.get(field))} {rule}"

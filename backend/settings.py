"""Read what the backend must be told from environment variables."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from tenancy.platform.settings import Settings

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def _plain_domain(value: str) -> str:
    plain = value.lower().removesuffix(".")
    if not plain.isascii() or not plain.strip("."):
        raise ValueError("must be a domain name, such as fluxionia.co")
    return plain


def safe_url(value: str) -> str:
    """Return an address over which keys and codes may travel: https, or this machine. Raises ValueError."""
    parts = urlsplit(value)
    host = parts.hostname or ""
    is_here = host in _THIS_MACHINE or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        raise ValueError("must be an https address")
    return value


type _Named = Annotated[str, Field(min_length=1)]


def _or_else(name: str) -> AfterValidator:
    """Return a validator for a secret's ARN, which is needed unless another field gives the value itself."""

    def check(value: str | None, info: ValidationInfo) -> str | None:
        secret = info.data.get(name)
        if not value and not (secret and secret.get_secret_value()):
            raise ValueError(f"must be set, or else {name.upper()}")
        return value

    return AfterValidator(check)


class OriginSettings(Settings):
    """Hold what the origin guard needs: what the distribution's requests carry, so that nobody else's are answered."""

    origin_secret: SecretStr | None = None
    origin_secret_arn: Annotated[str | None, Field(validate_default=True), _or_else("origin_secret")] = None


class BackendSettings(Settings):
    """Hold what the backend needs. The secret comes as a value, or as the ARN of a secret in Secrets Manager.

    tenants_directory: where the tenants' folders are, mounted.
    oidc_issuer: who signs people in, exactly as its tokens' ``iss`` says.
    oidc_discovery_url: its discovery document; where the backend reaches it under another address than browsers do.
    oidc_operators_client, oidc_staff_client: the ``aud`` of operators' tokens and of tenants' staff's. Never the same,
        so that a token for one is none for the other.
    oidc_scope: what a page asks the issuer for. Cognito gives a user's own attributes for ``openid`` alone.
    oidc_claim_prefix: what the issuer puts before the names of our claims; Cognito says ``custom:tenant``.
    """

    tenants_table: _Named
    provisioning_table: _Named
    tenants_directory: Path
    base_domain: Annotated[str, AfterValidator(_plain_domain)]
    oidc_issuer: Annotated[str, AfterValidator(safe_url)]
    oidc_discovery_url: Annotated[str, AfterValidator(safe_url)] | None = None
    oidc_operators_client: _Named
    oidc_staff_client: _Named
    oidc_scope: _Named = "openid email"
    oidc_claim_prefix: str = ""
    probe_secret: SecretStr | None = None
    probe_secret_arn: Annotated[str | None, Field(validate_default=True), _or_else("probe_secret")] = None

    @field_validator("oidc_staff_client")
    @classmethod
    def _is_another_than_the_operators(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("oidc_operators_client"):
            raise ValueError("must differ from OIDC_OPERATORS_CLIENT")
        return value

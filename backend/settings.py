"""What the backend must be told, as environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from tenancy.settings import Settings


def _plain_domain(value: str) -> str:
    plain = value.lower().removesuffix(".")
    if not plain.isascii() or not plain.strip("."):
        raise ValueError("must be a domain name, such as fluxionia.co")
    return plain


class BackendSettings(Settings):
    """For the backend. The secret comes as a value, or as the ARN of a secret in Secrets Manager.

    tenants_directory: where the tenants' folders are, mounted.
    """

    provisioning_table: str
    tenants_directory: Path
    base_domain: Annotated[str, AfterValidator(_plain_domain)]
    probe_secret: SecretStr | None = None
    probe_secret_arn: Annotated[str | None, Field(validate_default=True)] = None

    @field_validator("probe_secret_arn")
    @classmethod
    def _has_one_or_the_other(cls, value: str | None, info: ValidationInfo) -> str | None:
        secret = info.data.get("probe_secret")
        if not value and not (secret and secret.get_secret_value()):
            raise ValueError("must be set, or else PROBE_SECRET")
        return value

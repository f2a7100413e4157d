"""The environment of each function is a value: read once, at import, failing by the name of what is missing.

Nothing else in this package reads the environment. A test compares these models with the template.
"""

import os
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class Settings(BaseModel):
    """Base of all: the field ``base_domain`` is the variable ``BASE_DOMAIN``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment. Raises SystemExit with one sentence that names every bad variable."""
        given = {name: os.environ[name.upper()] for name in cls.model_fields if name.upper() in os.environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = ", ".join(f"{str(found['loc'][0]).upper()} ({found['msg']})" for found in error.errors())
            raise SystemExit(f"{cls.__name__}: environment variables are missing or wrong: {wrong}") from None


class MachineSettings(Settings):
    """For whoever starts executions."""

    tenants_table: str
    onboard_state_machine_arn: str
    offboard_state_machine_arn: str


class WorkflowSettings(MachineSettings):
    """For functions/start_workflow."""

    poison_queue_url: str


class ReconcileSettings(MachineSettings):
    """For functions/reconcile. So many removals, and more than this share of the served tenants, are a mass removal.

    remove_left_overs: whether what is left of nobody is removed, or only reported.
    """

    provisioning_table: str
    base_domain: str
    hosted_zone_id: str
    distribution_id: str
    tenant_database_function: str
    tenant_probe_function: str
    remove_left_overs: bool
    archive_bucket: str
    archive_retention_days: Annotated[int, Field(gt=0)]
    mass_removal_percent: Annotated[float, Field(ge=0, le=100)]
    mass_removal_at_least: Annotated[int, Field(gt=0)]


class RecordSettings(Settings):
    """For whoever writes the tenant record: functions/ended_executions, and as LifecycleSettings tenant_record."""

    tenants_table: str
    provisioning_table: str
    base_domain: str


class LifecycleSettings(RecordSettings):
    """For functions/tenant_record. Times in seconds and days."""

    offboard_grace_seconds: Annotated[int, Field(ge=0)]
    name_cooldown_days: Annotated[int, Field(ge=0)]


type _Positive = Annotated[float, Field(gt=0)]


class WriterSettings(Settings):
    """For every function that owns a contended system. Rates are those that the account has from AWS."""

    provisioning_table: str
    tenants_a_call: Annotated[int, Field(gt=0)]


class AliasSettings(WriterSettings):
    """For functions/cdn_aliases."""

    base_domain: str
    distribution_id: str
    alias_quota: Annotated[int, Field(gt=0)]
    distribution_updates_per_second: _Positive


class DnsSettings(WriterSettings):
    """For functions/dns_records."""

    base_domain: str
    hosted_zone_id: str
    distribution_domain_name: str
    zone_record_quota: Annotated[int, Field(gt=0)]
    zone_change_burst: _Positive
    zone_changes_per_second: _Positive
    zone_request_burst: _Positive
    zone_requests_per_second: _Positive


class CacheSettings(WriterSettings):
    """For functions/edge_cache."""

    distribution_id: str
    invalidations_per_second: _Positive


class DatabaseSettings(Settings):
    """For functions/database_migrations, and whoever else opens tenants' files."""

    provisioning_table: str
    tenants_directory: str
    scratch_directory: str


class ArchiveSettings(DatabaseSettings):
    """For the part of functions/tenant_database that archives, exports and purges."""

    archive_bucket: str


def _split(value: object) -> object:
    return [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value


class ProbeSettings(Settings):
    """For functions/tenant_probe. ``name_servers``: ``host`` or ``host:port`` each."""

    provisioning_table: str
    base_domain: str
    name_servers: Annotated[list[str], BeforeValidator(_split), Field(min_length=1)]
    probe_port: Annotated[int, Field(gt=0, lt=65536)]
    probe_secret_arn: str
    ca_bundle: str = ""


class OutboxSettings(Settings):
    """For functions/publish_events."""

    event_bus_name: str


class NotifierSettings(Settings):
    """For functions/failure_notifier."""

    failure_queue_url: str
    failure_topic_arn: str
    runbooks_url: str = ""
    aws_region: str

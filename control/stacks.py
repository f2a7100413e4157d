"""Spell the stacks and their outputs, at the one place in Python that does."""

from enum import StrEnum
from typing import Any

FOUNDATION, DATA, EDGE, MAIN = "fluxion-foundation", "fluxion-data", "fluxion-edge", "fluxion"


class Output(StrEnum):
    """Name an output as the templates spell it. All are outputs of MAIN but for those of the edge, which say so."""

    TENANTS_TABLE = "TenantsTableName"
    PROVISIONING_TABLE = "ProvisioningTableName"
    ONBOARD_MACHINE = "OnboardTenantStateMachineArn"
    OFFBOARD_MACHINE = "OffboardTenantStateMachineArn"
    EVENT_BUS = "EventBusName"
    HOSTED_ZONE = "HostedZoneId"
    DISTRIBUTION = "DistributionId"
    BASE_DOMAIN = "BaseDomain"
    ARCHIVE_BUCKET = "ArchiveBucketName"
    PROBE_SECRET = "ProbeSecretArn"  # noqa: S105 - the name of an output
    BACKEND_ROLE = "BackendRoleArn"
    SCHEMA_VERSION = "SchemaVersion"

    DISTRIBUTION_HOST = "DistributionDomainName"
    """Of the edge."""
    ASSETS_BUCKET = "AssetsBucketName"
    """Of the edge."""
    ORIGIN_SECRET = "OriginSecretArn"  # noqa: S105 - the name of an output
    """Of the edge."""


def outputs_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return a stack's outputs by name. cloudformation: a client."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

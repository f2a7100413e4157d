"""The settings of the parts of a local stack, and what the stack tells a shell of itself."""

from collections.abc import Mapping
from pathlib import Path

from control.stacks import Output
from local.oidc import names
from local_aws import loopback
from local_aws.quotas import Quotas

BASE_DOMAIN = "fluxionia.localhost"
REGION = "us-east-1"
ALERT_EMAIL = "ops@fluxionia.localhost"
INSYNC_SECONDS, DEPLOY_SECONDS, RECORD_TTL, GRACE_SECONDS = 1, 2, 5, 2

PACED = {
    "AliasQuota": "aliases",
    "DistributionUpdatesPerSecond": "distribution_updates_per_second",
    "InvalidationsPerSecond": "invalidations_per_second",
    "ZoneRecordQuota": "zone_records",
    "ZoneChangeBurst": "zone_change_burst",
    "ZoneChangesPerSecond": "zone_changes_per_second",
    "ZoneRequestBurst": "zone_request_burst",
    "ZoneRequestsPerSecond": "zone_requests_per_second",
}
"""Parameters of the template that tell the product of a quota, so that it keeps to it; and that quota."""

_GENEROUS = Quotas(
    distribution_updates_per_second=100, zone_changes_per_second=100_000, zone_requests_per_second=10_000
)
"""What the product is told where nothing is limited, so that it never waits."""


def parameters(
    places: Mapping[str, str], state_dir: Path, quotas: Quotas | None, given: Mapping[str, str]
) -> dict[str, str]:
    """Return parameters of the templates, whichever of them has each.

    places: what the embedded AWS says of itself. quotas: what it refuses and delays; None: everything is quick.
    given: parameters that win.
    """
    told = (quotas or _GENEROUS).scaled()
    return {
        **{parameter: f"{getattr(told, quota):.10g}" for parameter, quota in PACED.items()},
        "Environment": "local",
        "BaseDomain": BASE_DOMAIN,
        "NameServers": places["dns"],
        "ProbePort": places["edge_url"].rpartition(":")[2],
        "CaBundle": places["ca"],
        "TenantsDirectory": str(state_dir / "data"),
        "ScratchDirectory": str(state_dir / "scratch"),
        "AlertEmail": ALERT_EMAIL,
        "ReconcileSchedule": "rate(1 minute)",
        "DriftSchedule": "rate(1 minute)",
        "OffboardGraceSeconds": str(GRACE_SECONDS),
        **given,
    }


def of_backend(places: Mapping[str, str], outputs: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the backend's environment but for folders. outputs: of all stacks. port: where it is to listen."""
    edge_port = places["edge_url"].rpartition(":")[2]
    role = outputs[Output.BACKEND_ROLE].rpartition("/")[2]
    return {
        "AWS_ENDPOINT_URL": places["aws_url"],
        # As ECS gives a task the keys of its role.
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{places['aws_url']}/_local_aws/task-credentials/{role}",
        "TENANTS_TABLE": outputs[Output.TENANTS_TABLE],
        "PROVISIONING_TABLE": outputs[Output.PROVISIONING_TABLE],
        "OIDC_ISSUER": f"https://auth.{BASE_DOMAIN}:{edge_port}{names.PREFIX}",
        "OIDC_DISCOVERY_URL": f"http://{loopback.V4}:{port}{names.PREFIX}/.well-known/openid-configuration",
        "OIDC_OPERATORS_CLIENT": names.OPERATORS_CLIENT,
        "OIDC_STAFF_CLIENT": names.STAFF_CLIENT,
        "PROBE_SECRET_ARN": outputs[Output.PROBE_SECRET],
        "ORIGIN_SECRET_ARN": outputs[Output.ORIGIN_SECRET],
        "BASE_DOMAIN": BASE_DOMAIN,
    }


def of_shell(places: Mapping[str, str], state_dir: Path) -> dict[str, str]:
    """Return what `<state>/env` exports."""
    return {
        **credentials(places),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "FLUXION_EDGE_URL": places["edge_url"],
        "FLUXION_BACKEND_URL": places["backend_url"],
        "FLUXION_DNS": places["dns"],
        "FLUXION_FAULTS": places["faults_url"],
        "FLUXION_DATA_DIR": str(state_dir / "data"),
        "FLUXION_MAIL_DIR": str(state_dir / "mail"),
        "FLUXION_CA": places["ca"],
        "FLUXION_BASE_DOMAIN": BASE_DOMAIN,
        "FLUXION_STATE_DIR": str(state_dir),
    }


def credentials(places: Mapping[str, str]) -> dict[str, str]:
    """Return where the embedded AWS is, and its administrator's keys, as AWS's own variables."""
    return {
        "AWS_ENDPOINT_URL": places["aws_url"],
        "AWS_ACCESS_KEY_ID": places["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": places["secret_access_key"],
    }

"""Bridges: each module makes MiniStack behave as AWS does in one service, and says what stock MiniStack does instead.

A bridge is a function `install(settings)` that patches named targets through `patching`; it fails loudly when a target
moved. `install_all` runs them; `off` leaves some out by module name, so that a test can show what each is worth.
"""

from collections.abc import Iterable
from importlib import import_module

from local_aws.patching import require_pinned_version
from local_aws.settings import Settings

BRIDGES = (
    "aws_lambda.environment",
    "aws_lambda.stream_source",
    "aws_lambda.sqs_source",
    "aws_lambda.reserved_concurrency",
    "step_functions.executions",
    "step_functions.retry",
    "step_functions.history",
    "step_functions.logs",
    "step_functions.definition",
    "iam.conditions",
    "iam.secure_transport",
    "step_functions.role",
    "cloudfront.configuration",
    "cloudfront.invalidations",
    "cloudfront.distributions",
    "route53.changes",
    "sns.email",
    "eventbridge.delivery",
    "cloudformation.stack_events",
    "cloudwatch.metrics",
    "cloudwatch.alarms",
    "quotas",
)


def install_all(settings: Settings, off: Iterable[str] = (), *, any_version: bool = False) -> None:
    """Install every bridge but those named in `off`. Raises PatchTargetMoved, or ValueError for an unknown name.

    any_version: also on another MiniStack than the one that the bridges are written for.
    """
    left_out = set(off)
    if unknown := left_out - set(BRIDGES):
        raise ValueError(f"unknown bridges: {', '.join(sorted(unknown))}; known are {', '.join(BRIDGES)}")
    if not any_version:
        require_pinned_version()
    for name in BRIDGES:
        if name not in left_out:
            install(name, settings)


def install(name: str, settings: Settings) -> None:
    """Install one bridge. Raises PatchTargetMoved."""
    import_module(f"{__name__}.{name}").install(settings)

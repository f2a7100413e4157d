"""Bridges: each module makes MiniStack behave as AWS does in one service, and says what stock MiniStack does instead.

A bridge is a function `install(settings)` that patches named targets through `patching`; it fails loudly when a target
moved. `install_all` runs them; `off` leaves some out by module name, so that a test can show what each is worth.
"""

from collections.abc import Iterable
from importlib import import_module

from local.emulator.patching import require_pinned_version
from local.emulator.state import Settings

BRIDGES = (
    "lambda_environment",
    "stream_source",
    "sqs_source",
    "reserved_concurrency",
    "step_functions",
    "step_functions_retry",
    "step_functions_parallel",
    "step_functions_history",
    "step_functions_heartbeat",
    "step_functions_logs",
    "step_functions_definition",
    "iam_conditions",
    "secure_transport",
    "machine_role",
    "cloudfront_config",
    "cloudfront_invalidations",
    "cloudfront",
    "route53",
    "sns_email",
    "eventbridge",
    "stack_events",
    "cloudwatch_metrics",
    "cloudwatch_alarms",
    "quotas",
)


def install_all(settings: Settings, off: Iterable[str] = ()) -> None:
    """Install every bridge but those named in `off`. Raises PatchTargetMoved, or ValueError for an unknown name."""
    left_out = set(off)
    if unknown := left_out - set(BRIDGES):
        raise ValueError(f"unknown bridges: {', '.join(sorted(unknown))}; known are {', '.join(BRIDGES)}")
    require_pinned_version()
    for name in BRIDGES:
        if name not in left_out:
            import_module(f"{__name__}.{name}").install(settings)

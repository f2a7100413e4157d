"""A metric with an alarm, and a line in the log, say how near a quota is."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

_NEAR = 0.8

logger = Logger(child=True)
metrics = Metrics()


def report(what: str, used: int, quota: int) -> None:
    """Say how much of a quota is used. ``what``: the metric's name, ``AliasQuotaUsed``, in percent."""
    metrics.add_metric(what, MetricUnit.Percent, 100 * used / quota)
    if used >= _NEAR * quota:
        logger.warning("%s: %d of %d", what, used, quota)

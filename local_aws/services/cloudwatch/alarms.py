"""Alarms on one metric each, over their periods, evaluated all the time.

AWS: an alarm looks at one metric, its dimensions included; compares each of EvaluationPeriods periods; changes when
DatapointsToAlarm of them breach; treats missing values as TreatMissingData says; is evaluated without anybody asking;
a change goes to the alarm's actions. Stock MiniStack: mixes all dimensions and all periods, leaves an alarm as it is
while there is no value, and looks only when somebody puts a metric.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html, …/alarms-and-missing-data.html.
Different: a period ends now instead of at the full minute, and looks happen every LOCAL_AWS_METRIC_SECONDS (2). Alarms
on metric math and composite alarms of templates are not to be had.

Upstream: in part: dimensions, periods and missing data; that alarms are looked at unasked needs a thread of their own.
"""

from __future__ import annotations

import logging
import operator
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local_aws import patching
from local_aws.services.cloudwatch.metrics import SECONDS
from local_aws.settings import Settings

logger = logging.getLogger("local.alarms")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def state_of(values: list[float | None], alarm: dict[str, Any]) -> str | None:
    """Return ALARM, OK or INSUFFICIENT_DATA; None: stays what it is.

    values: of each period, the newest first, None for one without data.
    """
    breaches, threshold = COMPARISONS[alarm["ComparisonOperator"]], float(alarm.get("Threshold", 0))
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in ("breaching", "notBreaching"):
        states = [missing == "breaching" if value is None else breaches(value, threshold) for value in values]
    else:
        states = [breaches(value, threshold) for value in values if value is not None]
        if not states:
            return "INSUFFICIENT_DATA" if missing == "missing" else None
    wanted = int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)
    return "ALARM" if sum(states) >= wanted else "OK"


def values_of(alarm: dict[str, Any]) -> list[float | None]:
    """Return the alarm's statistic in each of its periods, the newest first."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    points = [point for point in list(points) if not alarm.get("Unit") or point["Unit"] == alarm["Unit"]]
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    period, now = int(alarm.get("Period") or 60), time.time()
    values: list[float | None] = []
    for place in range(int(alarm.get("EvaluationPeriods") or 1)):
        start, end = now - (place + 1) * period, now - place * period
        within = [point for point in points if start < point["Timestamp"] <= end]
        values.append(cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within) if within else None)
    return values


def _evaluate_alarm(original: Any) -> Any:
    def evaluate_alarm(alarm: dict[str, Any]) -> None:
        if not alarm.get("MetricName") or alarm.get("ComparisonOperator") not in COMPARISONS:
            return original(alarm)
        values, old = values_of(alarm), alarm["StateValue"]
        new = state_of(values, alarm)
        if new is None or new == old:
            return None
        known = [value for value in values if value is not None]
        reason = f"Threshold Crossed: {len(known)} datapoints {known} ({alarm['ComparisonOperator']} "
        reason += f"{alarm.get('Threshold', 0)})."
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)
        return None

    return evaluate_alarm


def _tick() -> None:
    while True:
        time.sleep(SECONDS)
        for (account, region, _), alarm in list(cloudwatch._alarms._data.items()):
            try:
                with request_scope(account, region):
                    cloudwatch._evaluate_alarm(alarm)
            except Exception:
                logger.exception("%s was not evaluated", alarm.get("AlarmName"))


def install(settings: Settings) -> None:
    patching.replace(
        cloudwatch, "_evaluate_alarm", _evaluate_alarm, "if k_ns == ns and k_mn == mn", "_dispatch_alarm_actions(alarm"
    )
    threading.Thread(target=_tick, daemon=True, name="alarms").start()

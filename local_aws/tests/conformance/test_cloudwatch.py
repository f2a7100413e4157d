"""CloudWatch: metrics that nobody puts, and the alarms on them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from .case import case

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud

slow_case = partial(case, bridge="cloudwatch.metrics", on_aws=False, why_not="AWS's metrics and alarms need minutes")

STATES = "Step Functions Developer Guide, Monitoring with CloudWatch, execution metrics"
ALARMS = "CloudWatch User Guide, Using Amazon CloudWatch alarms; Configuring how alarms treat missing data"


def total(cloud: Cloud, namespace: str, name: str, statistic: str = "Sum", **dimensions: str) -> float | None:
    """The statistic of a metric over the last hours; None if it has no value."""
    now = datetime.now(UTC)
    points = cloud.aws("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(minutes=1),
        Period=86_400,
        Statistics=[statistic],
    )["Datapoints"]
    return float(points[0][statistic]) if points else None


def alarm(cloud: Cloud, topic: str, namespace: str, metric: str, dimensions: dict[str, str], **more: Any) -> str:
    name = cloud.unique("alarm")
    settings = {"Statistic": "Maximum", "Period": 10, "EvaluationPeriods": 1, "Threshold": 0, **more}
    cloud.aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
        **{"TreatMissingData": "notBreaching", **settings},
    )
    return name


def state(cloud: Cloud, name: str) -> str:
    found = cloud.aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found[0]["StateValue"])


def listening(cloud: Cloud) -> tuple[str, str]:
    """(ARN of a topic, URL of a queue that gets what is published)."""
    url, queue = cloud.queue()
    cloud.let_send(url, queue, "sns")
    topic = cloud.aws("sns").create_topic(Name=cloud.unique("topic"))["TopicArn"]
    cloud.aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return topic, url


@slow_case(
    "a function's log line in the embedded metric format becomes a metric, with namespace, dimensions and unit",
    source="CloudWatch User Guide, Embedded metric format specification",
)
def test_embedded_metrics_are_extracted(cloud: Cloud) -> None:
    namespace = cloud.unique("Shop")
    function = cloud.function(
        f"""
        import json, time
        def handler(event, context):
            metrics = [{{"Name": "Duration", "Unit": "Milliseconds"}}]
            directive = {{"Namespace": "{namespace}", "Dimensions": [["service"]], "Metrics": metrics}}
            root = {{"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}}
            print(json.dumps({{"_aws": root, "service": "shop", "Duration": [10, 30]}}))
        """
    )
    cloud.invoke(function)
    assert cloud.until(lambda: total(cloud, namespace, "Duration", service="shop")) == 40
    assert total(cloud, namespace, "Duration", "SampleCount", service="shop") == 2
    (metric,) = cloud.aws("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
    assert metric["Dimensions"] == [{"Name": "service", "Value": "shop"}]


@slow_case(
    "executions are counted by machine and by how they end, and their time is measured",
    source=STATES,
    still_different="ExecutionThrottled and the metrics of activities and integrations are absent.",
)
def test_executions_are_counted(cloud: Cloud) -> None:
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No", "Cause": "no"}}}
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "End": True}}}
    failed, timed_out = cloud.machine(fails), cloud.machine({**waits, "TimeoutSeconds": 1})
    cloud.run(failed)
    cloud.run(timed_out)
    stopped = cloud.machine(waits)
    arn = cloud.aws("stepfunctions").start_execution(stateMachineArn=stopped, input="{}")["executionArn"]
    cloud.aws("stepfunctions").stop_execution(executionArn=arn)
    for machine, end in ((failed, "Failed"), (timed_out, "TimedOut"), (stopped, "Aborted")):
        assert total(cloud, "AWS/States", "ExecutionsStarted", StateMachineArn=machine) == 1
        assert total(cloud, "AWS/States", f"Executions{end}", StateMachineArn=machine) == 1
        assert total(cloud, "AWS/States", "ExecutionsSucceeded", StateMachineArn=machine) is None
    assert (total(cloud, "AWS/States", "ExecutionTime", StateMachineArn=timed_out) or 0) > 900


@slow_case(
    "an alarm on a queue's visible messages goes off, tells its topic, and comes back when the queue is empty",
    source=f"{ALARMS}; SQS Developer Guide, Available CloudWatch metrics",
    still_different="Queues are sampled every two seconds instead of every minute.",
)
def test_an_alarm_on_a_queue_goes_off_and_comes_back(cloud: Cloud) -> None:
    topic, heard = listening(cloud)
    url, arn = cloud.queue()
    dimensions = {"QueueName": arn.rsplit(":", 1)[-1]}
    name = alarm(cloud, topic, "AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions)
    cloud.until(lambda: state(cloud, name) == "OK")
    cloud.aws("sqs").send_message(QueueUrl=url, MessageBody="lost")
    cloud.until(lambda: state(cloud, name) == "ALARM")
    cloud.aws("sqs").purge_queue(QueueUrl=url)
    cloud.until(lambda: state(cloud, name) == "OK", seconds=20)
    told = [json.loads(message["Message"])["NewStateValue"] for message in cloud.messages(heard)]
    assert told == ["OK", "ALARM", "OK"]


@slow_case(
    "an alarm looks at the metric with its own dimensions only",
    source="CloudWatch API Reference, PutMetricAlarm, Dimensions",
    bridge="cloudwatch.alarms",
)
def test_an_alarm_has_its_own_dimensions(cloud: Cloud) -> None:
    topic, _ = listening(cloud)
    namespace = cloud.unique("Space")
    mine = alarm(cloud, topic, namespace, "Errors", {"Function": "mine"})
    theirs = alarm(cloud, topic, namespace, "Errors", {"Function": "theirs"})
    dimensions = [{"Name": "Function", "Value": "theirs"}]
    cloud.aws("cloudwatch").put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "Errors", "Dimensions": dimensions, "Value": 1}]
    )
    cloud.until(lambda: state(cloud, theirs) == "ALARM")
    assert state(cloud, mine) == "OK"


@slow_case(
    "missing values are what TreatMissingData says: nothing wrong, or not known",
    source=ALARMS,
    bridge="cloudwatch.alarms",
)
def test_missing_values(cloud: Cloud) -> None:
    topic, _ = listening(cloud)
    namespace = cloud.unique("Space")
    fine = alarm(cloud, topic, namespace, "Errors", {}, TreatMissingData="notBreaching")
    unknown = alarm(cloud, topic, namespace, "Errors", {}, TreatMissingData="missing")
    bad = alarm(cloud, topic, namespace, "Errors", {}, TreatMissingData="breaching")
    cloud.until(lambda: (state(cloud, fine), state(cloud, bad)) == ("OK", "ALARM"))
    assert state(cloud, unknown) == "INSUFFICIENT_DATA"


@slow_case(
    "each of EvaluationPeriods has to breach",
    source=f"{ALARMS}, Evaluating an alarm",
    bridge="cloudwatch.alarms",
    still_different="A period ends now instead of at the full minute.",
)
def test_each_period_has_to_breach(cloud: Cloud) -> None:
    topic, _ = listening(cloud)
    namespace = cloud.unique("Space")
    name = alarm(cloud, topic, namespace, "Errors", {}, EvaluationPeriods=3)

    def value() -> None:
        cloud.aws("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "Errors", "Value": 1}])

    value()
    time.sleep(3)
    assert state(cloud, name) == "OK"
    old = datetime.now(UTC)
    for seconds in (15, 25):
        at = old - timedelta(seconds=seconds)
        cloud.aws("cloudwatch").put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": "Errors", "Value": 1, "Timestamp": at}]
        )
    value()
    cloud.until(lambda: state(cloud, name) == "ALARM")


@slow_case(
    "a function's IteratorAge says how old the records of its stream are",
    source="Lambda Developer Guide, Types of metrics for Lambda functions",
    bridge="aws_lambda.stream_source",
)
def test_iterator_age(cloud: Cloud) -> None:
    table, stream = cloud.table()
    function = cloud.function("def handler(event, context): ...")
    cloud.put(table, "a", 1)
    time.sleep(1)
    cloud.mapping(function, stream)
    name = function.rsplit(":", 1)[-1]
    age = cloud.until(lambda: total(cloud, "AWS/Lambda", "IteratorAge", "Maximum", FunctionName=name))
    assert 900 < age < 8000

"""The templates as they are written: what a stack keeps, tells its functions, reacts to, and says to its operator."""

import json
import re
from typing import Any

import pytest
import yaml

from edge.template import with_code
from tenancy import failure_notifier
from tenancy.domain import hostnames
from tenancy.domain.envelope import SOURCE
from tenancy.domain.events import TYPES, Failure
from tenancy.platform import settings

from .reading import (
    BACKEND,
    FOLDERS,
    FUNCTIONS,
    RESOURCES,
    ROOT,
    STACKS,
    of_type,
)

# --- what functions are told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_exactly_what_its_settings_read(function: str) -> None:
    source = (ROOT / "functions" / FOLDERS[function] / "app.py").read_text()
    (model,) = set(re.findall(r"\b(\w+Settings)\.from_environment", source))
    # Lambda gives the region itself and allows nobody to set it.
    wanted = {field.upper() for field in getattr(settings, model).model_fields} - {"AWS_REGION"}

    assert set(FUNCTIONS[function]["Environment"]["Variables"]) == wanted


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_named_after_its_folder(function: str) -> None:
    folder = FOLDERS[function]

    assert (ROOT / "functions" / folder / "app.py").is_file()
    assert FUNCTIONS[function]["FunctionName"] == "fluxion-" + folder.replace("_", "-")
    assert function == "".join(part.capitalize() for part in folder.split("_"))


def test_every_function_folder_is_deployed() -> None:
    assert set(FOLDERS.values()) == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


def test_only_functions_that_open_tenant_files_have_engine_network_and_mount() -> None:
    parts = {"Layers", "VpcConfig", "FileSystemConfigs"}
    for name, properties in FUNCTIONS.items():
        has = {key for key in parts if key in properties}
        assert has == (parts if name in ("TenantDatabase", "DatabaseMigrations") else set()), name


@pytest.mark.parametrize("machine", of_type("AWS::Serverless::StateMachine"))
def test_a_definition_gets_every_value_that_it_asks_for_and_no_other(machine: str) -> None:
    properties = RESOURCES[machine]["Properties"]
    asked = re.findall(r"\$\{(\w+)\}", (ROOT / properties["DefinitionUri"]).read_text())

    assert set(asked) == set(properties["DefinitionSubstitutions"])


def test_the_layer_describes_every_service_that_the_code_calls() -> None:
    makefile = (ROOT / "layers/tenancy/Makefile").read_text()
    described = set(re.search(r"^SERVICES := (.+)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    sources = [path.read_text() for path in (ROOT / "layers/tenancy/tenancy").rglob("*.py")]

    called = {name for text in sources for name in re.findall(r"\bclient\(\s*\"([a-z0-9-]+)\"", text)}

    assert called
    assert called <= described


# --- what starts functions --------------------------------------------------------------------------------------------


def events() -> dict[str, dict[str, Any]]:
    return {
        FOLDERS[name]: event["Properties"]
        for name, properties in FUNCTIONS.items()
        for event in properties.get("Events", {}).values()
    }


def test_writers_get_everything_that_waits_and_one_batch_at_a_time() -> None:
    for writer, table in (("cdn_aliases", "Alias"), ("dns_records", "Dns"), ("edge_cache", "Cache")):
        event = dict(events()[writer])

        assert event.pop("Stream") == {"Fn::GetAtt": [f"{table}RequestsTable", "StreamArn"]}
        assert event.pop("DestinationConfig")["OnFailure"]["Destination"]["Fn::GetAtt"][0] == "StreamFailuresQueue"
        assert event == {
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 10000,
            "MaximumBatchingWindowInSeconds": 0,
            "ParallelizationFactor": 1,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 20,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }


def test_changes_of_tenants_start_ten_at_a_time_and_a_poison_record_holds_up_no_other() -> None:
    event = events()["start_workflow"]

    assert event["ParallelizationFactor"] == 10
    assert event["BisectBatchOnFunctionError"] is True
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_only_new_events_are_published_and_none_is_given_up_while_the_stream_has_it() -> None:
    event = events()["publish_events"]
    (pattern,) = event["FilterCriteria"]["Filters"]

    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "EVENT#"}]}}},
    }
    assert event["MaximumRetryAttempts"] == -1


def test_every_failure_event_reaches_the_queue_that_is_mailed_from() -> None:
    rule = RESOURCES["FailureEventsRule"]["Properties"]

    failures = [name for name, fact in TYPES.items() if issubclass(fact, Failure)]
    assert rule["EventPattern"] == {"source": [SOURCE], "detail-type": failures}
    assert [target["Arn"] for target in rule["Targets"]] == [{"Fn::GetAtt": ["FailureEventsQueue", "Arn"]}]
    assert events()["failure_notifier"]["Queue"] == {"Fn::GetAtt": ["FailureEventsQueue", "Arn"]}


def test_failures_are_mailed_together_and_never_faster_than_sns_allows() -> None:
    event, queue = events()["failure_notifier"], RESOURCES["FailureEventsQueue"]["Properties"]

    at_once = event["ScalingConfig"]["MaximumConcurrency"]
    assert at_once / failure_notifier.PAUSE_SECONDS < 10
    assert event["BatchSize"] == 1000
    assert 1 <= event["MaximumBatchingWindowInSeconds"] <= 10, "AWS wants one above a size of 10; a person waits for it"
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queue["VisibilityTimeout"] == 6 * FUNCTIONS["FailureNotifier"]["Timeout"]


def test_an_outage_of_sns_for_a_day_sends_no_failure_to_the_dead_letter_queue() -> None:
    tries = RESOURCES["FailureEventsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]

    assert sum(failure_notifier.postponed(count) for count in range(1, tries)) > 24 * 3600


def test_one_tenant_is_migrated_at_a_time_by_each_of_a_few_workers() -> None:
    event, queue = events()["database_migrations"], RESOURCES["MigrationsQueue"]["Properties"]

    assert event == {
        "Queue": {"Fn::GetAtt": ["MigrationsQueue", "Arn"]},
        "BatchSize": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "MigrationWorkers"}},
    }
    assert queue["VisibilityTimeout"] == FUNCTIONS["DatabaseMigrations"]["Timeout"], "the least that Lambda takes"
    machines = of_type("AWS::Serverless::StateMachine").values()
    definitions = [json.loads((ROOT / machine["DefinitionUri"]).read_text()) for machine in machines]
    longest = max(state.get("TimeoutSeconds", 0) for each in definitions for state in each["States"].values())
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] > longest


# --- what stays, and what is protected --------------------------------------------------------------------------------


def test_everything_that_can_be_encrypted_uses_the_customer_key() -> None:
    key = {"Fn::GetAtt": ["EncryptionKey", "Arn"]}
    places = {
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::EFS::FileSystem": "KmsKeyId",
        "AWS::SecretsManager::Secret": "KmsKeyId",
        "AWS::Events::EventBus": "KmsKeyIdentifier",
        "AWS::Events::Archive": "KmsKeyIdentifier",
    }
    for kind, place in places.items():
        assert of_type(kind), kind
        assert all(properties[place] == key for properties in of_type(kind).values()), kind
    tables = of_type("AWS::DynamoDB::Table").values()
    assert all(table["SSESpecification"]["KMSMasterKeyId"] == key for table in tables)
    assert RESOURCES["EncryptionKey"]["Properties"]["EnableKeyRotation"] is True


def test_little_is_left_out_where_there_is_no_aws() -> None:
    left_out = {name for name, resource in RESOURCES.items() if resource.get("Condition") == "OnAws"}

    assert left_out == {"TenantEventsArchive", "StreamsLateAlarm"}


def test_tenants_pages_are_kept_apart_by_host_and_files_are_shared() -> None:
    config = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
    headers = {
        name: policy["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]
        for name, policy in of_type("AWS::CloudFront::CachePolicy").items()
    }

    assert {b["PathPattern"]: b["CachePolicyId"]["Ref"] for b in config["CacheBehaviors"]} == {
        "/assets/*": "AssetsCachePolicy",
        "/api/*": "ApiCachePolicy",
        "/healthz": "ApiCachePolicy",
    }
    assert headers["ApiCachePolicy"] == {"HeaderBehavior": "whitelist", "Headers": ["Host"]}
    assert config["DefaultCacheBehavior"]["CachePolicyId"] == {"Ref": "AssetsCachePolicy"}
    assert headers["AssetsCachePolicy"] == {"HeaderBehavior": "none"}
    assert {error["ErrorCachingMinTTL"] for error in config["CustomErrorResponses"]} == {0}
    assert config["Aliases"] == [{"Ref": "BaseDomain"}, {"Fn::Sub": "*.${BaseDomain}"}]
    assert config["CacheTagConfig"] == {"HeaderName": "Cache-Tag"}


def test_the_deployed_function_is_the_file_and_runs_for_pages_alone() -> None:
    config = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
    function = RESOURCES["ViewerRequestFunction"]["Properties"]

    assert function["FunctionCode"] == (ROOT / "edge/viewer_request.js").read_text()
    assert function["AutoPublish"] is True
    assert config["DefaultCacheBehavior"]["FunctionAssociations"] == [
        {
            "EventType": "viewer-request",
            "FunctionARN": {"Fn::GetAtt": ["ViewerRequestFunction", "FunctionMetadata.FunctionARN"]},
        }
    ]
    assert [b["PathPattern"] for b in config["CacheBehaviors"] if "FunctionAssociations" in b] == []


def test_the_function_is_copied_into_a_template_whatever_stood_there() -> None:
    template = (ROOT / "edge.yaml").read_text()
    code = (ROOT / "edge/viewer_request.js").read_text()
    other = with_code(template, "function handler(event) {\n\n    return event.request;\n}\n")

    assert yaml.safe_load(other.partition("  ViewerRequestFunction:")[2].partition("  Distribution:")[0])["Properties"][
        "FunctionCode"
    ].startswith("function handler(event) {\n\n    return")
    assert with_code(other, code) == template
    with pytest.raises(ValueError, match="no FunctionCode"):
        with_code("Resources: {}\n", code)


def test_every_page_is_under_the_policy_that_the_pages_were_tested_with() -> None:
    config = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
    (policy,) = of_type("AWS::CloudFront::ResponseHeadersPolicy").values()
    said = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    behaviours = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]

    assert said["ContentSecurityPolicy"] in " ".join((ROOT / "frontend/README.md").read_text().split())
    assert said["Override"] is True
    assert {b["ResponseHeadersPolicyId"]["Ref"] for b in behaviours} == {"SecurityHeadersPolicy"}


def test_the_platforms_hosts_have_records_and_no_tenant_can_have_them() -> None:
    records = of_type("AWS::Route53::RecordSet").values()
    hosts = {one["Name"]["Fn::Sub"].partition(".")[0] for one in records if "Fn::Sub" in one["Name"]}

    assert hosts == {"www", "admin", "api", "auth"} <= hostnames.RESERVED
    assert len(records) == 2 * (len(hosts) + 1)


# --- what an operator reads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "name", "text"),
    [
        *(
            (where, name, entry.get("Description", ""))
            for template in STACKS.values()
            for where in ("Parameters", "Outputs")
            for name, entry in template[where].items()
        ),
        *(
            ("Alarm", name, alarm.get("AlarmDescription", ""))
            for name, alarm in {
                **of_type("AWS::CloudWatch::Alarm"),
                **of_type("AWS::CloudWatch::Alarm", BACKEND),
            }.items()
        ),
    ],
)
def test_an_operator_is_told_what_it_is_for(where: str, name: str, text: str) -> None:
    least = 100 if where == "Alarm" else 30  # an alarm says what has happened and what to do

    assert len(text) >= least, f"{where} {name}"


def test_every_queue_rings_and_nothing_else_tells_of_failed_executions() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for a in alarms
        for dimension in a.get("Dimensions", [])
        if "Fn::GetAtt" in dimension["Value"]
    }

    assert watched == set(of_type("AWS::SQS::Queue"))
    assert not [alarm for alarm in alarms if alarm.get("Namespace") == "AWS/States"], "they have a mail of their own"
    assert all(a["AlarmActions"] == [{"Ref": "FailureTopic"}] for a in alarms)

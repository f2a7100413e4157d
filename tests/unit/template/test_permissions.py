"""What each role of the template may do, written down a second time: a change of either has to be meant."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from backend.directory import TenantDirectory
from backend.origin_guard import OriginSecrets
from backend.probe_secret import ProbeSecret
from backend.settings import BackendSettings, OriginSettings
from control.items import Item
from control.tables import ControlPlane
from tenancy.domain import hostnames

from .reading import FOLDERS, FUNCTIONS, RESOURCES, ROOT, listed, of_type, statements


def role_statements(role: str) -> list[dict[str, Any]]:
    """What a role may do: its own policies, and those attached to it, less what its trust policy says."""
    properties = RESOURCES[role]["Properties"]
    found = list(statements(properties.get("Policies", [])))
    for attached in properties.get("ManagedPolicyArns", []):
        found += statements(RESOURCES[attached["Ref"]]["Properties"]["PolicyDocument"])
    for policy in of_type("AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            found += statements(policy["PolicyDocument"])
    return found


def allowed(role: str) -> dict[str, set[str]]:
    """Action → the resources that it is allowed on, as text."""
    found: dict[str, set[str]] = {}
    for statement in role_statements(role):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                found.setdefault(action, set()).update(_named(r) for r in listed(statement["Resource"]))
    return found


def _named(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    if "Ref" in resource:
        return str(resource["Ref"])
    text = resource["Fn::Sub"]
    return text if isinstance(text, str) else str(text[0])


P = "ProvisioningTable"
DISTRIBUTION = "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
ZONE = "arn:aws:route53:::hostedzone/${Zone}"
EXECUTIONS = "arn:aws:states:${AWS::Region}:${AWS::AccountId}:execution:fluxion-"


def on(resource: str, service: str, *actions: str) -> dict[str, set[str]]:
    return {f"{service}:{action}": {resource} for action in actions}


EVERY_FUNCTION = {
    **on("*", "xray", "PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets"),
    **on("EncryptionKey", "kms", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ReEncrypt*"),
}


def reads_stream_of(table: str) -> dict[str, set[str]]:
    return {
        **on(table, "dynamodb", "DescribeStream", "GetRecords", "GetShardIterator"),
        **on("*", "dynamodb", "ListStreams"),
        **on("StreamFailuresQueue", "sqs", "SendMessage"),
    }


WRITER = {
    **on(P, "dynamodb", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
    **on("*", "states", "SendTaskSuccess", "SendTaskFailure"),
}
GRANTS: dict[str, dict[str, set[str]]] = {
    "start_workflow": {
        **reads_stream_of("TenantsTable"),
        "dynamodb:GetItem": {"TenantsTable"},
        "states:StartExecution": {"OnboardTenant", "OffboardTenant"},
        "sqs:SendMessage": {"PoisonQueue", "StreamFailuresQueue"},
    },
    "tenant_record": {
        **on(P, "dynamodb", "Query", "PutItem", "UpdateItem", "DeleteItem"),
        "dynamodb:GetItem": {"TenantsTable", P},
        "states:DescribeExecution": {f"{EXECUTIONS}OnboardTenant:*", f"{EXECUTIONS}OffboardTenant:*"},
    },
    "ended_executions": {
        **on(P, "dynamodb", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
        "states:DescribeExecution": {f"{EXECUTIONS}OnboardTenant:*", f"{EXECUTIONS}OffboardTenant:*"},
        "states:GetExecutionHistory": {f"{EXECUTIONS}OnboardTenant:*", f"{EXECUTIONS}OffboardTenant:*"},
        **on("EndedExecutionsQueue", "sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
        **on("EndedExecutionsQueue", "sqs", "ChangeMessageVisibility"),
    },
    "reconcile": {
        **on(P, "dynamodb", "Scan", "BatchGetItem", "BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem"),
        "dynamodb:Query": {"${ProvisioningTable.Arn}/index/DueIndex", P},
        "dynamodb:GetItem": {"TenantsTable", P},
        "dynamodb:Scan": {"TenantsTable", P},
        **on("ArchiveBucket", "s3", "ListBucket"),
        **on(ZONE, "route53", "ListResourceRecordSets"),
        **on(DISTRIBUTION, "cloudfront", "GetDistributionConfig"),
        "lambda:InvokeFunction": {"TenantDatabase", "TenantProbe"},
        "states:StartExecution": {"OnboardTenant", "OffboardTenant"},
        "states:ListExecutions": {"OnboardTenant", "OffboardTenant"},
        **on("ReconcileDeadLetterQueue", "sqs", "SendMessage"),
    },
    "cdn_aliases": {
        **WRITER,
        **reads_stream_of("AliasRequestsTable"),
        **on(DISTRIBUTION, "cloudfront", "GetDistributionConfig", "UpdateDistribution"),
    },
    "dns_records": {
        **WRITER,
        **reads_stream_of("DnsRequestsTable"),
        **on(ZONE, "route53", "ChangeResourceRecordSets", "GetHostedZone", "ListResourceRecordSets"),
    },
    "edge_cache": {
        **WRITER,
        **reads_stream_of("CacheRequestsTable"),
        **on(DISTRIBUTION, "cloudfront", "CreateInvalidation"),
    },
    "tenant_database": {
        **on(P, "dynamodb", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
        **on("TenantFiles", "elasticfilesystem", "ClientMount", "ClientWrite"),
        **on("${ArchiveBucket.Arn}/*", "s3", "GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion"),
        **on("ArchiveBucket", "s3", "ListBucketVersions"),
        **on("*", "ec2", "CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
        **on("*", "ec2", "DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
    },
    "database_migrations": {
        **on(P, "dynamodb", "GetItem", "PutItem", "UpdateItem"),
        **on("TenantFiles", "elasticfilesystem", "ClientMount", "ClientWrite"),
        **on("MigrationsQueue", "sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
        **on("MigrationsQueue", "sqs", "ChangeMessageVisibility"),
        **on("*", "ec2", "CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
        **on("*", "ec2", "DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
    },
    "tenant_probe": {
        **on(P, "dynamodb", "GetItem", "PutItem", "UpdateItem"),
        **on("ProbeSecret", "secretsmanager", "GetSecretValue"),
    },
    "publish_events": {**reads_stream_of(P), **on("TenantEventBus", "events", "PutEvents")},
    "failure_notifier": {
        **on("FailureTopic", "sns", "Publish"),
        **on("FailureEventsQueue", "sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
        **on("FailureEventsQueue", "sqs", "ChangeMessageVisibility"),
    },
}


BACKEND_GRANTS = {
    **on("TenantsTable", "dynamodb", "PutItem", "UpdateItem", "DeleteItem"),
    **on(P, "dynamodb", "BatchGetItem", "Query"),
    "dynamodb:GetItem": {"TenantsTable", P},
    "dynamodb:Scan": {"TenantsTable", P},
    "secretsmanager:GetSecretValue": {"ProbeSecret", "OriginSecret"},
    **on("EncryptionKey", "kms", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ReEncrypt*"),
    **on("TenantFiles", "elasticfilesystem", "ClientMount", "ClientWrite"),
}


def test_the_backend_may_do_what_its_job_takes_and_nothing_more() -> None:
    assert allowed("BackendRole") == BACKEND_GRANTS
    (key,) = (s for s in role_statements("BackendRole") if s.get("Sid") == "UseTheKeyThroughTablesAndSecrets")
    services = key["Condition"]["StringEquals"]["kms:ViaService"]
    assert [service["Fn::Sub"].partition(".")[0] for service in services] == ["dynamodb", "secretsmanager"]


class Recorder:
    """An AWS client that answers everything with little, and keeps what was asked of which table or secret."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            where = request.get("TableName") or request.get("SecretId") or next(iter(request["RequestItems"]))
            self.asked.add((where, "".join(word.capitalize() for word in operation.split("_"))))
            return {"Items": [], "Responses": {}, "Attributes": {}, "SecretString": "x"}

        return call

    def get_paginator(self, operation: str) -> Any:
        def paginate(**request: Any) -> list[Any]:
            return [getattr(self, operation)(**request)]

        return SimpleNamespace(paginate=paginate)


def test_the_backend_calls_exactly_what_its_role_allows() -> None:
    settings = BackendSettings(
        tenants_table="TenantsTable",
        provisioning_table=P,
        tenants_directory=ROOT,
        base_domain="fluxionia.example",
        oidc_issuer="https://issuer.example",
        oidc_operators_client="operators",
        oidc_staff_client="staff",
        probe_secret_arn="ProbeSecret",
    )
    client = Recorder()
    tables = ControlPlane("TenantsTable", P, client)
    read = Item({"tenant_id": {"S": "granja"}})
    calls = {
        "item": ("granja",),
        "items": (),
        "add": ({},),
        "change": (read, {"name": "Granja"}),
        "ask_again": ("granja", "somebody", "now"),
        "remove": ("granja",),
        "record": ("granja",),
        "records": (["granja"],),
        "all_records": (),
        "below": ("granja", "EVENT#", 1),
        "claim": ("granja",),
        "knows": ("granja",),
        "drift": (),
    }
    assert set(calls) == {name for name, _ in inspect.getmembers(ControlPlane, inspect.isfunction) if name[0] != "_"}
    for name, arguments in calls.items():
        getattr(tables, name)(*arguments)
    TenantDirectory(P, client=client)._read("granja")
    ProbeSecret(settings, client=client).value()
    OriginSecrets(OriginSettings(origin_secret_arn="OriginSecret"), client=client)._fetch()

    granted = {
        (resource, action.partition(":")[2])
        for action, resources in allowed("BackendRole").items()
        for resource in resources
        if action.startswith(("dynamodb:", "secretsmanager:"))
    }
    assert client.asked == granted
    # Whoever makes another client has to be asked above.
    makers = {path.stem for path in (ROOT / "backend").rglob("*.py") if "boto3." in path.read_text()}
    assert makers == {"app", "directory", "origin_guard", "probe_secret"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_its_job_takes_and_nothing_more(function: str) -> None:
    logs = on(f"{function}LogGroup", "logs", "CreateLogStream", "PutLogEvents")

    role = FUNCTIONS[function]["Role"]["Fn::GetAtt"][0]

    assert allowed(role) == {**EVERY_FUNCTION, **GRANTS[FOLDERS[function]], **logs}


@pytest.mark.parametrize("machine", of_type("AWS::Serverless::StateMachine"))
def test_a_state_machine_may_call_exactly_what_its_definition_names(machine: str) -> None:
    properties = RESOURCES[machine]["Properties"]
    given = {_named(value) for key, value in properties["DefinitionSubstitutions"].items() if key != "HostedZoneId"}

    may = allowed(properties["Role"]["Fn::GetAtt"][0])

    called = may["lambda:InvokeFunction"] | may.get("dynamodb:PutItem", set())
    assert called == {name for name in given if name in FUNCTIONS or name in of_type("AWS::DynamoDB::Table")}
    services = {action.split(":")[0] for action in may}
    assert services <= {"lambda", "dynamodb", "kms", "logs", "xray"}


def test_dns_is_written_for_single_hosts_of_tenants_only() -> None:
    allow, deny = (
        next(s for s in role_statements("DnsRecordsRole") if s["Effect"] == e and "route53:Change" in str(s["Action"]))[
            "Condition"
        ]
        for e in ("Allow", "Deny")
    )
    prefix = "route53:ChangeResourceRecordSets"

    assert allow == {
        "Null": {f"{prefix}{key}": "false" for key in ("NormalizedRecordNames", "RecordTypes", "Actions")},
        "ForAllValues:StringLike": {f"{prefix}NormalizedRecordNames": [{"Fn::Sub": "*.${BaseDomain}"}]},
        "ForAllValues:StringEquals": {
            f"{prefix}RecordTypes": ["A", "AAAA"],
            f"{prefix}Actions": ["CREATE", "DELETE"],
        },
    }
    refused = [
        name if isinstance(name, str) else name["Fn::Sub"].removesuffix(".${BaseDomain}")
        for name in deny["ForAnyValue:StringLike"][f"{prefix}NormalizedRecordNames"]
    ]
    assert refused[:2] == ["\\052*", "*.*"]
    # A host that the policy refuses must be one that no tenant can be given, or its onboarding could never succeed.
    hosts = [host for host in refused[2:] if not set(host) & set("_?*")]
    assert set(hosts) <= hostnames.RESERVED
    assert {"www", "api", "admin", "origin", "mail", "autodiscover"} <= set(hosts)


def test_the_writer_of_aliases_cannot_move_one_or_make_or_remove_a_distribution() -> None:
    denied = [s for s in role_statements("CdnAliasesRole") if s["Effect"] == "Deny"]

    assert [s["Action"] for s in denied] == [["cloudfront:AssociateAlias", "cloudfront:Create*", "cloudfront:Delete*"]]
    assert denied[0]["Resource"] == "*"
    assert "Condition" not in denied[0]

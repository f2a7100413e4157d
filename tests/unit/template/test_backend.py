"""The backend's stack: what its tasks are told, who gets to them, and who may sign in."""

import ipaddress
import itertools
import json
import re
from typing import Any

from backend.origin_guard import HEADER
from backend.settings import BackendSettings, OriginSettings

from .reading import BACKEND, RESOURCES, ROOT, of_type

DOCKERFILE = (ROOT / "backend" / "Dockerfile").read_text()
(TASK,) = of_type("AWS::ECS::TaskDefinition", BACKEND).values()
(CONTAINER,) = TASK["ContainerDefinitions"]
(SERVICE,) = of_type("AWS::ECS::Service", BACKEND).values()
(BALANCER,) = of_type("AWS::ElasticLoadBalancingV2::LoadBalancer", BACKEND).values()
(TARGETS,) = of_type("AWS::ElasticLoadBalancingV2::TargetGroup", BACKEND).values()
ENVIRONMENT = {each["Name"]: each["Value"] for each in CONTAINER["Environment"]}


# --- what runs --------------------------------------------------------------------------------------------------------


def test_the_tasks_are_told_exactly_what_the_settings_read() -> None:
    fields = {name.upper() for model in (BackendSettings, OriginSettings) for name in model.model_fields}
    # The values of secrets, for who has no Secrets Manager; and an address that Cognito has where it should be.
    elsewhere = {"PROBE_SECRET", "ORIGIN_SECRET", "OIDC_DISCOVERY_URL"}

    assert set(ENVIRONMENT) == fields - elsewhere | {"AWS_DEFAULT_REGION"}
    assert ENVIRONMENT["OIDC_ISSUER"] == {"Fn::GetAtt": ["People", "ProviderURL"]}
    assert "Secrets" not in CONTAINER


def test_the_image_runs_as_it_was_built_to() -> None:
    command = json.loads(re.search(r"^CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1].replace("\\\n", ""))  # type: ignore[index]
    options = dict(itertools.pairwise(command))
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    (check,) = re.findall(r"CMD (\[\"python\", \"-c\".*\])$", DOCKERFILE, re.MULTILINE)

    assert CONTAINER["User"] == re.search(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[1] == "1000:1000"  # type: ignore[index]
    assert CONTAINER["PortMappings"] == [{"ContainerPort": int(port), "Protocol": "tcp"}]
    assert int(options["--port"]) == int(port) == TARGETS["Port"] == SERVICE["LoadBalancers"][0]["ContainerPort"]
    assert CONTAINER["HealthCheck"]["Command"] == ["CMD", *json.loads(check)]
    assert int(options["--timeout-graceful-shutdown"]) < CONTAINER["StopTimeout"]
    attributes = {each["Key"]: each["Value"] for each in BALANCER["LoadBalancerAttributes"]}
    (backend,) = (o for o in distribution()["Origins"] if o["Id"] == "backend")
    waits = backend["CustomOriginConfig"]["OriginReadTimeout"]
    assert waits < int(attributes["idle_timeout.timeout_seconds"]) < int(options["--timeout-keep-alive"])


def distribution() -> dict[str, Any]:
    return dict(RESOURCES["Distribution"]["Properties"]["DistributionConfig"])


def test_the_files_are_mounted_where_the_backend_looks_for_them() -> None:
    (volume,) = TASK["Volumes"]
    (mount,) = CONTAINER["MountPoints"]

    assert mount == {
        "SourceVolume": volume["Name"],
        "ContainerPath": ENVIRONMENT["TENANTS_DIRECTORY"],
        "ReadOnly": False,
    }
    assert TASK["TaskRoleArn"] == {"Fn::ImportValue": "fluxion-BackendRoleArn"}


def test_a_new_release_never_leaves_fewer_tasks_and_a_bad_one_goes_back_by_itself() -> None:
    (range_,) = of_type("AWS::ApplicationAutoScaling::ScalableTarget", BACKEND).values()

    assert SERVICE["DeploymentConfiguration"] == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    assert "DesiredCount" not in SERVICE, "a deployment would go back to it"
    assert range_["MinCapacity"] == {"Ref": "LeastTasks"}
    assert BACKEND["Parameters"]["LeastTasks"]["MinValue"] == 2
    assert TARGETS["HealthCheckPath"] == "/healthz"


def test_the_log_is_encrypted_and_the_key_lets_it() -> None:
    (group,) = of_type("AWS::Logs::LogGroup", BACKEND).values()
    key = RESOURCES["EncryptionKey"]["Properties"]["KeyPolicy"]["Statement"]
    (logs,) = (s for s in key if s["Sid"] == "LogGroups")
    named = [each["Fn::Sub"] for each in logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]]

    assert group["KmsKeyId"] == {"Fn::ImportValue": "fluxion-data-EncryptionKeyArn"}
    assert any(name.endswith(f":log-group:{group['LogGroupName'].removesuffix('backend')}*") for name in named)


# --- who gets to it ---------------------------------------------------------------------------------------------------


def test_only_the_balancer_gets_to_the_tasks_and_it_answers_nobody_but_the_distribution() -> None:
    groups = of_type("AWS::EC2::SecurityGroup", BACKEND)
    (to_balancer,) = groups["BalancerSecurityGroup"]["SecurityGroupIngress"]
    (to_tasks,) = groups["BackendSecurityGroup"]["SecurityGroupIngress"]

    assert to_tasks["SourceSecurityGroupId"] == {"Ref": "BalancerSecurityGroup"}
    assert (to_balancer["FromPort"], to_balancer["ToPort"]) == (443, 443)
    (listener,) = of_type("AWS::ElasticLoadBalancingV2::Listener", BACKEND).values()
    assert listener["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "403"


def test_the_subnets_are_the_networks_and_nobody_elses() -> None:
    network = ipaddress.ip_network(RESOURCES["Network"]["Properties"]["CidrBlock"])
    subnets = [*of_type("AWS::EC2::Subnet").values(), *of_type("AWS::EC2::Subnet", BACKEND).values()]
    ranges = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]

    assert all(each.subnet_of(network) for each in ranges)
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]
    zones = [subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert zones == [0, 1, 0, 1]


def test_the_distribution_sends_the_backend_a_secret_that_stands_in_no_template() -> None:
    (backend,) = (o for o in distribution()["Origins"] if o["Id"] == "backend")

    assert backend["OriginCustomHeaders"] == [
        {
            "HeaderName": HEADER,
            "HeaderValue": {
                "Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString:::${OriginSecretVersion}}}"
            },
        }
    ]
    assert RESOURCES["OriginSecret"]["Properties"]["GenerateSecretString"]["PasswordLength"] >= 32
    (record,) = of_type("AWS::Route53::RecordSet", BACKEND).values()
    assert record["Name"]["Fn::Sub"][0] == backend["DomainName"]["Fn::Sub"]


def test_the_web_acl_stands_in_front_and_blocks_no_order() -> None:
    (acl,) = of_type("AWS::WAFv2::WebACL").values()
    rules = {rule["Name"]: rule for rule in acl["Rules"]}

    assert distribution()["WebACLId"] == {"Fn::GetAtt": ["WebAcl", "Arn"]}
    assert acl["Scope"] == "CLOUDFRONT"
    rate = rules["RequestsPerAddress"]
    assert rate["Action"] == {"Block": {}}
    assert rate["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert rules["CommonRules"]["OverrideAction"] == {"Count": {}}, "it takes large bodies and markup for attacks"


# --- who may sign in --------------------------------------------------------------------------------------------------


def test_only_an_administrator_makes_users_and_each_needs_a_second_factor() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool", BACKEND).values()

    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert pool["DeletionProtection"] == "ACTIVE"


def test_nobody_can_write_of_themselves_what_they_may_do() -> None:
    clients = of_type("AWS::Cognito::UserPoolClient", BACKEND)
    (pool,) = of_type("AWS::Cognito::UserPool", BACKEND).values()
    ours = {f"custom:{attribute['Name']}" for attribute in pool["Schema"]}

    assert ours == {"custom:fluxion_role", "custom:tenant", "custom:role"}
    assert {name: set(client["ReadAttributes"]) & ours for name, client in clients.items()} == {
        "OperatorsClient": {"custom:fluxion_role"},
        "StaffClient": {"custom:tenant", "custom:role"},
    }
    for client in clients.values():
        assert client["WriteAttributes"] == ["name"]
        assert client["GenerateSecret"] is False
        assert client["AllowedOAuthFlows"] == ["code"]
        assert client["AllowedOAuthScopes"] == [ENVIRONMENT["OIDC_SCOPE"]] == ["openid"]
    assert ENVIRONMENT["OIDC_CLAIM_PREFIX"] == "custom:"


def test_operators_come_back_to_the_panel_and_staff_to_the_tenants_that_are_named() -> None:
    clients = of_type("AWS::Cognito::UserPoolClient", BACKEND)
    (back,) = clients["OperatorsClient"]["CallbackURLs"]

    assert back["Fn::Sub"][0] == "https://admin.${BaseDomain}/signed-in"
    assert clients["StaffClient"]["CallbackURLs"] == {"Ref": "StaffCallbackUrls"}


def test_no_task_starts_before_it_can_be_reached_reach_the_files_and_read_where_people_sign_in() -> None:
    assert set(BACKEND["Resources"]["BackendService"]["DependsOn"]) == {
        "ForOurHosts",
        "PublicRoutesA",
        "PublicRoutesB",
        "SignInPage",
        "TenantFilesLetTheBackendIn",
        "ToTheInternet",
    }

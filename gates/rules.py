"""Check the transformed templates against this project's rules, for what public scanners miss.

Each rule is a pure function: template in, sentences out. `Fn::If` is judged by both of its branches.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gates import report, transform
from gates.statements import branches, condition_keys, conditions, is_named, listed, principals, statements
from gates.transform import resources

Template = Mapping[str, Any]

_TLS_POLICIES = {  # kind of resource → kind of policy, and the property that names what it is for
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
}
_KEPT = (
    "AWS::Cognito::UserPool",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
)
_KEPT_TABLES = ("TenantsTable", "ProvisioningTable")
_WRITES = tuple(f"dynamodb:{verb}" for verb in ("Put", "Update", "Delete", "BatchWrite", "PartiQL", "*"))
# Conditions that tie a service's request to this account or this stack: without one, anybody's use of that service
# would do (the confused deputy).
_FOR_PEOPLE = ("BackendRole",)  # operators write items through the backend, under their own names
_TIES = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "kms:encryptioncontext", "kms:calleraccount")


def findings(root: Path) -> list[str]:
    """Return the faults of the templates below a folder."""
    found = []
    for name in transform.TEMPLATES:
        template = transform.transformed(root / name)
        found += [f"{name}: {finding}" for rule in RULES for finding in rule(template)]
    return found


def nobody_is_everybody(template: Template) -> list[str]:
    """Find an Allow for `*`. An endpoint's policy has to say `*`, and names the account in a condition instead."""
    found = []
    for name, resource in template["Resources"].items():
        for statement in statements(resource.get("Properties", {})):
            if statement.get("Effect") != "Allow" or "*" not in principals(statement):
                continue
            if resource["Type"] == "AWS::EC2::VPCEndpoint" and "aws:principalaccount" in condition_keys(statement):
                continue
            found.append(f"{name}: {is_named(statement)} allows everybody (Principal *): name who may")
    return found


def the_bus_is_closed(template: Template) -> list[str]:
    """Find an EventBusPolicy in the form without a document, which scanners do not look at."""
    found = []
    for name, properties in resources(template, "AWS::Events::EventBusPolicy"):
        if "*" in listed(properties.get("Principal", [])):
            found.append(f"{name}: lets everybody put events on the bus (Principal *): name an account")
        if not properties.get("Statement") and not properties.get("Principal"):
            found.append(f"{name}: names no principal: add a Statement")
    for name, properties in resources(template, "AWS::Lambda::Permission"):
        if properties.get("Principal") == "*":
            found.append(f"{name}: lets everybody call the function: name a service in Principal")
        elif not {"SourceArn", "SourceAccount"} & properties.keys():
            found.append(f"{name}: has neither SourceArn nor SourceAccount: add one of them")
    return found


def services_are_tied(template: Template) -> list[str]:
    """Find policies of resources that let a service act for other accounts than this one."""
    found = []
    for name, resource in template["Resources"].items():
        properties = {k: v for k, v in resource.get("Properties", {}).items() if k != "AssumeRolePolicyDocument"}
        for statement in statements(properties):
            tied = any(key.startswith(_TIES) for key in condition_keys(statement))
            if statement.get("Effect") == "Allow" and principals(statement, "Service") and not tied:
                found.append(
                    f"{name}: {is_named(statement)} allows a service without SourceArn or SourceAccount: add one"
                )
    return found


def only_over_tls(template: Template) -> list[str]:
    """Find queues, topics and buckets without a policy that refuses what does not come over TLS."""
    found = []
    for kind, (policy_kind, target) in _TLS_POLICIES.items():
        covered = {
            str(reference.get("Ref"))
            for _, properties in resources(template, policy_kind)
            if any(_refuses_plain_text(statement) for statement in statements(properties))
            for reference in listed(properties.get(target, []))
            if isinstance(reference, Mapping)
        }
        bare = [name for name, _ in resources(template, kind) if name not in covered]
        found += [f"{name}: nothing denies access without TLS: add a Deny on aws:SecureTransport" for name in bare]
    return found


def _refuses_plain_text(statement: Mapping[str, Any]) -> bool:
    plain = any(key == "aws:securetransport" and str(value).lower() == "false" for key, value in conditions(statement))
    return statement.get("Effect") == "Deny" and "*" in principals(statement) and plain


def tenant_files_are_closed(template: Template) -> list[str]:
    """Find faults of EFS, which has to be encrypted, and entered over TLS and through an access point only."""
    found = []
    for name, properties in resources(template, "AWS::EFS::FileSystem"):
        rules = list(statements(properties.get("FileSystemPolicy", {})))
        allowed = [rule for rule in rules if rule.get("Effect") == "Allow"]
        if properties.get("Encrypted") is not True:
            found.append(f"{name}: is not encrypted: set Encrypted to true")
        if not any(_refuses_plain_text(rule) for rule in rules):
            found.append(f"{name}: its policy does not deny access without TLS: add a Deny on aws:SecureTransport")
        for rule in allowed:
            if "elasticfilesystem:accesspointarn" not in condition_keys(rule):
                found.append(f"{name}: {is_named(rule)} allows a mount past the access point: add its condition")
            if "elasticfilesystem:ClientRootAccess" in listed(rule.get("Action", [])):
                found.append(f"{name}: {is_named(rule)} allows root: remove ClientRootAccess")
            whole_account = any("AWS::AccountId}:root" in str(one) for one in principals(rule, "AWS"))
            if whole_account and "aws:principalarn" not in condition_keys(rule):
                found.append(
                    f"{name}: {is_named(rule)} lets every role of the account mount: name roles in aws:PrincipalArn"
                )
    return found


def access_points_are_nobodys_root(template: Template) -> list[str]:
    """Find faults of EFS access points: user and folder must not be root's, and the folder not open to others."""
    found = []
    for name, properties in resources(template, "AWS::EFS::AccessPoint"):
        user, folder = properties.get("PosixUser", {}), properties.get("RootDirectory", {})
        if "0" in (str(user.get("Uid", 0)), str(user.get("Gid", 0))):
            found.append(f"{name}: acts as root: set Uid and Gid of PosixUser to others than 0")
        if folder.get("Path", "/") == "/":
            found.append(f"{name}: starts at the root of the file system: set Path of RootDirectory")
        if str(folder.get("CreationInfo", {}).get("Permissions", "")).lstrip("0") not in ("750", "700"):
            found.append(f"{name}: its folder is open to others: set Permissions to 0750")
    return found


def buckets_are_private(template: Template) -> list[str]:
    """Find faults of buckets, which have to block public access, be versioned, and be read by one distribution."""
    found = []
    for name, properties in resources(template, "AWS::S3::Bucket"):
        block = properties.get("PublicAccessBlockConfiguration", {})
        switches = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        if not all(block.get(switch) is True for switch in switches):
            found.append(f"{name}: public access is not blocked in all four ways: set all of them to true")
        if properties.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            found.append(f"{name}: is not versioned: enable VersioningConfiguration")
    for name, properties in resources(template, "AWS::S3::BucketPolicy"):
        found += [
            f"{name}: {is_named(statement)} lets any distribution read: add a condition on AWS:SourceArn"
            for statement in statements(properties)
            if "cloudfront.amazonaws.com" in principals(statement)
            if "aws:sourcearn" not in condition_keys(statement)
        ]
    return found


def origins_are_private(template: Template) -> list[str]:
    """Find faults of distributions: the access control of origins, HTTPS and a secret to them, TLSv1.2_2021."""
    found = []
    for name, properties in resources(template, "AWS::CloudFront::Distribution"):
        config = properties.get("DistributionConfig", {})
        for origin in listed(config.get("Origins", [])):
            found += [f"{name}: origin {origin.get('Id')} {fault}" for fault in _faults_of_origin(origin)]
        found += [
            f"{name}: viewers may use TLS older than TLSv1.2_2021: set MinimumProtocolVersion"
            for certificate in branches(config.get("ViewerCertificate", {}))
            if str(certificate.get("MinimumProtocolVersion", "")) < "TLSv1.2_2021"
        ]
    return found


def _faults_of_origin(origin: Mapping[str, Any]) -> Iterator[str]:
    s3, custom = origin.get("S3OriginConfig"), origin.get("CustomOriginConfig")
    if s3 is not None and not origin.get("OriginAccessControlId"):
        yield "has no OriginAccessControlId: the bucket cannot tell who asks"
    if s3 and s3.get("OriginAccessIdentity"):
        yield "uses an origin access identity, which is superseded: set OriginAccessControlId instead"
    if custom and custom.get("OriginProtocolPolicy") != "https-only":
        yield "is not asked over HTTPS only: set OriginProtocolPolicy to https-only"
    headers = listed(origin.get("OriginCustomHeaders", []))
    if custom and not headers:
        yield "cannot know that it is this distribution that asks: send a secret in OriginCustomHeaders"
    for header in headers:
        value = header.get("HeaderValue", "")
        text = value.get("Fn::Sub", "") if isinstance(value, Mapping) else value
        if not str(text).startswith("{{resolve:secretsmanager:"):
            yield f"is sent {header.get('HeaderName')} with a value that stands in the template: resolve a secret"


def data_outlives_the_stack(template: Template) -> list[str]:
    """Find what cannot be made again and does not stay when the stack goes, or when a change would replace it."""
    found = []
    for name, resource in template["Resources"].items():
        is_kept_table = resource["Type"] == "AWS::DynamoDB::Table" and name in _KEPT_TABLES
        if resource["Type"] in _KEPT or is_kept_table:
            policies = ("DeletionPolicy", "UpdateReplacePolicy")
            found += [
                f"{name}: {policy} is not Retain: set it" for policy in policies if resource.get(policy) != "Retain"
            ]
        recovery = resource.get("Properties", {}).get("PointInTimeRecoverySpecification", {})
        if is_kept_table and recovery.get("PointInTimeRecoveryEnabled") is not True:
            found.append(f"{name}: has no point-in-time recovery: enable it")
    return found


def identities_name_actions(template: Template) -> list[str]:
    """Find roles that are allowed `*` or `service:*`, or may write the tenants table, which belongs to people."""
    found = []
    for name, properties in resources(template, "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for statement in statements(properties):
            if statement.get("Effect") == "Allow":
                faults = _faults_of_grant(statement, writes_for_people=name in _FOR_PEOPLE)
                found += [f"{name}: {is_named(statement)} {fault}" for fault in faults]
    return found


def _faults_of_grant(statement: Mapping[str, Any], *, writes_for_people: bool) -> Iterator[str]:
    actions = [str(action) for action in listed(statement.get("Action", []))]
    yield from (f"allows {action}: name the actions" for action in actions if action == "*" or action.endswith(":*"))
    if "NotAction" in statement:
        yield "allows everything but something (NotAction): name the actions in Action"
    writes = any(action.startswith(_WRITES) for action in actions) and not writes_for_people
    if writes and "TenantsTable" in str(statement.get("Resource")):
        yield "writes the tenants table, which belongs to people: remove the action"


def containers_are_closed(template: Template) -> list[str]:
    """Find faults of tasks, which run as no root, write to mounted files only, and use a fixed image."""
    found = []
    for name, properties in resources(template, "AWS::ECS::TaskDefinition"):
        for container in listed(properties.get("ContainerDefinitions", [])):
            found += [f"{name}: {container.get('Name')} {fault}" for fault in _faults_of_container(container, template)]
        for volume in listed(properties.get("Volumes", [])):
            files = volume.get("EFSVolumeConfiguration", {})
            how = files.get("AuthorizationConfig", {})
            if (files.get("TransitEncryption"), how.get("IAM")) != ("ENABLED", "ENABLED") or not how.get(
                "AccessPointId"
            ):
                found.append(f"{name}: mounts {volume.get('Name')} without TLS, IAM or an access point: set all three")
    return found


def _faults_of_container(container: Mapping[str, Any], template: Template) -> Iterator[str]:
    if container.get("ReadonlyRootFilesystem") is not True:
        yield "can write to its root: set ReadonlyRootFilesystem to true"
    if str(container.get("User", "0")).partition(":")[0] in ("0", "root", ""):
        yield "runs as root: set User to another one"
    if "ALL" not in listed(container.get("LinuxParameters", {}).get("Capabilities", {}).get("Drop", [])):
        yield "keeps capabilities of root: drop ALL"
    image = container.get("Image", "")
    given = (
        template.get("Parameters", {}).get(image["Ref"], {}) if isinstance(image, Mapping) and "Ref" in image else {}
    )
    if "@sha256:" not in given.get("AllowedPattern", str(image)):
        yield "runs an image that is not named by its digest: use @sha256:…"


def only_cloudfront_comes_in(template: Template) -> list[str]:
    """Find load balancers below TLS 1.2 or open to others than CloudFront, and tasks open to addresses."""
    found = [
        f"{name}: takes requests without TLS 1.2 or newer: set Protocol and SslPolicy"
        for name, properties in resources(template, "AWS::ElasticLoadBalancingV2::Listener")
        if properties.get("Protocol") != "HTTPS" or "-TLS13-1-2-" not in str(properties.get("SslPolicy"))
    ]
    for _, properties in resources(template, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
        for group, rule in _ways_in(template, properties.get("SecurityGroups", [])):
            if rule.get("SourcePrefixListId") != {"Ref": "CloudFrontPrefixList"}:
                found.append(f"{group}: lets others than CloudFront in to the load balancer: use CloudFrontPrefixList")
    for _, properties in resources(template, "AWS::ECS::Service"):
        network = properties.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {})
        for group, rule in _ways_in(template, network.get("SecurityGroups", [])):
            if not rule.get("SourceSecurityGroupId"):
                found.append(f"{group}: lets addresses in to tasks: set SourceSecurityGroupId")
    return found


def _ways_in(template: Template, groups: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every rule that lets traffic into some security groups, inside of them or beside them."""
    named = [group["Ref"] if "Ref" in group else group.get("Fn::GetAtt", [""])[0] for group in listed(groups)]
    for name, properties in resources(template, "AWS::EC2::SecurityGroup"):
        if name in named:
            yield from ((name, rule) for rule in listed(properties.get("SecurityGroupIngress", [])))
    for name, properties in resources(template, "AWS::EC2::SecurityGroupIngress"):
        if any(f"'{group}'" in str(properties.get("GroupId")) for group in named):
            yield name, properties


RULES = (
    nobody_is_everybody,
    the_bus_is_closed,
    services_are_tied,
    only_over_tls,
    tenant_files_are_closed,
    access_points_are_nobodys_root,
    buckets_are_private,
    origins_are_private,
    data_outlives_the_stack,
    identities_name_actions,
    containers_are_closed,
    only_cloudfront_comes_in,
)


if __name__ == "__main__":
    report.main(findings)

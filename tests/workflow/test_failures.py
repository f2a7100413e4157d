"""What goes wrong is recorded, mailed in words, and touches nobody else."""

import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from .embedded import CONTENDED, EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

BAD_ITEMS: list[tuple[dict[str, Any], list[str]]] = [
    ({"tenant_id": "mail"}, ["tenant_id 'mail'", "reserved"]),
    ({"tenant_id": "origin"}, ["tenant_id 'origin'", "reserved"]),
    ({"tenant_id": "xn--granja-9za"}, ["tenant_id 'xn--granja-9za'", "third and fourth place"]),
    ({"tenant_id": "ab"}, ["tenant_id 'ab'", "3 to 32 characters, and has 2"]),
    ({"tenant_id": "x" * 33}, ["tenant_id 'xxx", "3 to 32 characters, and has 33"]),
    ({"tenant_id": "y" * 64}, ["tenant_id 'yyy", "3 to 32 characters, and has 64"]),
    ({"tenant_id": "GRANJA"}, ["tenant_id 'GRANJA'", "plain lower-case form"]),
    ({"tenant_id": "granja."}, ["tenant_id 'granja.'", "one DNS label"]),
    ({"tenant_id": "*"}, ["tenant_id '*'", "3 to 32 characters"]),
    ({"tenant_id": "../etc"}, ["tenant_id '../etc'", "one DNS label"]),
    ({"tenant_id": "gránja"}, ["tenant_id 'gr\\xe1nja'", "one DNS label"]),
    ({"tenant_id": "20261124"}, ["tenant_id '20261124'", "all digits"]),
    ({"tenant_id": "bad-missing", "name": None}, ["name is missing"]),
    ({"tenant_id": "bad-empty", "name": ""}, ["name ''", "1 to 80 characters"]),
    ({"tenant_id": "bad-number", "name": Decimal(7)}, ["name 7", "must be a string (DynamoDB type S)"]),
    ({"tenant_id": "bad-long", "name": "ñ" * 81}, ["1 to 80 characters, and has 81"]),
    ({"tenant_id": "bad-newline", "name": "La\nGranja"}, ["name 'La\\nGranja'", "control characters"]),
    ({"tenant_id": "bad-domains", "domains": ["a.example"]}, ["domains ['a.example']", "not available"]),
    ({"tenant_id": "bad-state", "desired_state": "off"}, ["desired_state 'off'", "active, suspended"]),
]


@pytest.fixture(scope="module")
def bad_items(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    """All of them at once, as a careless import would; what they cost, and what stood before."""
    zone, aliases = embedded_aws.zone(), embedded_aws.aliases()
    with embedded_aws.trail() as trail:
        for item, _ in BAD_ITEMS:
            embedded_aws.insert(**item)
        for item, _ in BAD_ITEMS:
            embedded_aws.settled(item["tenant_id"])
    return {"trail": trail, "zone": zone, "aliases": aliases}


@pytest.mark.parametrize(("item", "parts"), BAD_ITEMS, ids=lambda value: str(value)[:24])
def test_a_bad_item_creates_one_failed_record_and_its_mail_says_why(
    embedded_aws: EmbeddedAws, bad_items: dict[str, Any], item: dict[str, Any], parts: list[str]
) -> None:
    tenant_id = item["tenant_id"]
    record = embedded_aws.record(tenant_id)

    assert record["status"] == "FAILED"
    assert record["last_error"]["code"] == "InvalidTenantItem"
    assert embedded_aws.left_over(tenant_id) == []
    shown = tenant_id if tenant_id.isascii() else ascii(tenant_id)[1:-1]
    mail = embedded_aws.mail(shown)
    assert all(part in mail for part in parts), mail
    assert "InvalidTenantItem" in mail
    assert embedded_aws.outbox(tenant_id) == ["TenantOnboardingFailed"]


def test_bad_items_cause_no_call_to_the_shared_systems(embedded_aws: EmbeddedAws, bad_items: dict[str, Any]) -> None:
    assert bad_items["trail"].count(*CONTENDED) == 0


@pytest.mark.parametrize("length", [3, 32])
def test_the_shortest_and_the_longest_name_are_served(embedded_aws: EmbeddedAws, length: int) -> None:
    tenant = ("l" * length)[:-1] + "x"

    embedded_aws.onboard(tenant)

    assert embedded_aws.get(embedded_aws.host(tenant)).json()["tenant_id"] == tenant


def test_a_bad_overwrite_of_a_live_tenant_never_shows(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("estable")
    statuses: list[int] = []
    over = threading.Event()

    def visit() -> None:
        with embedded_aws.visitor(embedded_aws.host("estable")) as visitor:
            while not over.is_set():
                statuses.append(visitor.get("/api/tenant", headers={"Cache-Control": "no-cache"}).status_code)

    visitors = threading.Thread(target=visit)
    visitors.start()
    try:
        embedded_aws.insert("estable", name="")
        record = embedded_aws.settled("estable", attempt=2)
        mail = embedded_aws.mail("estable")
    finally:
        over.set()
        visitors.join()

    assert len(statuses) > 20
    assert set(statuses) == {200}
    assert (record["status"], record["operation"]["state"]) == ("ACTIVE", "FAILED")
    assert embedded_aws.outbox("estable")[-1] == "TenantUpdateFailed"
    assert "The site is live, exactly as before this change." in mail
    assert "name ''" in mail


@pytest.mark.parametrize(
    ("function", "action", "stage"),
    [
        ("fluxion-dns-records", "route53:ChangeResourceRecordSets", "CreateDnsRecords"),
        ("fluxion-cdn-aliases", "cloudfront:UpdateDistribution", "AttachCname"),
    ],
)
def test_a_missing_permission_is_named_in_the_mail(
    embedded_aws: EmbeddedAws, function: str, action: str, stage: str
) -> None:
    tenant = f"sin-permiso-{function.rpartition('-')[2]}"
    with without_permission(embedded_aws, function, action):
        embedded_aws.insert(tenant)
        record = embedded_aws.settled(tenant)

    assert record["status"] == "FAILED"
    assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("AccessDenied", stage)
    mail = embedded_aws.mail(tenant)
    assert f"[fluxion] {tenant}: {stage} failed" in mail
    assert action in mail

    embedded_aws.insert(tenant, requested_at="again")
    assert embedded_aws.settled(tenant, attempt=2)["status"] == "ACTIVE"


class without_permission:  # noqa: N801 - reads as a sentence
    """Inside, the function's role lacks one action."""

    def __init__(self, aws: EmbeddedAws, function: str, action: str) -> None:
        self._iam = aws.client("iam")
        role = aws.client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
        self._role, self._action = role, action
        self._policies = {
            name: self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        }

    def __enter__(self) -> None:
        deny = {"Effect": "Deny", "Action": self._action, "Resource": "*"}
        removed = 0
        for name, document in self._policies.items():
            kept = [self._without(statement) for statement in document["Statement"]]
            removed += kept != document["Statement"]
            self._put(name, document | {"Statement": [each for each in kept if each["Action"]]})
        assert removed, f"{self._role} never had {self._action}: {deny}"

    def __exit__(self, *_: object) -> None:
        for name, document in self._policies.items():
            self._put(name, document)

    def _without(self, statement: dict[str, Any]) -> dict[str, Any]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Deny":
            return statement
        left = [action for action in actions if action != self._action]
        return statement if len(left) == len(actions) else statement | {"Action": left}

    def _put(self, name: str, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self._role, PolicyName=name, PolicyDocument=json.dumps(document))


def test_a_record_that_nobody_understands_is_kept_whole_and_its_neighbour_goes_on(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("vecina")
    record = embedded_aws.last_stream_record("vecina")
    poison = record | {"dynamodb": record["dynamodb"] | {"Keys": {}}}

    answer = embedded_aws.invoke("fluxion-start-workflow", {"Records": [poison, record]})

    assert answer == {"batchItemFailures": []}
    sqs = embedded_aws.client("sqs")
    configuration = embedded_aws.client("lambda").get_function_configuration(FunctionName="fluxion-start-workflow")
    queue = configuration["Environment"]["Variables"]["POISON_QUEUE_URL"]

    def is_kept() -> bool:
        """Other tests leave poison records of their own in the queue."""
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        kept = [json.loads(message["Body"])["record"]["dynamodb"] for message in messages]
        return poison["dynamodb"] in kept

    eventually(is_kept, "the poison record", 10)

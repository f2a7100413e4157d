"""The documents say what is: schemathesis makes up requests from them, and holds every answer to them."""

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import endurance

pytestmark = pytest.mark.slow

BASE = "fluxionia.example"
TENANT, ADMIN = f"granja.{BASE}", f"admin.{BASE}"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MADE_UP = 100 if endurance.is_long() else 12  # requests a route; each is some milliseconds


def operations(document):
    return [(method.upper(), path) for path, routes in document["paths"].items() for method in routes]


def made_up(app, document, host, token, known):
    """Ask every route what its description allows, and what it does not allow; every other time of what is there.

    known: by the names of parameters, what they may be to meet something. Returns how often each status was answered.
    """
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    schema.config.update(base_url=f"http://{host}")
    answered = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # a stream that goes on: test_admin_api.py

        @settings(
            max_examples=MADE_UP,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategies_of(operation))
        def ask(case):
            if answered.total() % 2 and case.path_parameters:
                case.path_parameters = {name: known[name] for name in case.path_parameters}
            response = case.call(headers={"Host": host, "Authorization": f"Bearer {token}"})
            answered[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        ask()
    return answered


def strategies_of(operation):
    allowed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.body or operation.query or operation.headers):
        return allowed
    return allowed | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


@pytest.mark.filterwarnings("ignore")
def test_no_made_up_request_to_a_tenants_site_is_more_than_it_can_take(market, token):
    order = {"customer": {"name": "Ana", "phone": "300"}, "lines": [{"product_id": "lulo", "quantity": 1}]}
    placed = market.ask("/api/orders", TENANT, method="POST", json=order).json()
    staff = token("staff", "granja")
    (customer,) = market.ask("/api/customers", TENANT, token=staff).json()["items"]
    known = {"product_id": "lulo", "order_id": placed["order_id"], "customer_id": customer["customer_id"]}
    answered = made_up(market.app, market.app.openapi(), TENANT, staff, known)
    assert answered.keys() >= {200, 201, 400, 404, 422}


@pytest.mark.filterwarnings("ignore")
def test_no_made_up_request_to_the_admin_api_is_more_than_it_can_take(site, token, dynamodb):
    item = {"tenant_id": {"S": "granja"}, "name": {"S": "La Granja"}}
    dynamodb.put_item(TableName="tenants", Item=item)
    document = site.ask("/api/openapi.json", ADMIN).json()
    answered = made_up(site.app, document, ADMIN, token("operator"), {"tenant_id": "granja"})
    assert answered.keys() >= {200, 202, 400, 404, 422, 428}


@pytest.mark.parametrize("host", [TENANT, ADMIN])
def test_every_route_says_what_it_needs_and_how_it_fails(market, host):
    document = market.ask("/api/openapi.json", host).json()
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            assert route["description"], (method, path)
            for status, answer in route["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
            if "security" in route:
                assert {"401", "403", "503"} <= set(route["responses"]), (method, path)
    public = {
        operation for operation in operations(document)
        if "security" not in document["paths"][operation[1]][operation[0].lower()]
    }  # fmt: skip
    sign_in = {("GET", "/api/auth"), ("POST", "/api/auth/token")}
    of_a_tenant = {
        ("GET", "/healthz"), ("GET", "/api/tenant"), ("POST", "/api/orders"), ("GET", "/api/products"),
        ("GET", "/api/products/{product_id}"),
    }  # fmt: skip
    assert public == sign_in | (of_a_tenant if host == TENANT else set())


def test_the_api_host_has_both_documents_and_nothing_else(market):
    host = f"api.{BASE}"
    about = market.ask("/api/", host).json()
    for kind, owner in (("tenant", TENANT), ("admin", ADMIN)):
        assert market.ask(about["openapi"][kind], host).json() == market.ask("/api/openapi.json", owner).json()
    for path in ("/api/openapi/x.json", "/api/tenant", "/api/tenants", "/api/openapi.json", "/docs"):
        assert market.ask(path, host).status_code == 404

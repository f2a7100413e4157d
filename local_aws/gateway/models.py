"""botocore's service models, by the signing name that a request carries."""

from __future__ import annotations

from functools import cache
from typing import Any

_NAMES = {"states": "stepfunctions", "elasticfilesystem": "efs", "monitoring": "cloudwatch", "email": "ses"}
"""botocore's name where the signing name is another one."""


@cache
def model_of(service: str) -> Any:
    """Return the ServiceModel; `service` is a signing name or botocore's own. None if it is unknown."""
    import botocore.exceptions
    import botocore.session

    try:
        return botocore.session.get_session().get_service_model(_NAMES.get(service, service))
    except botocore.exceptions.UnknownServiceError:
        return None


def signing_name(service: str) -> str | None:
    """Return `states` for both `stepfunctions` and `states`; None for a service that botocore does not know."""
    model = model_of(service)
    return str(model.signing_name) if model else None


@cache
def status_of_error(service: str, code: str) -> int | None:
    """Return the HTTP status that the service's model gives this error code; None if the model does not say."""
    model = model_of(service)
    for shape in model.error_shapes if model else ():
        if code in (shape.error_code, shape.name):
            status = shape.metadata.get("error", {}).get("httpStatusCode") or shape.metadata.get("httpStatusCode")
            return int(status) if status else None
    return None

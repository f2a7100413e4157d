"""Distributions: an alias on one of them, covered by the certificate, at most 100; deployment takes time; cache tags.

AWS: an alias lives on one distribution only (CNAMEAlreadyExists), is covered by the certificate
(InvalidViewerCertificate), and there are at most 100 (TooManyDistributionCNAMEs; quotas raise it); a change is
InProgress until it has reached the edge; CreateInvalidation takes paths that begin with `/` and tags with `#`.
Stock MiniStack: none of these, neither through the API nor through CloudFormation; any text is a path.

Source: docs.aws.amazon.com/cloudfront/latest/APIReference/API_UpdateDistribution.html, …/API_CreateInvalidation.html,
…/DeveloperGuide/cloudfront-limits.html.

Upstream: in part: aliases, certificates and items of invalidations; delays and what the edge is told are ours.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from ministack.services import cloudfront
from ministack.services.cloudformation import provisioners

from local_aws import patching, propagation
from local_aws.quotas import CACHE_TAG_CHARACTERS, Quotas
from local_aws.services.cloudfront import deployed
from local_aws.settings import Settings

RESOURCE = "AWS::CloudFront::Distribution"
UPDATE, CREATE, DELETE = "_update_distribution", "_create_distribution", "_delete_distribution"
_most_aliases = Quotas.aliases


class Refused(ValueError):
    """CloudFront refuses the configuration: error code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.answer = cloudfront._error(code, message, status)


def check(config: Any, distribution_id: str | None) -> None:
    """Raise Refused if a distribution (None: a new one) cannot have this DistributionConfig element."""
    aliases = [
        alias.lower() for alias in cloudfront._get_distribution_aliases({"config_xml": cloudfront.tostring(config)})
    ]
    if len(aliases) > _most_aliases:
        message = "Your request contains more CNAMEs than are allowed per distribution."
        raise Refused("TooManyDistributionCNAMEs", message, 400)
    taken = _names_of_others(distribution_id)
    for alias in aliases:
        if alias in taken:
            message = (
                f"One or more of the CNAMEs you provided are already associated with a different resource: {alias}."
            )
            raise Refused("CNAMEAlreadyExists", message, 409)
    _check_certificate(config, aliases)


def _names_of_others(distribution_id: str | None) -> set[str]:
    """Return the account's domain names, lower case, that another distribution or distribution tenant has."""
    saas = [(known["Id"], known["Domains"]) for known in cloudfront._distribution_tenants.values()]
    distributions = [
        (known["Id"], cloudfront._get_distribution_aliases(known)) for known in cloudfront._distributions.values()
    ]
    others = [names for owner, names in (*saas, *distributions) if owner != distribution_id]
    return {name.lower() for names in others for name in names}


def _check_certificate(config: Any, aliases: list[str]) -> None:
    viewer = cloudfront._find(config, "ViewerCertificate")
    arn = cloudfront._text(viewer, "ACMCertificateArn") if viewer is not None else ""
    names = deployed.certificate_names(arn) if arn else ()
    if arn and not names:
        message = "The specified SSL certificate doesn't exist, isn't in us-east-1 region, or isn't valid."
        raise Refused("InvalidViewerCertificate", message, 400)
    if aliases and not arn:
        message = (
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
            "certificate that validates your authorization to use the domain name."
        )
        raise Refused("InvalidViewerCertificate", message, 400)
    for alias in aliases:
        if not any(_covers(name, alias) for name in names):
            message = (
                "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) "
                f"that you're trying to add: {alias}."
            )
            raise Refused("InvalidViewerCertificate", message, 400)


def _covers(certificate_name: str, alias: str) -> bool:
    if certificate_name.startswith("*.") and not alias.startswith("*."):
        return alias.partition(".")[2] == certificate_name[2:]
    return certificate_name == alias


def item_fault(item: str) -> str | None:
    """Return why AWS refuses an item of an invalidation; None if it does not."""
    if item.startswith("#"):
        if not 1 < len(item) <= CACHE_TAG_CHARACTERS + 1 or "*" in item or not item.isascii() or not item.isprintable():
            return f"Your request contains an invalid cache tag: {item}"
    elif not item.startswith("/") or "*" in item[:-1]:
        return f"Your request contains one or more invalid invalidation paths: {item}"
    return None


def _tell(distribution_id: str, record: dict[str, Any] | None) -> None:
    """Tell the edge of a created, updated or (None) deleted distribution."""
    made = partial(deployed.view, dict(record)) if record is not None else None
    propagation.accepted("distribution", distribution_id, made)


def _api(name: str) -> Any:
    """Create, update or delete through the API: check first, tell the data plane after."""

    def bridged(original: Any) -> Any:
        def call(*arguments: Any) -> Any:
            distribution_id = arguments[0] if name != CREATE else None
            before = set(cloudfront._distributions)
            if name != DELETE:
                config = cloudfront._parse_body(arguments[-1])
                config, _ = cloudfront._unwrap_distribution_create_xml(config)
                try:
                    if config is not None and _may_change(distribution_id, arguments):
                        check(config, distribution_id)
                except Refused as refusal:
                    return refusal.answer
            answer = original(*arguments)
            if answer[0] < 300:
                for changed in [distribution_id] if distribution_id else set(cloudfront._distributions) - before:
                    _tell(changed, cloudfront._distributions.get(changed))
            return answer

        return call

    return bridged


def _may_change(distribution_id: str | None, arguments: Any) -> bool:
    """Return whether the content matters: a stale ETag is refused before it, a repeated create is answered."""
    if distribution_id is None:
        config, _ = cloudfront._unwrap_distribution_create_xml(cloudfront._parse_body(arguments[-1]))
        reference = cloudfront._text(config, "CallerReference")
        return all(known.get("CallerReference") != reference for known in cloudfront._distributions.values())
    known = cloudfront._distributions.get(distribution_id)
    return bool(known) and arguments[1].get("if-match") == known["ETag"]


def _template(original: Any, place: int | None) -> Any:
    """Create or update through CloudFormation; `place` of the new properties in the arguments, None for a deletion."""

    def call(*arguments: Any, **more: Any) -> Any:
        if place is None:
            original(*arguments, **more)
            return _tell(arguments[0], None)
        known = arguments[0] if place > 1 else None
        check(provisioners._cf_distribution_config(arguments[place], "check"), known)
        result = original(*arguments, **more)
        _tell(result[0], cloudfront._distributions[result[0]])
        return result

    return call


def _create_invalidation(original: Any) -> Any:
    def create_invalidation(distribution_id: str, body: bytes) -> Any:
        batch = cloudfront._parse_body(body)
        items = (
            [el.text or "" for el in batch.iter() if cloudfront._local_tag_name(el) == "Path"]
            if batch is not None
            else []
        )
        known = len(cloudfront._invalidations.get(distribution_id, ()))
        if distribution_id in cloudfront._distributions:
            if not items:
                return cloudfront._error("InvalidArgument", "Your request doesn't contain any paths.", 400)
            for item in items:
                if fault := item_fault(item):
                    return cloudfront._error("InvalidArgument", fault, 400)
        answer = original(distribution_id, body)
        if answer[0] == 201 and len(cloudfront._invalidations[distribution_id]) > known:
            propagation.invalidated(distribution_id, tuple(items))
        return answer

    return create_invalidation


def _handle_request(original: Any) -> Any:
    async def handle_request(*arguments: Any) -> Any:
        for known in cloudfront._distributions.values():
            is_deployed = propagation.pending_until("distribution", known["Id"]) <= time.time()
            known["Status"] = "Deployed" if is_deployed else "InProgress"
        return await original(*arguments)

    return handle_request


def install(settings: Settings) -> None:
    global _most_aliases  # noqa: PLW0603 - one process, one account
    _most_aliases = settings.quotas.aliases if settings.quotas else settings.aliases
    patching.replace(cloudfront, CREATE, _api(CREATE), "_distributions[dist_id] = dist")
    patching.replace(cloudfront, UPDATE, _api(UPDATE))
    patching.replace(cloudfront, DELETE, _api(DELETE), "del _distributions[dist_id]")
    patching.replace(cloudfront, "_create_invalidation", _create_invalidation, "_invalidations[dist_id].append(inv)")
    patching.replace(cloudfront, "handle_request", _handle_request, "_update_distribution(dist_id, headers, body)")
    handlers = provisioners._RESOURCE_HANDLERS[RESOURCE]
    if handlers.get("create") is not provisioners._cf_distribution_create or not handlers.get("update_with_logical_id"):
        raise patching.PatchTargetMoved(f"CloudFormation's handlers of {RESOURCE} changed")
    patching.resource(RESOURCE, "create", partial(_template, place=1))
    patching.resource(RESOURCE, "update", partial(_template, place=2))
    patching.resource(RESOURCE, "delete", partial(_template, place=None))

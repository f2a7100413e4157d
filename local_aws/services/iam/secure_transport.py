"""`aws:SecureTransport`: the endpoint counts as reached over TLS.

On AWS every SDK call arrives over TLS, so a policy that denies plain HTTP (SAM's own bucket has one, and so have this
project's queues and buckets) denies no client. Stock MiniStack is called over plain HTTP on the loopback interface, and
reports it: with AUTH such a policy denies everything, `sam deploy` included. Here the endpoint counts as AWS's.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, aws:SecureTransport.

Upstream: no: the endpoint is plain HTTP; that it counts as TLS is a choice of who embeds it.
"""

from typing import Any

from ministack.core import iam_evaluator

from local_aws import patching
from local_aws.settings import Settings


def install(_: Settings) -> None:
    """Make the key `true` wherever a policy asks for it."""

    def bridged(original: Any) -> Any:
        def resolve_condition_key(key: str, ctx: Any) -> Any:
            return "true" if key.lower() == "aws:securetransport" else original(key, ctx)

        return resolve_condition_key

    patching.replace(iam_evaluator, "_resolve_condition_key", bridged, 'k == "aws:securetransport"')

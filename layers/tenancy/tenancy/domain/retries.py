"""Errors that a state's ErrorEquals may name stand here in groups, for both state machines.

Which of our own errors can come to which kind of state, they say themselves (``TransientError.comes_to``).
"""

from tenancy.domain.errors import SupersededError, TransientError

# What Lambda and DynamoDB raise by themselves, as Step Functions spells it. Sandbox.Timedout and Runtime.ExitError are
# what Lambda's runtime calls a function that ran out of time, or whose process ended.
_OF_AWS = {
    "lambda refuses": (
        "Lambda.TooManyRequestsException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
    ),
    "function died": ("Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"),
    "dynamodb refuses": (
        "DynamoDb.ProvisionedThroughputExceededException",
        "DynamoDb.RequestLimitExceeded",
        "DynamoDb.ThrottlingException",
        "DynamoDb.InternalServerErrorException",
        "DynamoDb.SdkClientException",
    ),
}


def groups() -> dict[str, tuple[str, ...]]:
    """Return every group's names, by the name that the sources of the state machines have for the group."""
    transient = TransientError.__subclasses__()
    kinds = dict.fromkeys(leaf.comes_to for leaf in transient)
    ours = {kind: tuple(leaf.__name__ for leaf in transient if leaf.comes_to == kind) for kind in kinds}
    return {**_OF_AWS, **ours, "superseded": tuple(leaf.__name__ for leaf in SupersededError.__subclasses__())}

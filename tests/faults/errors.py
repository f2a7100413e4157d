"""The services' own error codes, where AWS may give them: beside throttles and 5xx, which every call can get.

From each operation's list of errors in its API reference (they are in botocore's models; ``test_faults.py`` looks), and
from the errors that every operation of a service has. Left out is what only a wrong request gets (a malformed name) and
what would be a lie about the state of things: a condition that is said to have failed and has not.
"""

_DYNAMODB = ["AccessDeniedException", "RequestLimitExceeded", "ResourceNotFoundException", "ThrottlingException"]
_CANCELLED = [
    f"TransactionCanceledException:{reason}"
    for reason in ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError")
]
_REREAD = (
    "ClaimTenant",
    "ActivateTenant",
    "RecordFailure",
    "RollBack",
    "HoldTenant",
    "ReleaseHostname",
)  # read again, decide again

_CODES: dict[tuple[str, str], list[str]] = {
    ("dynamodb", "GetItem"): _DYNAMODB,
    ("dynamodb", "PutItem"): _DYNAMODB,
    ("dynamodb", "UpdateItem"): [*_DYNAMODB, "TransactionConflictException"],
    ("dynamodb", "DeleteItem"): [*_DYNAMODB, "TransactionConflictException"],
    ("dynamodb", "Query"): _DYNAMODB,
    ("dynamodb", "BatchGetItem"): [*_DYNAMODB, "Unprocessed"],
    ("dynamodb", "BatchWriteItem"): [*_DYNAMODB, "Unprocessed"],
    ("dynamodb", "TransactWriteItems"): [*_DYNAMODB, "TransactionInProgressException", *_CANCELLED],
    ("route53", "ChangeResourceRecordSets"): [
        "AccessDenied",
        "InvalidChangeBatch",
        "InvalidInput",
        "NoSuchHealthCheck",
        "NoSuchHostedZone",
        "PriorRequestNotComplete",
    ],
    ("route53", "ListResourceRecordSets"): ["AccessDenied", "InvalidInput", "NoSuchHostedZone"],
    ("cloudfront", "GetDistributionConfig"): ["AccessDenied", "NoSuchDistribution"],
    ("cloudfront", "UpdateDistribution"): [
        "AccessDenied",
        "CNAMEAlreadyExists",
        "IllegalUpdate",
        "InvalidArgument",
        "InvalidIfMatchVersion",
        "InvalidViewerCertificate",
        "NoSuchDistribution",
        "PreconditionFailed",
        "TooManyDistributionCNAMEs",
    ],
    ("cloudfront", "CreateInvalidation"): [
        "AccessDenied",
        "BatchTooLarge",
        "InvalidArgument",
        "NoSuchDistribution",
        "TooManyInvalidationsInProgress",
    ],
    ("stepfunctions", "StartExecution"): [
        "AccessDeniedException",
        "ExecutionLimitExceeded",
        "KmsThrottlingException",
        "StateMachineDeleting",
        "StateMachineDoesNotExist",
    ],
    ("stepfunctions", "DescribeExecution"): ["AccessDeniedException", "KmsThrottlingException"],
    ("stepfunctions", "SendTaskSuccess"): ["AccessDeniedException", "InvalidToken", "TaskDoesNotExist", "TaskTimedOut"],
    ("stepfunctions", "SendTaskFailure"): ["AccessDeniedException", "InvalidToken", "TaskDoesNotExist", "TaskTimedOut"],
    ("events", "PutEvents"): ["AccessDeniedException", "Unprocessed"],
    ("sns", "Publish"): ["AuthorizationError", "EndpointDisabled", "KMSThrottling", "NotFound", "Throttled"],
    ("sqs", "SendMessage"): ["AccessDenied", "KmsThrottled", "QueueDoesNotExist"],
    ("s3", "GetObject"): ["AccessDenied", "InvalidObjectState", "NoSuchBucket", "NoSuchKey", "RequestTimeout"],
    ("s3", "ListObjectsV2"): ["AccessDenied", "NoSuchBucket", "RequestTimeout"],
    ("s3", "PutObject"): ["AccessDenied", "NoSuchBucket", "RequestTimeout"],
    ("secretsmanager", "GetSecretValue"): ["AccessDeniedException", "DecryptionFailure", "ResourceNotFoundException"],
    ("states", "Invoke"): ["AWSLambdaException", "Unknown"],
    ("states", "PutItem"): ["RequestLimitExceeded", "ThrottlingException", "DynamoDbException"],
    ("files", "create"): ["EACCES", "EDQUOT", "EROFS", "ESTALE"],
    ("files", "link"): ["EDQUOT", "ESTALE"],
    ("files", "mkdir"): ["EACCES", "EDQUOT"],
    ("files", "replace"): ["EDQUOT", "ESTALE"],
    ("files", "write"): ["EDQUOT", "EFBIG", "ESTALE"],
    ("files", "fsync"): ["EDQUOT", "ESTALE"],
    ("files", "flock"): ["ENOLCK", "ESTALE"],
    ("files", "open"): ["EACCES", "EMFILE", "ESTALE"],
    ("files", "read"): ["EACCES", "ESTALE"],
    ("files", "unlink"): ["EACCES", "EBUSY"],
}

# Of these the product makes a permanent error: the tenant may end FAILED, and clean.
PERMANENT = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "BatchTooLarge",
    "CNAMEAlreadyExists",
    "DecryptionFailure",
    "IllegalUpdate",
    "InvalidArgument",
    "InvalidChangeBatch",
    "InvalidInput",
    "InvalidObjectState",
    "InvalidViewerCertificate",
    "NoSuchBucket",
    "NoSuchDistribution",
    "NoSuchHealthCheck",
    "NoSuchHostedZone",
    "NoSuchKey",
    "ResourceNotFoundException",
    "TooManyDistributionCNAMEs",
    "TransactionCanceledException:ValidationError",
}


def codes_of(service: str, operation: str, caller: str = "") -> list[str]:
    """The codes that an operation may answer with."""
    codes = list(_CODES.get((service, operation), []))
    if operation == "TransactWriteItems" and caller.rpartition(".")[2] in _REREAD:
        codes.append("TransactionCanceledException:ConditionalCheckFailed")
    return codes

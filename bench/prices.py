"""The prices of AWS.

us-east-1, without free tiers but for that of invalidations, as the pages named here had it on the day named here. No
price list is asked while this runs. What is paid by the month is not in it: keys, alarms, stored bytes, records beyond
the 10,000 that a zone includes ($0.0015 each), tenants of a distribution in CloudFront's SaaS Manager.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """The dollars for one unit."""

    dollars: float
    unit: str
    page: str
    as_of: str


def _million(dollars: float, unit: str, page: str, as_of: str = "2025-06-01") -> Price:
    return Price(dollars / 1e6, unit, page, as_of)


PRICES: Mapping[str, Price] = {
    "transition": _million(25, "state transition, retries too", "aws.amazon.com/step-functions/pricing"),
    "invocation": _million(0.20, "request", "aws.amazon.com/lambda/pricing"),
    "gb_second": Price(
        0.0000166667, "GB of memory for a second, cold starts too, x86", "aws.amazon.com/lambda/pricing", "2025-08-01"
    ),
    "write_unit": _million(0.625, "write request unit, on demand", "aws.amazon.com/dynamodb/pricing/on-demand"),
    "read_unit": _million(0.125, "read request unit, on demand", "aws.amazon.com/dynamodb/pricing/on-demand"),
    "event": _million(1.00, "custom event", "aws.amazon.com/eventbridge/pricing"),
    "log_byte": Price(0.50 / 2**30, "byte taken in", "aws.amazon.com/cloudwatch/pricing", "2025-06-01"),
    "trace": _million(5.00, "trace recorded", "aws.amazon.com/xray/pricing"),
    "key_request": _million(3.00, "request", "aws.amazon.com/kms/pricing"),
    "secret_request": _million(5.00, "request", "aws.amazon.com/secrets-manager/pricing"),
    "file_byte": Price(0.06 / 2**30, "byte written, elastic throughput", "aws.amazon.com/efs/pricing", "2025-06-01"),
    "invalidation": Price(0.005, "path or tag beyond the free ones", "aws.amazon.com/cloudfront/pricing", "2025-06-01"),
}
DATE = max(price.as_of for price in PRICES.values())
FREE_INVALIDATIONS = 1_000  # a month, of the account

"""Updates of the deployed stacks."""

import json
from collections.abc import Mapping
from typing import Any

from .embedded import EmbeddedAws, eventually


def update_stack(aws: EmbeddedAws, stack: str, template: Mapping[str, Any], **changed: str) -> None:
    """Deploy another template, with the parameters of before but for those that are given."""
    client, s3 = aws.client("cloudformation"), aws.client("s3")
    (deployed,) = client.describe_stacks(StackName=stack)["Stacks"]
    others = {each["ParameterKey"] for each in deployed.get("Parameters", [])} - set(changed)
    (bucket, *_) = [each["Name"] for each in s3.list_buckets()["Buckets"] if "sam" in each["Name"]]
    s3.put_object(Bucket=bucket, Key="changed.json", Body=json.dumps(template).encode())
    client.update_stack(
        StackName=stack,
        TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/changed.json",
        Parameters=[
            *({"ParameterKey": name, "UsePreviousValue": True} for name in others),
            *({"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()),
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def status() -> str:
        return str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    eventually(lambda: status().endswith("_COMPLETE"), "the end of the update")
    assert status() == "UPDATE_COMPLETE"

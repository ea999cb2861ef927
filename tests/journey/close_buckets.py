"""A function as a customer writes it for Lambda: it makes the open buckets of an alert private, and knows no gateway.

AWS's runtime client loads it in a process of its own. `handler` reads the vendor's event, `behind_api` the request that
API Gateway makes of one.
"""

from __future__ import annotations

import json
import os
from typing import Any

from botocore.session import Session

_RULES = ("AR-251", "AR-252", "AR-267", "AR-268")
_session: Any = Session()
_s3 = _session.create_client("s3", region_name=os.environ["AWS_REGION"])


def handler(event: dict[str, Any], context: Any) -> str:
    print("asked for", _asked_for(context))  # noqa: T201 - what a function prints is its log
    payload = event["payloadData"]
    if event["eventType"] != "ALERT" or payload["alertType"] != "Policy" or payload["ruleNumber"] not in _RULES:
        return "nothing to do"
    names = [each["resourceInfo"] for each in payload["affectedResources"] if each["state"] == "OPEN"]
    for name in names:
        _s3.put_bucket_acl(Bucket=name, ACL="private")
    return f"closed {', '.join(names)}"


def behind_api(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if {name.lower(): value for name, value in event["headers"].items()}.get("x-api-key") != "api-key-5a1f":
        return {"statusCode": 401, "body": "who is there?"}
    return {"statusCode": 200, "body": handler(json.loads(event["body"]), context)}


def _asked_for(context: Any) -> str:
    """The same each time that the same is asked for, where Lambda passes that on."""
    told = context.client_context
    return str(told.custom["delivery_id"] if told else context.aws_request_id)

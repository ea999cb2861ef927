"""A webhook as API Gateway hands it to a function (Lambda proxy integration), for functions that were written for it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (both).
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from gateway.destinations import Context
from gateway.destinations._http import as_json
from gateway.domain.alert import JSON, Alert
from gateway.domain.http_header import Headers

Version = Literal["apigateway-v1", "apigateway-v2"]
_HERE, _AGENT, _DOMAIN = "127.0.0.1", "optix-gateway", "optix-gateway.internal"
_NOBODY, _API = "000000000000", "optixgateway"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Webhook(NamedTuple):
    """What the request says beside its body. `own`: the operator's headers."""

    alert: Alert
    context: Context
    path: str
    content_type: str
    own: Headers = ()


def enveloped(version: Version, webhook: Webhook, body: bytes) -> bytes:
    return as_json((_first if version == "apigateway-v1" else _second)(webhook, body))


def _headers(webhook: Webhook) -> dict[str, str]:
    """Names in lower case. `optix-gateway-changed`: what is new to this receiver, in words."""
    context = webhook.context
    found = {
        "content-type": webhook.content_type,
        "host": _DOMAIN,
        "user-agent": _AGENT,
        "webhook-id": context.delivery_id,
        "optix-gateway-incident": webhook.alert.key,
        "optix-gateway-changed": context.news(webhook.alert),
        "optix-gateway-test": "true" if context.test else "",
    }
    return {name: value for name, value in found.items() if value}


def _body(body: bytes) -> dict[str, JSON]:
    try:
        return {"body": body.decode("utf-8"), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": b64encode(body).decode("ascii"), "isBase64Encoded": True}


def _first(webhook: Webhook, body: bytes) -> dict[str, JSON]:
    """Version 1.0, as REST APIs have it. Names of headers stand as the operator wrote them."""
    headers = _headers(webhook) | dict(webhook.own)
    sent_at = webhook.context.sent_at
    return {
        "version": "1.0",
        "resource": webhook.path,
        "path": webhook.path,
        "httpMethod": "POST",
        "headers": dict[str, JSON](headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": _NOBODY,
            "apiId": _API,
            "domainName": _DOMAIN,
            "domainPrefix": _DOMAIN.partition(".")[0],
            "extendedRequestId": webhook.context.delivery_id,
            "httpMethod": "POST",
            "identity": {"sourceIp": _HERE, "userAgent": _AGENT},
            "path": webhook.path,
            "protocol": "HTTP/1.1",
            "requestId": webhook.context.delivery_id,
            "requestTime": _time(sent_at),
            "requestTimeEpoch": int(sent_at.timestamp() * 1000),
            "resourceId": _API,
            "resourcePath": webhook.path,
            "stage": "$default",
        },
        **_body(body),
    }


def _second(webhook: Webhook, body: bytes) -> dict[str, JSON]:
    """Version 2.0, as HTTP APIs and function URLs have it."""
    headers = _headers(webhook) | {name.lower(): value for name, value in webhook.own}
    sent_at = webhook.context.sent_at
    http: JSON = {
        "method": "POST",
        "path": webhook.path,
        "protocol": "HTTP/1.1",
        "sourceIp": _HERE,
        "userAgent": _AGENT,
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": webhook.path,
        "rawQueryString": "",
        "headers": dict[str, JSON](headers),
        "requestContext": {
            "accountId": _NOBODY,
            "apiId": _API,
            "domainName": _DOMAIN,
            "domainPrefix": _DOMAIN.partition(".")[0],
            "http": http,
            "requestId": webhook.context.delivery_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": _time(sent_at),
            "timeEpoch": int(sent_at.timestamp() * 1000),
        },
        **_body(body),
    }


def _time(moment: datetime) -> str:
    """`12/Mar/2020:19:03:58 +0000`, whatever language the machine speaks."""
    utc = moment.astimezone(UTC)
    return f"{utc:%d}/{_MONTHS[utc.month - 1]}/{utc:%Y:%H:%M:%S} +0000"

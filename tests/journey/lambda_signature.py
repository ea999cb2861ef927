"""Whether AWS would believe a request, by botocore's own reckoning of what its signature must be.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.outbound.aws_world import KEY_ID, REGION, SECRET_KEY

_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})")
_MOST_SKEW = timedelta(minutes=5)
Fault = tuple[int, str, str]
"""Status, code and message."""


def fault_of(request: web.BaseRequest, body: bytes) -> Fault | None:
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    stamp = request.headers.get("X-Amz-Date", "")
    if found is None or not stamp:
        return 403, "MissingAuthenticationTokenException", "Missing Authentication Token"
    key_id, scope, signed, signature = found.groups()
    if key_id != KEY_ID:
        return 403, "UnrecognizedClientException", "The security token included in the request is invalid."
    if wrong := _wrong(request, stamp, scope, signed.split(";")):
        return _invalid(wrong)
    if not compare_digest(_signature(request, body, stamp, signed.split(";")), signature):
        return _invalid("The request signature we calculated does not match the signature you provided.")
    return None


def _invalid(why: str) -> Fault:
    return 403, "InvalidSignatureException", why


def _wrong(request: web.BaseRequest, stamp: str, scope: str, signed: list[str]) -> str:
    off = datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(off) > _MOST_SKEW:
        return f"Signature expired: {stamp}"
    if scope != f"{stamp[:8]}/{REGION}/lambda/aws4_request":
        return f"Credential should be scoped to {REGION} and lambda"
    must = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
    return f"{sorted(must - set(signed))} must be signed" if must - set(signed) else ""


def _signature(request: web.BaseRequest, body: bytes, stamp: str, signed: list[str]) -> str:
    signer: Any = SigV4Auth(Credentials(KEY_ID, SECRET_KEY), "lambda", REGION)
    url = f"http://{request.headers['Host']}{request.raw_path}"
    headers = {name: request.headers.get(name, "") for name in signed}
    made: Any = AWSRequest(method=request.method, url=url, headers=headers, data=body)
    made.context["timestamp"] = stamp
    found: str = signer.signature(signer.string_to_sign(made, signer.canonical_request(made)), made)
    return found

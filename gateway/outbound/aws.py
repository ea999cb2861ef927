"""Carries requests to AWS: credentials are found beside the loop, each request is signed, and `HttpTransport` sends it.

The seam for whatever speaks to AWS: make an `AwsRequest` (method, URL, body, `service`, `access`) and send it through
`Transports`; the answer is the service's own `HttpAnswer`. A role for each environment is an `AwsAccess` for each.

botocore signs and finds credentials, and is loaded with the first message. Nothing of it that waits runs in the loop.
"""

from __future__ import annotations

import asyncio
import time

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from gateway.domain.message import AwsRequest, Declined, HttpAnswer, HttpRequest, NoAnswer
from gateway.outbound.aws_keys import AwsKeys, NoKeys
from gateway.outbound.http import HttpTransport

_STALE = (b"ExpiredToken", b"InvalidClientTokenId", b"UnrecognizedClient", b"InvalidAccessKeyId", b"InvalidToken")
_READ_BYTES = 4096


class AwsTransport:
    def __init__(self, http: HttpTransport) -> None:
        self._http = http
        self._keys = AwsKeys()

    async def send(self, request: AwsRequest, timeout_s: float) -> HttpAnswer | Declined | NoAnswer:
        """What AWS answered, or STS in its place; `Declined("credentials", …)` when there are none."""
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                keys = await self._keys.of(request.access)
        except TimeoutError:
            return NoAnswer(f"no AWS credentials within {timeout_s:g} s")
        except NoKeys as error:
            return error.answer
        left_s = max(0.001, timeout_s - (time.monotonic() - started_s))
        answer = await self._http.send(signed(request, keys), left_s)
        if isinstance(answer, HttpAnswer) and _is_stale(answer):
            self._keys.forget(request.access)
        return answer

    async def close(self) -> None:
        self._keys.close()


def signed(request: AwsRequest, keys: ReadOnlyCredentials) -> HttpRequest:
    """With what authenticates it, valid for minutes. S3 does not encode the path twice, and wants the body's hash."""
    signer = S3SigV4Auth if request.service == "s3" else SigV4Auth
    made = AWSRequest(method=request.method, url=request.url, headers=dict(request.headers), data=request.body)
    signer(keys, request.service, request.access.region).add_auth(made)
    return HttpRequest(request.url, request.body, request.method, tuple(made.headers.items()), request.tls)


def _is_stale(answer: HttpAnswer) -> bool:
    """AWS does not know these keys (any more). Others may have taken their place: the next attempt looks."""
    return answer.status in (400, 401, 403) and any(code in answer.body[:_READ_BYTES] for code in _STALE)

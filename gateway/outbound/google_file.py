"""Tokens of Google by a credentials file, through google-auth.

The library waits for its answers, so that it runs in a thread; its requests come back here and go the way of all.
Whatever the first answer is decides: the library's own repeating is not wanted, because the delivery is repeated.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from google.auth import aws, credentials, identity_pool
from google.auth.exceptions import GoogleAuthError
from google.auth.transport import Request, Response
from google.oauth2 import service_account

from gateway.domain.grant import GoogleGrant
from gateway.domain.message import HttpAnswer, HttpRequest, NoAnswer, NotGranted, Tls
from gateway.outbound.http import HttpTransport
from gateway.outbound.token import Granted, bearer, refused

Wanted: TypeAlias = dict[str, object]

_OF_MACHINES = frozenset({"169.254.169.254", "metadata.google.internal"})
_AWS = "urn:ietf:params:aws:token-type:aws4_request"


class _Ended(Exception):
    """The sign-in came to this."""

    def __init__(self, granted: Granted) -> None:
        super().__init__()
        self.granted = granted


class _Answer(Response):
    def __init__(self, answer: HttpAnswer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


class _Carrier(Request):
    """Called in the library's thread; sends in the loop."""

    def __init__(self, http: HttpTransport, local: HttpTransport, tls: Tls, timeout_s: float) -> None:
        self._http, self._local, self._tls, self._timeout_s = http, local, tls, timeout_s
        self._loop = asyncio.get_running_loop()

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_further: object,
    ) -> _Answer:
        host = urlsplit(url).hostname or ""
        http = self._local if host in _OF_MACHINES else self._http
        content = body.encode() if isinstance(body, str) else body or b""
        request = HttpRequest(url, content, method, tuple((headers or {}).items()), self._tls)
        sending = http.send(request, min(timeout or self._timeout_s, self._timeout_s))
        answer = asyncio.run_coroutine_threadsafe(sending, self._loop).result()
        if isinstance(answer, NoAnswer):
            raise _Ended(NoAnswer(f"sign-in at {host}: {answer.reason}"))
        if not 200 <= answer.status < 300:
            raise _Ended(refused(host, answer))
        return _Answer(answer)


async def ask(
    grant: GoogleGrant,
    http: HttpTransport,
    local: HttpTransport,
    tls: Tls,
    timeout_s: float,
    now_s: Callable[[], float],
) -> Granted:
    return await asyncio.to_thread(_ask, grant, _Carrier(http, local, tls, timeout_s), now_s)


def _ask(grant: GoogleGrant, carrier: _Carrier, now_s: Callable[[], float]) -> Granted:
    try:
        made = _credentials(grant)
        made.refresh(carrier)  # type: ignore[no-untyped-call]  # the library is typed in part
    except _Ended as ended:
        return ended.granted
    except (GoogleAuthError, ValueError, TypeError, KeyError) as error:
        # Its text may quote the file or the answer.
        return NotGranted(f"sign-in: the credentials cannot be used ({type(error).__name__})")
    lifetime_s = made.expiry.replace(tzinfo=UTC).timestamp() - now_s() if made.expiry else 0.0
    return bearer(str(made.token), lifetime_s)


def _credentials(grant: GoogleGrant) -> credentials.Credentials:
    info: dict[str, Any] = json.loads(grant.credentials)
    make, wanted = _way(grant, info)
    return make(info, **wanted)


def _way(grant: GoogleGrant, info: Mapping[str, object]) -> tuple[Callable[..., credentials.Credentials], Wanted]:
    if info.get("type") != "service_account":
        kind = aws if info.get("subject_token_type") == _AWS else identity_pool
        return kind.Credentials.from_info, {"scopes": [grant.scope]}
    if grant.audience:
        return service_account.IDTokenCredentials.from_service_account_info, {"target_audience": grant.audience}
    return service_account.Credentials.from_service_account_info, {"scopes": [grant.scope]}

"""Carries requests that need a token first: obtains it, keeps it while it is good, and forgets one that was refused.

A token that the receiver refuses is not replaced within the attempt: the delivery's schedule tries again, and signs in
anew then. One that is refused though it is new is kept, or every delivery of the route would sign in for nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, assert_never
from urllib.parse import unquote

from gateway.domain.grant import EntraGrant, GoogleGrant, Grant, SasGrant
from gateway.domain.message import GrantedRequest, HttpAnswer, HttpRequest, NoAnswer, NotGranted, Tls
from gateway.domain.sas import shared_access_signature
from gateway.outbound.entra import Entra
from gateway.outbound.google import Google
from gateway.outbound.http import HttpTransport
from gateway.outbound.reasons import too_slow
from gateway.outbound.token import Granted, Token

SIGN_IN_S = 20.0
"""The longest that anybody who gives tokens is waited for, whatever the time-out of the route."""

_RENEWED_BEFORE_S = 300.0
_NEW_FOR_S = 60.0
_SAS_LIFETIME_S = 3600
_UNAUTHORIZED = 401
_MASK = "****"


class _Held(NamedTuple):
    """Moments of the monotonic clock: asked for again from `renewed_from_s` on, useless from `ends_s` on."""

    token: Token
    made_s: float
    renewed_from_s: float
    ends_s: float


class GrantingTransport:
    """`local` reaches what only this machine should be asked: its cloud's metadata service. Usable in one event loop.

    `clock_s` is monotonic, `now_s` seconds since 1970.
    """

    def __init__(
        self,
        http: HttpTransport,
        local: HttpTransport,
        *,
        environ: Mapping[str, str] = os.environ,
        clock_s: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._http, self._local, self._clock_s, self._now_s = http, local, clock_s, now_s
        self._entra = Entra(http, local, environ, now_s)
        self._google = Google(http, local, environ, now_s)
        self._held: dict[Grant, _Held] = {}
        self._asking: dict[Grant, asyncio.Task[_Held | NotGranted | NoAnswer]] = {}

    async def send(self, request: GrantedRequest, timeout_s: float) -> HttpAnswer | NotGranted | NoAnswer:
        """The time-out is for the sign-in and the request together."""
        began_s = self._clock_s()
        try:
            async with asyncio.timeout(timeout_s):
                held = await self._token(request.grant, request.tls)
        except TimeoutError:
            return NoAnswer(f"sign-in: {too_slow(timeout_s)}")
        if not isinstance(held, _Held):
            return held
        headers = (*request.headers, ("Authorization", held.token.header))
        allowed = HttpRequest(request.url, request.body, request.method, headers, request.tls)
        answer = await self._http.send(allowed, max(timeout_s - (self._clock_s() - began_s), 0.001))
        if isinstance(answer, NoAnswer):
            return answer
        if answer.status == _UNAUTHORIZED:
            self._forget(request.grant, held)
        return _masked(answer, held.token.secret)

    async def close(self) -> None:
        for asking in tuple(self._asking.values()):
            asking.cancel()
        await asyncio.gather(*tuple(self._asking.values()), return_exceptions=True)
        await self._local.close()

    async def _token(self, grant: Grant, tls: Tls) -> _Held | NotGranted | NoAnswer:
        """Those who need the same token wait for the same sign-in, and share what comes of it."""
        held = self._held.get(grant)
        if held is not None and self._clock_s() < held.renewed_from_s:
            return held
        asking = self._asking.get(grant)
        if asking is None:
            asking = self._asking[grant] = asyncio.create_task(self._renew(grant, tls))
            asking.add_done_callback(lambda _: self._asking.pop(grant))
        return await asyncio.shield(asking)

    async def _renew(self, grant: Grant, tls: Tls) -> _Held | NotGranted | NoAnswer:
        """The old token, where it is good for a while yet and no new one can be had."""
        granted = await self._ask(grant, tls)
        now_s = self._clock_s()
        if isinstance(granted, Token):
            early_s = min(_RENEWED_BEFORE_S, granted.lifetime_s / 2)
            ends_s = now_s + granted.lifetime_s
            made = self._held[grant] = _Held(granted, now_s, ends_s - early_s, ends_s)
            return made
        held = self._held.get(grant)
        return held if held is not None and now_s < held.ends_s else granted

    async def _ask(self, grant: Grant, tls: Tls) -> Granted:
        match grant:
            case SasGrant():
                return self._signed(grant)
            case EntraGrant():
                return await self._entra.ask(grant, tls, SIGN_IN_S)
            case GoogleGrant():
                return await self._google.ask(grant, tls, SIGN_IN_S)
            case _:
                assert_never(grant)

    def _signed(self, grant: SasGrant) -> Token:
        ends_s = int(self._now_s()) + _SAS_LIFETIME_S
        header = shared_access_signature(grant.resource, grant.key_name, grant.key, ends_s)
        return Token(header, header.partition("&sig=")[2].partition("&")[0], _SAS_LIFETIME_S)

    def _forget(self, grant: Grant, refused: _Held) -> None:
        is_new = self._clock_s() - refused.made_s < _NEW_FOR_S
        if self._held.get(grant) is refused and not is_new:
            del self._held[grant]


def _masked(answer: HttpAnswer, secret: str) -> HttpAnswer:
    """Receivers quote what they were sent; nobody beyond this room knows this secret, so that it ends here."""
    headers, body = dict(answer.headers), answer.body
    for form in {secret, unquote(secret)}:
        headers = {name: value.replace(form, _MASK) for name, value in headers.items()}
        body = body.replace(form.encode(), _MASK.encode())
    return replace(answer, headers=headers, body=body)

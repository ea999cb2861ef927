"""Tokens of Microsoft Entra ID: each way to one is a single request, so that no library is needed for it.

By secret and by a workload's token file: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
By the machine's identity: https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
and, in App Service, Functions and Container Apps,
https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from gateway.domain.grant import EntraGrant
from gateway.domain.message import HttpAnswer, HttpRequest, NoAnswer, NotGranted, Tls
from gateway.domain.outcome import status_line
from gateway.outbound.http import HttpTransport
from gateway.outbound.token import Granted, bearer, json_of, refused

_IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SHORT_S = 300.0
"""For an answer that does not say how long its token is good for."""
_BUSY = frozenset({404, 410})
"""How the machine's metadata service answers while it is being updated."""


class Lacking(Exception):
    """Something of ours is missing, so that nobody can be asked. The text is safe to show."""


class Entra:
    """`local` reaches what only this machine should be asked; `now_s` is seconds since 1970."""

    def __init__(
        self, http: HttpTransport, local: HttpTransport, environ: Mapping[str, str], now_s: Callable[[], float]
    ) -> None:
        self._http, self._local, self._environ, self._now_s = http, local, environ, now_s

    async def ask(self, grant: EntraGrant, tls: Tls, timeout_s: float) -> Granted:
        try:
            if grant.way == "managed":
                request, http = _of_machine(grant, self._environ), self._local
            else:
                request, http = await self._of_login(grant, tls), self._http
        except Lacking as lacking:
            return NotGranted(f"sign-in: {lacking}")
        answer = await http.send(request, timeout_s)
        where = "the identity service of this machine" if http is self._local else urlsplit(request.url).netloc
        return self._read(answer, where, may_be_busy=grant.way == "managed")

    async def _of_login(self, grant: EntraGrant, tls: Tls) -> HttpRequest:
        tenant = grant.tenant or self._environ.get("AZURE_TENANT_ID", "")
        form = {
            "grant_type": "client_credentials",
            "client_id": grant.client_id or self._environ.get("AZURE_CLIENT_ID", ""),
            "scope": grant.scope,
        }
        if not tenant or not form["client_id"]:
            raise Lacking("set TENANT and CLIENT_ID: AZURE_TENANT_ID and AZURE_CLIENT_ID are not in the environment")
        if grant.way == "secret":
            form["client_secret"] = grant.client_secret
        else:
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": await self._assertion()}
        content_type = ("Content-Type", "application/x-www-form-urlencoded")
        url = f"{grant.authority}/{tenant}/oauth2/v2.0/token"
        return HttpRequest(url, urlencode(form).encode("ascii"), headers=(content_type,), tls=tls)

    async def _assertion(self) -> str:
        """Kubernetes replaces the file about every hour."""
        path = self._environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
        if not path:
            raise Lacking("no workload identity here: AZURE_FEDERATED_TOKEN_FILE is not in the environment")
        try:
            return (await asyncio.to_thread(Path(path).read_text, "utf-8")).strip()
        except (OSError, ValueError):
            raise Lacking(f"AZURE_FEDERATED_TOKEN_FILE={path} cannot be read") from None

    def _read(self, answer: HttpAnswer | NoAnswer, where: str, *, may_be_busy: bool) -> Granted:
        if isinstance(answer, NoAnswer):
            return NoAnswer(f"sign-in at {where}: {answer.reason}")
        if may_be_busy and answer.status in _BUSY:
            return NoAnswer(f"sign-in at {where}: {status_line(answer.status)}")
        if answer.status != 200:
            return refused(where, answer)
        said = json_of(answer.body)
        token = said.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            return NoAnswer(f"sign-in at {where}: {status_line(answer.status)}, but it holds no token")
        return bearer(token, self._lifetime_s(said))

    def _lifetime_s(self, said: Mapping[str, object]) -> float:
        """App Service says at which second it ends, the others for how long it lasts; as numbers or as texts."""
        for name, since_s in (("expires_in", 0.0), ("expires_on", self._now_s())):
            value = str(said.get(name, ""))
            if value.isdecimal() and value.isascii():
                return max(float(value) - since_s, 0.0)
        return _SHORT_S


def _of_machine(grant: EntraGrant, environ: Mapping[str, str]) -> HttpRequest:
    query = {"resource": grant.scope.removesuffix("/.default")}
    if grant.client_id:
        query["client_id"] = grant.client_id
    endpoint = environ.get("IDENTITY_ENDPOINT", "")
    if not endpoint:
        return _get(_IMDS, query | {"api-version": "2018-02-01"}, ("Metadata", "true"))
    if not environ.get("IDENTITY_HEADER"):
        raise Lacking("IDENTITY_ENDPOINT without IDENTITY_HEADER (Azure Arc) is not spoken to: use a client secret")
    return _get(endpoint, query | {"api-version": "2019-08-01"}, ("X-IDENTITY-HEADER", environ["IDENTITY_HEADER"]))


def _get(url: str, query: Mapping[str, str], header: tuple[str, str]) -> HttpRequest:
    return HttpRequest(f"{url}?{urlencode(query)}", b"", method="GET", headers=(header,))

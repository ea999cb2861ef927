"""Tokens of Google: of the machine's own service account by its metadata server, or by a credentials file.

https://cloud.google.com/compute/docs/access/authenticate-workloads#applications (access token) and
https://cloud.google.com/run/docs/authenticating/service-to-service#metadata-server (ID token, which lasts an hour)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from gateway.domain.grant import GoogleGrant
from gateway.domain.message import HttpRequest, NoAnswer, Tls
from gateway.domain.outcome import status_line
from gateway.outbound.http import HttpTransport
from gateway.outbound.token import Granted, bearer, json_of, refused

_HOST = "metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default"
_MACHINE = "the metadata server of this machine"
_ID_TOKEN_S = 3600.0


class Google:
    """`local` reaches what only this machine should be asked; `now_s` is seconds since 1970. `GCE_METADATA_HOST` in
    the environment is another place for the metadata server, as in Google's own libraries.
    """

    def __init__(
        self, http: HttpTransport, local: HttpTransport, environ: Mapping[str, str], now_s: Callable[[], float]
    ) -> None:
        self._http, self._local, self._now_s = http, local, now_s
        self._metadata = f"http://{environ.get('GCE_METADATA_HOST') or _HOST}{_PATH}"

    async def ask(self, grant: GoogleGrant, tls: Tls, timeout_s: float) -> Granted:
        if not grant.credentials:
            return await self._of_machine(grant, timeout_s)
        from gateway.outbound.google_file import ask  # noqa: PLC0415 - its library is an extra, and slow to load

        return await ask(grant, self._http, self._local, tls, timeout_s, self._now_s)

    async def _of_machine(self, grant: GoogleGrant, timeout_s: float) -> Granted:
        query = {"audience": grant.audience} if grant.audience else {"scopes": grant.scope}
        url = f"{self._metadata}/{'identity' if grant.audience else 'token'}?{urlencode(query)}"
        request = HttpRequest(url, b"", method="GET", headers=(("Metadata-Flavor", "Google"),))
        answer = await self._local.send(request, timeout_s)
        if isinstance(answer, NoAnswer):
            return NoAnswer(f"sign-in at {_MACHINE}: {answer.reason}")
        if answer.status != 200:
            return refused(_MACHINE, answer)
        token, lifetime_s = _id_token(answer.body) if grant.audience else _access_token(answer.body)
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            return NoAnswer(f"sign-in at {_MACHINE}: {status_line(answer.status)}, but it holds no token")
        return bearer(token, lifetime_s)


def _id_token(body: bytes) -> tuple[str, float]:
    """The token alone is the answer. The server keeps it for a while, so that less than its hour may be left: it is
    renewed after half of that.
    """
    return body.decode("ascii", "replace").strip(), _ID_TOKEN_S / 2


def _access_token(body: bytes) -> tuple[str, float]:
    said = json_of(body)
    token, seconds = said.get("access_token"), said.get("expires_in")
    return token if isinstance(token, str) else "", float(seconds) if isinstance(seconds, int) else 0.0

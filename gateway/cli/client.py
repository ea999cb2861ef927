"""Talks to a running gateway over HTTP, with the settings that the gateway itself was started with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import typer

from gateway.cli.output import fail
from gateway.domain.alert import JSON
from gateway.domain.text import cut, one_line

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from gateway.settings.gateway import Address, GatewaySettings

TIMEOUT_S = 30.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NOTHING_HERE = "there is nothing here"  # what both listeners say of a path that is not theirs
_SHOWN = 200
_REMEDY = "Is it running (optix-gateway serve), with these settings? --url names another place, http:// or https://."
_AT_IT = "It may still be at it: look what became of it before you ask again."

Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Where the gateway is, if not where the settings say: http://host:port"),
]


@dataclass(frozen=True, slots=True)
class Reply:
    """`body`: None when it was no JSON."""

    status: int
    body: JSON
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def excerpt(self) -> str:
        return cut(one_line(self.text), _SHOWN)


def reachable(address: Address, setting: str, *, tls: bool = False) -> str:
    """The URL by which this machine reaches a listener: one on all addresses is on loopback too."""
    if not address.port:
        raise fail(f"{setting} lets the system choose a port.", "Say with --url which one it chose.")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - compared, not bound
    return f"{'https' if tls else 'http'}://{address._replace(host=host)}"


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Reply:
    """One request; a typer.Exit with a remedy when nobody answers, or not in time."""
    from http.client import HTTPException  # noqa: PLC0415 - `--help` needs none of it

    parts = _parts(url)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    connection = _connection(parts, timeout_s)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        connection.connect()
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        status, text = answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, HTTPException) as error:
        if isinstance(error, TimeoutError) and connection.sock:
            raise fail(f"{where} did not answer within {timeout_s:g} s.", _AT_IT) from None
        raise fail(f"No gateway answers at {where}: {_why(error)}.", _REMEDY) from None
    finally:
        connection.close()
    return Reply(status, _json(text), text)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise fail("--url is not a URL.", "Write it as in http://127.0.0.1:8081.", code=2)


def _why(error: Exception) -> str:
    """What the system or the TLS library says, without numbers and places in its source."""
    said = getattr(error, "reason", None) or (error.strerror if isinstance(error, OSError) else None)
    return one_line(str(said or error) or type(error).__name__).lower().replace("_", " ")


def _json(text: str) -> JSON:
    try:
        found: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _connection(parts: SplitResult, timeout_s: float) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415

    host = parts.hostname or ""
    if parts.scheme != "https":
        return HTTPConnection(host, parts.port, timeout=timeout_s)
    import ssl  # noqa: PLC0415

    context = ssl.create_default_context()
    if host in _LOOPBACK:
        # The certificate names the public address; on the way to ourselves there is nobody to mistake us for.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)


@dataclass(frozen=True, slots=True)
class Ops:
    """The ops API of a running gateway."""

    url: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, settings: GatewaySettings, url: str | None) -> Ops:
        token = settings.ops_token.get_secret_value() if settings.ops_token else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if url:
            return cls(url.rstrip("/"), headers)
        if settings.ops_listen is None:
            raise fail("GATEWAY_OPS_LISTEN is empty, so there is no ops API to ask.", "Set it, or give --url.", code=2)
        return cls(reachable(settings.ops_listen, "GATEWAY_OPS_LISTEN"), headers)

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> Mapping[str, JSON]:
        return answered(self.ask("GET", *path, query=query))

    def post(self, *path: str, body: Mapping[str, JSON] | None = None) -> Mapping[str, JSON]:
        return answered(self.ask("POST", *path, body=body))

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, JSON] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Reply:
        """`path`: its parts below the API's root, as they are."""
        url = f"{self.url}/api/v1/{'/'.join(quote(part, safe='') for part in path)}"
        url += f"?{urlencode(query)}" if query else ""
        content = None if method == "GET" else json.dumps(body or {}).encode()
        typed = {"Content-Type": "application/json"} if content else {}
        return call(method, url, headers={**self.headers, **typed}, body=content, timeout_s=timeout_s)


def answered(reply: Reply) -> Mapping[str, JSON]:
    """The object that a gateway answered with; a typer.Exit that says what is wrong otherwise."""
    if reply.ok and isinstance(reply.body, dict):
        return reply.body
    raise fail(*why_refused(reply))


def why_refused(reply: Reply) -> tuple[str, str]:
    """What the gateway said against it, and what to do."""
    said = reply.body if isinstance(reply.body, dict) else {}
    if "error" not in said or said["error"] == _NOTHING_HERE:
        return f"What answers there is not the ops API of a gateway: {reply.status} {reply.excerpt}", "See --url."
    if reply.status == 401:
        return "The ops token is missing or wrong.", "Set GATEWAY_OPS_TOKEN to that of the running gateway."
    error, hint = str(said["error"]), str(said.get("hint") or "")
    if reply.status == 404 and error == "there is no such delivery":
        hint = "`optix-gateway deliveries list` shows them"
    return f"The gateway says: {error}.", hint


def rows_of(answer: Mapping[str, JSON], name: str) -> list[dict[str, JSON]]:
    """The list of objects that stands under a name."""
    found = answer.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

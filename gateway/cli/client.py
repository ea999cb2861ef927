"""Talks to a running gateway over HTTP, with the settings that the gateway itself was started with."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import typer

from gateway.cli.output import fail
from gateway.domain.alert import JSON
from gateway.settings.gateway import Address, GatewaySettings

TIMEOUT_S = 30.0

Url = Annotated[str | None, typer.Option("--url", help="Where the gateway is, if not where the settings say.")]


@dataclass(frozen=True, slots=True)
class Reply:
    """`body`: None when it was no JSON."""

    status: int
    body: JSON
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def reachable(address: Address, *, tls: bool = False) -> str:
    """The URL by which this machine reaches a listener: one on all addresses is on loopback too."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - compared, not bound
    return f"{'https' if tls else 'http'}://{Address(host, address.port)}"


def call(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
    """One request; a typer.Exit with a remedy when nobody answers."""
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.hostname}:{parts.port or ''}"
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        connection.request(method, path, body=body or None, headers=dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise fail(
            f"No gateway answers at {where}: {error}.", "Is it running (optix-gateway serve)? See --url."
        ) from None
    finally:
        connection.close()
    try:
        return Reply(answer.status, json.loads(text), text)
    except ValueError:
        return Reply(answer.status, None, text)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    if host in ("127.0.0.1", "::1", "localhost"):
        # The certificate names the public address; on the way to ourselves there is nobody to mistake us for.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)


@dataclass(frozen=True, slots=True)
class Ops:
    """The ops API of a running gateway."""

    url: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, settings: GatewaySettings, url: str | None) -> Ops:
        if url is None and settings.ops_listen is None:
            raise fail("GATEWAY_OPS_LISTEN is empty, so there is no ops API to ask.", "Set it, or give --url.", code=2)
        found = url or reachable(settings.ops_listen or Address("127.0.0.1", 8081))
        token = settings.ops_token.get_secret_value() if settings.ops_token else ""
        return cls(found.rstrip("/"), {"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, query: Mapping[str, object] | None = None) -> JSON:
        asked = urlencode([(key, value) for key, value in (query or {}).items() if value not in (None, "")])
        return self._ask("GET", f"{path}?{asked}" if asked else path)

    def post(self, path: str, body: JSON = None) -> JSON:
        return self._ask("POST", path, json.dumps(body if body is not None else {}).encode())

    def _ask(self, method: str, path: str, body: bytes = b"") -> JSON:
        headers = {**self.headers, "Content-Type": "application/json"} if body else self.headers
        reply = call(method, f"{self.url}/api/v1/{path}", headers=headers, body=body)
        if reply.ok:
            return reply.body
        said = reply.body if isinstance(reply.body, dict) else {}
        raise fail(f"{reply.status}: {said.get('error', reply.text[:200])}", str(said.get("hint") or ""))

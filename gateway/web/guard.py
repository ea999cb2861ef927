"""Who may use the ops listener: the bearer of the token, or, where none is set, a program on this machine."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from gateway.domain.authenticate import digest_of
from gateway.web.refusal import Refusal

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Served without the token: probes and Prometheus carry none, and there is nothing secret in them."""


class Guard:
    """`token` "" means that none is needed: the settings allow that on a loopback address only. Then every web page
    that the operator opens could reach us too, so names that are not ours (DNS rebinding) and foreign origins are
    refused. `page_paths` are served without a token as well: a page that asks for it and holds no data. So are
    `form_paths`, which also take what a form sends: what they are asked carries a signature of its own.
    """

    def __init__(
        self, token: str, page_paths: frozenset[str] = frozenset(), *, form_paths: frozenset[str] = frozenset()
    ) -> None:
        self._digest = digest_of(token) if token else None
        self._open, self._forms = OPEN_PATHS | page_paths | form_paths, form_paths

    def admit(self, request: web.BaseRequest) -> None:
        """Refusal when it may not pass."""
        if self._digest is None:
            _refuse_foreign(request)
        elif request.path not in self._open and not self._is_bearer(request.headers.get("Authorization", "")):
            headers = {"WWW-Authenticate": 'Bearer realm="ops"'}
            hint = "send the header Authorization: Bearer <GATEWAY_OPS_TOKEN>"
            raise Refusal(401, "the ops token is missing or wrong", hint=hint, headers=headers)
        if request.method == "POST" and request.path not in self._forms and not _is_json(request):
            raise Refusal(415, "the body is not declared as JSON", hint="send Content-Type: application/json")

    def _is_bearer(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        right = compare_digest(digest_of(token.strip()), self._digest or b"")
        return right and scheme.lower() == "bearer"


def _refuse_foreign(request: web.BaseRequest) -> None:
    host = request.headers.get("Host", "")
    if not _is_loopback(host):
        hint = "use localhost or 127.0.0.1, or set GATEWAY_OPS_TOKEN"
        raise Refusal(403, "this listener answers only to loopback names", hint=hint)
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"{request.scheme}://{host}".lower():
        raise Refusal(403, "requests from other sites are refused")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _is_json(request: web.BaseRequest) -> bool:
    """A page of another site can send forms and plain text without being asked, JSON it cannot."""
    return not request.can_read_body or request.content_type == "application/json"

"""What the destinations that post a form have in common."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.domain.message import HttpRequest, Tls

FORM = "application/x-www-form-urlencoded"


def post_form(
    url: str, fields: Mapping[str, str], headers: tuple[tuple[str, str], ...] = (), tls: Tls | None = None
) -> HttpRequest:
    body = urlencode(fields, errors="replace").encode("ascii")
    return HttpRequest(url, body, headers=(("Content-Type", FORM), *headers), tls=tls or Tls())

"""Every answer is JSON: `{"error": …, "hint": …}` where something is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from gateway.domain.alert import JSON

SERVER = "optix-gateway"
JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json", "Server": SERVER}

_encode = json.JSONEncoder(separators=(",", ":")).encode


def json_answer(status: int, content: Mapping[str, JSON], headers: Mapping[str, str] | None = None) -> web.Response:
    all_headers = {**JSON_HEADERS, **headers} if headers else JSON_HEADERS
    return web.Response(status=status, body=_encode(content).encode(), headers=all_headers)


def error_answer(status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> web.Response:
    return json_answer(status, {"error": error, "hint": hint} if hint else {"error": error}, headers)

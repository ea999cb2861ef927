"""The ops listener: health, readiness, metrics, and the API behind a guard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.domain.alert import JSON
from gateway.pipeline.operations import Operations
from gateway.ports import Clock, StoreUnavailable, UnknownCursor
from gateway.web.answers import SERVER, error_answer, json_answer
from gateway.web.api import ROOT, ReadingApi
from gateway.web.approval_page import PATH as APPROVAL_PAGE
from gateway.web.approval_page import ApprovalPage
from gateway.web.approvals import ApprovalsApi
from gateway.web.changes import ChangingApi
from gateway.web.guard import Guard
from gateway.web.protocol import report_failure
from gateway.web.recordings import RecordingsApi
from gateway.web.refusal import Refusal
from gateway.web.remediations import RemediationsApi
from gateway.web.silences import SilencesApi

Scrape: TypeAlias = Callable[[], Awaitable[bytes]]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": SERVER,
}
_READY_FOR_S = 1.0


def ops_application(
    operations: Operations,
    *,
    clock: Clock,
    scrape: Scrape,
    token: str | None,
    max_bytes: int,
    page: Iterable[web.RouteDef] = (),
    open_paths: frozenset[str] = frozenset(),
) -> web.Application:
    """`scrape` gives the metrics as Prometheus text. `token`: None for a listener on loopback that needs none.
    `max_bytes` bounds a payload to be explained. `page`: the routes of the ops page; without them `/` lists what there
    is. `open_paths`: those of them that are served without the token, because a browser asks for it on them. Security
    headers that a handler sets itself are kept.
    """
    guard = Guard(token or "", open_paths, form_paths=frozenset({APPROVAL_PAGE}))
    application = web.Application(client_max_size=max_bytes, middlewares=[_answering(guard)])
    own = [*Health(operations, clock, scrape).routes(), *ReadingApi(operations, clock).routes()]
    own += RecordingsApi(operations, clock).routes()
    shown = list(page) or [web.get("/", _index)]
    changing = [*ChangingApi(operations, clock).routes(), *SilencesApi(operations, clock).routes()]
    changing += [*ApprovalsApi(operations).routes(), *RemediationsApi(operations).routes()]
    application.add_routes([*own, *changing, *ApprovalPage(operations).routes(), *shown])
    return application


class Health:
    def __init__(self, operations: Operations, clock: Clock, scrape: Scrape) -> None:
        self._operations, self._clock, self._scrape = operations, clock, scrape
        self._lock, self._known_until_s, self._why_not = asyncio.Lock(), float("-inf"), "not asked yet"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.alive), web.get("/readyz", self.ready), web.get("/metrics", self.metrics)]

    async def alive(self, _: web.Request) -> web.Response:
        if self._operations.alive():
            return json_answer(200, {"status": "alive"})
        return json_answer(503, {"status": "stalled", "error": "the gateway makes no progress"})

    async def ready(self, _: web.Request) -> web.Response:
        """Asks the store at most once a second, however many ask us."""
        async with self._lock:
            if self._clock.monotonic_s() >= self._known_until_s:
                self._why_not = await self._operations.ready() or ""
                self._known_until_s = self._clock.monotonic_s() + _READY_FOR_S
        if self._why_not:
            return json_answer(503, {"status": "not ready", "error": self._why_not})
        return json_answer(200, {"status": "ready"})

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._scrape(), headers={"Content-Type": METRICS_TYPE})


async def _index(request: web.Request) -> web.Response:
    resources = request.app.router.resources()
    paths: list[JSON] = [path for path in dict.fromkeys(resource.canonical for resource in resources) if path != "/"]
    return json_answer(200, {"name": SERVER, "api": ROOT, "paths": paths})


def _answering(guard: Guard) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await _answer(request, handler, guard)
        if not answer.prepared:
            for name, value in SECURITY.items():
                answer.headers.setdefault(name, value)
        return answer

    return middleware


async def _answer(request: web.Request, handler: Handler, guard: Guard) -> web.StreamResponse:
    try:
        guard.admit(request)
        return await handler(request)
    except Refusal as refusal:
        return error_answer(refusal.status, refusal.error, refusal.hint, refusal.headers)
    except UnknownCursor as unknown:
        hint = "it takes the `next` of the page before; without it, a list begins with the youngest"
        return error_answer(HTTPStatus.BAD_REQUEST, f"cursor is {unknown.cursor[:60]!r}", hint)
    except StoreUnavailable as unavailable:
        headers = {"Retry-After": str(unavailable.retry_after_s)}
        return error_answer(HTTPStatus.SERVICE_UNAVAILABLE, unavailable.reason, headers=headers)
    except web.HTTPException as answer:
        return _in_json(answer, request)
    except (ConnectionError, web.RequestPayloadError):
        raise ConnectionError from None  # who asked has left
    except Exception as error:  # noqa: BLE001 - one request's surprise must not end the listener
        report_failure(error)
        return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the gateway; its log names the place")


def _in_json(answer: web.HTTPException, request: web.Request) -> web.StreamResponse:
    """What aiohttp says itself (no such path, wrong method, too large) in our form; redirects go as they are."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    allowed = {"Allow": answer.headers["Allow"]} if "Allow" in answer.headers else None
    words = {404: "there is nothing here", 405: f"{request.method} is not served here", 413: "the body is too large"}
    hint = f"GET / lists what there is; the API is under {ROOT}" if answer.status == HTTPStatus.NOT_FOUND else ""
    return error_answer(answer.status, words.get(answer.status, answer.reason.lower()), hint, allowed)

"""The webhook endpoint: request -> headers, bytes -> answer. Nothing is read before it is known who sends."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol, assert_never

from aiohttp import web

from gateway.domain.alert import JSON
from gateway.domain.authenticate import Source, authenticate
from gateway.pipeline.intake import Accepted, Duplicate, Held, Refused, Reply
from gateway.ports import Observer, StoreUnavailable
from gateway.web.answers import error_answer, json_answer
from gateway.web.body import BodyRefused, read_body
from gateway.web.protocol import report_failure
from gateway.web.refusal import Refusal

PREFIX = "/webhooks/"
UNKNOWN = "unknown"

_READ_WITHIN_S = 30.0
_RETRY_AFTER_S = 5


class Receiver(Protocol):
    """What the endpoint needs of the pipeline's intake."""

    @property
    def accepting(self) -> bool: ...

    async def receive(self, source: Source, body: bytes) -> Reply: ...


class WebhookEndpoint:
    """`handle` serves every path and method of the webhook listener."""

    def __init__(
        self,
        receiver: Receiver,
        sources: Mapping[str, Source],
        observer: Observer,
        *,
        max_bytes: int,
        read_within_s: float = _READ_WITHIN_S,
    ) -> None:
        self._receiver, self._sources, self._observer = receiver, sources, observer
        self._max_bytes, self._read_within_s = max_bytes, read_within_s

    async def handle(self, request: web.BaseRequest) -> web.Response:
        try:
            return await self._received(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        except ConnectionError:
            raise  # the sender left; there is nobody to answer
        except Exception as error:  # noqa: BLE001 - one request's surprise must not look like the sender's fault
            report_failure(error)
            return self._refused(request, _unavailable("the alert could not be stored", _RETRY_AFTER_S))

    async def _received(self, request: web.BaseRequest) -> web.Response:
        source = self._authenticated(request)
        if not self._receiver.accepting:
            raise _unavailable("the gateway is shutting down", _RETRY_AFTER_S)
        body = await self._body(request)
        try:
            reply = await self._receiver.receive(source, body)
        except StoreUnavailable as unavailable:
            raise _unavailable(unavailable.reason, unavailable.retry_after_s) from None
        return json_answer(200, _rendered(reply))

    def _authenticated(self, request: web.BaseRequest) -> Source:
        name = _source_name(request.path)
        if name is None:
            raise Refusal(404, "there is nothing here", hint="webhooks are received by POST /webhooks/<source>")
        if request.method != "POST":
            hint = "webhooks are received by POST with the credential header"
            raise Refusal(405, "only POST is received here", hint=hint, headers={"Allow": "POST"})
        source = authenticate(name, request.headers, self._sources)
        if source is None:
            headers = {"WWW-Authenticate": 'Webhook realm="webhooks"'}
            raise Refusal(401, "unknown source or wrong credentials", headers=headers)
        return source

    async def _body(self, request: web.BaseRequest) -> bytes:
        try:
            body = await read_body(request, max_bytes=self._max_bytes, within_s=self._read_within_s)
        except BodyRefused as refused:
            raise Refusal(refused.status, refused.reason) from None
        if not body:
            raise Refusal(400, "the body is empty")
        return body

    def _refused(self, request: web.BaseRequest, refusal: Refusal) -> web.Response:
        name = _source_name(request.path)
        known = name if name in self._sources else UNKNOWN
        self._observer.webhook_refused(known or UNKNOWN, refusal.status, refusal.error)
        answer = error_answer(refusal.status, refusal.error, refusal.hint, refusal.headers)
        if not request.content.is_eof():
            answer.force_close()  # the rest of the body is not a further request
        return answer


def _source_name(path: str) -> str | None:
    name = path.removeprefix(PREFIX)
    return name if name and name != path and "/" not in name else None


def _unavailable(reason: str, retry_after_s: int) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason, headers={"Retry-After": str(retry_after_s)})


def _rendered(reply: Reply) -> dict[str, JSON]:
    match reply:
        case Accepted():
            return {"status": "accepted", "id": reply.id, "routes": list(reply.routes)}
        case Duplicate():
            return {"status": "duplicate", "id": reply.id, "routes": list(reply.routes)}
        case Held():
            return {"status": "held", "id": reply.id, "reason": reply.reason}
        case Refused():
            raise Refusal(400, reply.reason)
        case _:
            assert_never(reply)

"""HTTP as aiohttp speaks it, with our own words for what goes wrong before a handler is reached."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import structlog
from aiohttp import web

from gateway.web.answers import error_answer

_KEEPALIVE_S = 75.0  # longer than the idle time-out of the usual load balancers (60 s), so that they close first
_LINGER_S = 2.0  # how long the rest of a refused body is read and thrown away, so that the answer is not lost


class JsonServer(web.Server):
    """Answers in JSON also to what is no HTTP, names no version, and keeps no access log."""

    def __call__(self) -> web.RequestHandler:
        return _JsonProtocol(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's own runners switch it off
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGER_S,
            auto_decompress=False,  # nobody unknown may make us inflate anything
        )


class _JsonProtocol(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent, credentials included
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            raise exc  # the sender left in the middle: no fault, nobody to answer
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            report_failure(exc)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; there is no way to send another")
        words = "this is not valid HTTP" if status == HTTPStatus.BAD_REQUEST else "the request could not be served"
        answer = error_answer(status, words)
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kw: object) -> None:  # noqa: ARG002 - the text may hold a credential
        error = kw.get("exc_info")
        report_failure(error if isinstance(error, BaseException) else None)


def report_failure(error: BaseException | None) -> None:
    """Log a fault of ours that met one request. The text of the error is not logged, only its type and place."""
    structlog.get_logger().error("request.failed", error=type(error).__name__, exc_info=error)

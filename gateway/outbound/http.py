"""Carries HTTP requests. This is the hot path: every delivery to nearly every kind of receiver passes here."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientOSError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    NonHttpUrlClientError,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from gateway.domain.message import HttpAnswer, HttpRequest, NoAnswer
from gateway.outbound.address import guarded_socket, open_socket, refuse
from gateway.outbound.proxies import Proxies
from gateway.outbound.reasons import CONNECT_S, not_connected, of_network, too_slow
from gateway.outbound.tls import CaFileUnusable, TlsContexts

ANSWER_BYTES = 64 * 1024

# A request on a connection that the receiver closes in the same moment is lost, and to send it again here would be a
# retry that nobody records: it becomes `NoAnswer`, and the schedule retries. Idle connections are therefore kept for
# less time than most servers keep them, which leaves the race a small window. (aiohttp itself repeats PUT, GET and
# DELETE, once, and only on a connection that was used before: HTTP allows that for these methods.)
_IDLE_S = 15.0
_NAMES_KEPT_S = 30

# aiohttp writes a larger body of bytes in one go; from a buffer it writes pieces and lets others run between them.
_LARGE_BYTES = 1 << 20

# aiohttp guesses a type where the destination gives none. To skip the guess is not free, so it is done where needed.
_NO_GUESS = ("Content-Type",)


class HttpTransport:
    """`resolver`: None for the system's. `local`: may also reach what only this machine's own cloud should be asked,
    and nothing that stands in an alert or a route decides on the address.
    """

    def __init__(
        self,
        user_agent: str,
        tls: TlsContexts,
        proxies: Proxies,
        resolver: AbstractResolver | None = None,
        *,
        local: bool = False,
    ) -> None:
        self._make_socket = open_socket if local else guarded_socket
        self._user_agent = user_agent
        self._tls = tls
        self._proxies = proxies
        self._resolver = resolver
        self._session: ClientSession | None = None

    async def send(self, request: HttpRequest, timeout_s: float) -> HttpAnswer | NoAnswer:
        """Redirects are not followed. Of an answer longer than 64 KiB the rest is never read: the connection closes."""
        try:
            return await self._exchange(request, timeout_s)
        except (ClientError, OSError, ValueError) as error:
            return NoAnswer(_reason(error, timeout_s))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, request: HttpRequest, timeout_s: float) -> HttpAnswer:
        session = self._session or self._open()
        url = _as_it_is(request.url)
        async with session.request(
            request.method,
            url,
            data=_data(request.body),
            headers=request.headers,
            allow_redirects=False,
            skip_auto_headers=None if _has_type(request) else _NO_GUESS,
            # For plain HTTP no context is needed, and any would do.
            ssl=await self._tls.of(request.tls) if url.scheme == "https" else True,
            proxy=self._proxy(url),
            timeout=_timeout(timeout_s),
        ) as response:
            body = await _beginning(response)
            return HttpAnswer(response.status, {k.lower(): v for k, v in response.headers.items()}, body)

    def _open(self) -> ClientSession:
        """Made within the running loop, to which it is bound from then on."""
        connector = TCPConnector(
            limit=0,
            keepalive_timeout=_IDLE_S,
            ttl_dns_cache=_NAMES_KEPT_S,
            resolver=self._resolver,
            socket_factory=self._make_socket,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            # Answers are short: compressing them costs both sides more than it saves.
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
        )
        return self._session

    def _proxy(self, url: URL) -> URL | None:
        proxy = self._proxies.of(url)
        if proxy is not None:
            # The proxy connects, so that only an address that stands in the URL can be looked at here.
            refuse(url.raw_host or "")
        return proxy


@lru_cache(maxsize=1024)
def _as_it_is(url: str) -> URL:
    """Not normalised and not encoded again. What would end the request line early is refused (ValueError): the parser
    drops line ends in silence, and a blank would be sent.
    """
    if " " in url or not url.isprintable():
        raise ValueError
    return URL(url, encoded=True)


@lru_cache(maxsize=64)
def _timeout(timeout_s: float) -> ClientTimeout:
    return ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))


def _has_type(request: HttpRequest) -> bool:
    return any(name.lower() == "content-type" for name, _ in request.headers)


def _data(body: bytes) -> bytes | BytesIO | None:
    if len(body) > _LARGE_BYTES:
        return BytesIO(body)
    return body or None


async def _beginning(response: ClientResponse) -> bytes:
    content = response.content
    body = await content.read(ANSWER_BYTES)
    while not content.at_eof():
        if len(body) >= ANSWER_BYTES:
            response.close()
            break
        body += await content.read(ANSWER_BYTES - len(body))
    return body


def _reason(error: ClientError | OSError | ValueError, timeout_s: float) -> str:
    match error:
        case ConnectionTimeoutError():
            return not_connected(timeout_s)
        case TimeoutError():
            return too_slow(timeout_s)
        case CaFileUnusable():
            return str(error)
        case ClientProxyConnectionError():
            return f"proxy: {of_network(error.os_error)}"
        case ClientConnectorError():
            return of_network(error.os_error)
        case ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case _:
            return _reason_once_connected(error)


def _reason_once_connected(error: ClientError | OSError | ValueError) -> str:
    match error:
        case ServerDisconnectedError():
            return "connection closed before the answer"
        case ClientPayloadError():
            return "connection lost or answer malformed in its body"
        case ClientResponseError():
            return "malformed answer"
        case ValueError() | NonHttpUrlClientError():
            return "the URL or a header cannot be sent as it is"
        case ClientOSError() | OSError():
            return of_network(error)
        case _:
            return f"request failed ({type(error).__name__})"

"""What carrying a message to a broker is, whatever it speaks: one connection for each login, and an answer in words.

A broken connection is left, and the next message opens another: the wait between the two is that of the delivery, which
knows how long and how often. So the libraries' own reconnecting stays off.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, NamedTuple, Protocol, TypeVar

from gateway.domain.message import Declined, NoAnswer, Publication, Published, Tls
from gateway.outbound.address import ForbiddenAddress, addresses_in, dial
from gateway.outbound.reasons import CONNECT_S, not_connected, of_network, too_slow
from gateway.outbound.tls import CaFileUnusable

C = TypeVar("C")
_FAREWELL_S = 1.0


class Broker(Protocol[C]):
    """How one kind of broker is spoken to; `C` is a connection as its library has it.

    `publish` returns when the broker acknowledged. `is_whole`: the connection can be used again. `declined` reads an
    exception of the library: what the broker answered, or None where it is about the connection. `errors`: what the
    library raises, and OSError.
    """

    errors: tuple[type[Exception], ...]
    default_port: int

    async def open(self, publication: Publication, timeout_s: float) -> C: ...
    async def publish(self, connection: C, publication: Publication, timeout_s: float) -> Published | Declined: ...
    async def shut(self, connection: C) -> None: ...
    def is_whole(self, connection: C) -> bool: ...
    def declined(self, error: Exception) -> Declined | None: ...


class Login(NamedTuple):
    """What has to be the same for two messages to share a connection."""

    url: str
    username: str
    password: str
    tls: Tls
    options: tuple[tuple[str, str], ...]


class NotConnected(Exception):
    """No connection stood in time."""


class Lines(Generic[C]):
    """The connections to all brokers of a kind. Usable in one event loop."""

    def __init__(self, broker: Broker[C]) -> None:
        self._broker = broker
        self._open: dict[Login, C] = {}
        self._opening: dict[Login, asyncio.Lock] = {}

    async def send(self, publication: Publication, timeout_s: float) -> Published | Declined | NoAnswer:
        login = _login(publication)
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connection(login, publication, timeout_s)
                return await self._broker.publish(connection, publication, timeout_s)
        except (CaFileUnusable, NotConnected) as error:
            return NoAnswer(str(error))
        except self._broker.errors as error:
            declined = self._broker.declined(error)
            if declined is None:
                await self._leave(login)
            return declined or NoAnswer(_reason(error, timeout_s))

    async def close(self) -> None:
        for login in tuple(self._open):
            await self._leave(login)

    async def _connection(self, login: Login, publication: Publication, timeout_s: float) -> C:
        """Under a lock, so that messages that come together do not open one each."""
        async with self._opening.setdefault(login, asyncio.Lock()):
            found = self._open.get(login)
            if found is not None and self._broker.is_whole(found):
                return found
            await self._leave(login)
            self._open[login] = made = await self._opened(publication, timeout_s)
            return made

    async def _opened(self, publication: Publication, timeout_s: float) -> C:
        try:
            async with asyncio.timeout(CONNECT_S):
                await _knock(publication.url, self._broker.default_port)
                return await self._broker.open(publication, min(CONNECT_S, timeout_s))
        except TimeoutError as error:
            raise NotConnected(not_connected(timeout_s)) from error

    async def _leave(self, login: Login) -> None:
        connection = self._open.pop(login, None)
        if connection is None:
            return
        with suppress(*self._broker.errors):
            async with asyncio.timeout(_FAREWELL_S):
                await self._broker.shut(connection)


def _login(publication: Publication) -> Login:
    return Login(publication.url, publication.username, publication.password, publication.tls, publication.options)


async def _knock(url: str, default_port: int) -> None:
    """Whether somebody listens at an address that is allowed: each library words that differently, or not at all."""
    fault: OSError | None = None
    for host, port in addresses_in(url, default_port):
        try:
            (await dial(host, port)).close()
        except ForbiddenAddress:
            raise
        except OSError as error:
            fault = fault or error
        else:
            return
    raise fault or ConnectionError


def _reason(error: Exception, timeout_s: float) -> str:
    """From the cause that tells most; a library's own text may quote the URL."""
    causes = [cause for cause in _causes(error) if isinstance(cause, OSError)]
    of_tls = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    found = next(iter([*of_tls, *filter(_tells, causes)]), None)
    if isinstance(found, TimeoutError) and found.errno is None:
        return too_slow(timeout_s)
    return of_network(found) if found else "connection lost"


def _tells(cause: OSError) -> bool:
    return isinstance(cause, TimeoutError | ForbiddenAddress) or cause.errno is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__

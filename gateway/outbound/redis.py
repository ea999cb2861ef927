"""Redis streams, through redis-py."""

from __future__ import annotations

from urllib.parse import urlsplit

import redis.exceptions as faults
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.domain.message import Declined, Publication, Published
from gateway.outbound.reasons import CONNECT_S
from gateway.outbound.tls import TlsContexts

_CODES: tuple[tuple[type[faults.RedisError], str], ...] = (
    (faults.AuthenticationError, "WRONGPASS"),
    (faults.AuthorizationError, "NOPERM"),
    (faults.NoPermissionError, "NOPERM"),
    (faults.BusyLoadingError, "LOADING"),
    (faults.OutOfMemoryError, "OOM"),
    (faults.ReadOnlyError, "READONLY"),
    (faults.MovedError, "MOVED"),
)
"""The library takes the first word of some answers away and makes it a class."""


class RedisBroker:
    """A `Broker`. The library opens a connection when a command needs one, and keeps it."""

    errors: tuple[type[Exception], ...] = (OSError, faults.RedisError)
    default_port = 6379

    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def open(self, publication: Publication, timeout_s: float) -> Redis:
        parts = urlsplit(publication.url)
        secure = parts.scheme == "rediss"
        if secure:
            await self._tls.of(publication.tls)  # says in our words when the CA file cannot be used
        return Redis(
            host=parts.hostname or "",
            port=parts.port or self.default_port,
            db=int(parts.path.strip("/") or 0),
            username=publication.username or None,
            password=publication.password or None,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=min(CONNECT_S, timeout_s),
            retry=Retry(NoBackoff(), 0),
            ssl=secure,
            ssl_ca_certs=publication.tls.ca_file or None,
            ssl_cert_reqs="required" if publication.tls.verify else "none",
            ssl_check_hostname=publication.tls.verify,
        )

    async def publish(self, connection: Redis, publication: Publication, _timeout_s: float) -> Published | Declined:
        """`options`: `maxlen`, about how many entries the stream keeps."""
        most = dict(publication.options).get("maxlen")
        entry = await connection.xadd(
            publication.target,
            {
                "id": publication.message_id,
                "content_type": publication.content_type,
                **dict(publication.headers),
                "data": publication.body,
            },
            maxlen=int(most) if most else None,
        )
        return Published(entry.decode("ascii", "replace") if isinstance(entry, bytes) else str(entry))

    async def shut(self, connection: Redis) -> None:
        await connection.aclose()

    def is_whole(self, _connection: Redis) -> bool:
        return True

    def declined(self, error: Exception) -> Declined | None:
        known = next((code for kind, code in _CODES if isinstance(error, kind)), None)
        if known:
            return Declined(known, str(error))
        if isinstance(error, faults.ResponseError):
            code, _, text = str(error).partition(" ")
            return Declined(code, text)
        return None

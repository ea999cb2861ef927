from __future__ import annotations

import asyncio
import ssl

from gateway.domain.message import Tls


class CaFileUnusable(OSError):
    """The file with the authorities to trust cannot be read. The text is safe to show."""


class TlsContexts:
    """One client context for each way to verify, made when first needed and kept: it holds the authorities' file as it
    was then. TLS 1.2 is the least that is spoken.
    """

    def __init__(self) -> None:
        self._made: dict[Tls, ssl.SSLContext] = {}

    async def of(self, tls: Tls) -> ssl.SSLContext:
        """Raises CaFileUnusable."""
        return self._made.get(tls) or await self._make(tls)

    async def _make(self, tls: Tls) -> ssl.SSLContext:
        # Reading authorities takes milliseconds, which the loop should not spend.
        context = await asyncio.to_thread(_context, tls)
        return self._made.setdefault(tls, context)


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
    except ssl.SSLError as error:
        raise CaFileUnusable("the CA file holds no usable certificate") from error
    except OSError as error:
        raise CaFileUnusable(f"the CA file cannot be read: {error.strerror}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

"""Reading a request's body within limits of size and time."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import web

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 16 + zlib.MAX_WBITS


class BodyRefused(Exception):
    """The body cannot be taken. `reason` is safe to show."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


async def read_body(request: web.BaseRequest, *, max_bytes: int, within_s: float) -> bytes:
    """The whole body, decompressed where it is gzip and says so. BodyRefused; ConnectionError when the sender left."""
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        body = await _received(request, max_bytes, within_s)
    except web.RequestPayloadError:
        raise BodyRefused(400, "the body does not end where its headers say") from None
    except TimeoutError:
        raise BodyRefused(408, f"the body did not arrive within {within_s:g} s") from None
    if body.startswith(_GZIP_MAGIC) and "gzip" in request.headers.get("Content-Encoding", "").lower():
        return _inflated(body, max_bytes)
    return body


async def _received(request: web.BaseRequest, max_bytes: int, within_s: float) -> bytes:
    content = request.content
    if content.is_eof():  # small bodies come together with their headers: no timer, no copy
        body = content.read_nowait()
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body
    async with asyncio.timeout(within_s):
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(_CONTINUE)
            request.writer.output_size = 0  # the answer itself has not begun
        chunks, size = [], 0
        while chunk := await content.readany():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
    return b"".join(chunks)


def _inflated(body: bytes, max_bytes: int) -> bytes:
    """Never more than `max_bytes` in memory, whatever the sender packed."""
    stream = zlib.decompressobj(_GZIP_WBITS)
    try:
        plain = stream.decompress(body, max_bytes + 1)
    except zlib.error:
        raise BodyRefused(400, "the body is not valid gzip") from None
    if len(plain) > max_bytes:
        raise _too_large(max_bytes)
    if not stream.eof or stream.unused_data:
        raise BodyRefused(400, "the body is not one whole gzip stream")
    return plain


def _too_large(max_bytes: int) -> BodyRefused:
    return BodyRefused(413, f"the body is larger than {max_bytes} bytes")

"""Carries syslog and GELF messages. Neither has an acknowledgement, so this is what `Written` promises:

- UDP (RFC 5426): the datagram left this machine, and no refusal came back where one was to be expected.
- TCP and TLS (RFC 6587, RFC 5425): the receiver's machine acknowledged every byte (on Linux; elsewhere: the connection
  was whole after they were written). A receiver that dies with messages in its socket loses those.

Everything short of that is `NoAnswer`, and the delivery is retried: a message can arrive twice, but is not lost
silently in a connection that was dead already.
"""

from __future__ import annotations

import asyncio

from gateway.domain import gelf
from gateway.domain.message import NoAnswer, SyslogRecord, Written
from gateway.outbound.datagram import Datagrams
from gateway.outbound.reasons import of_network, too_slow
from gateway.outbound.stream import BrokenConnection, Link
from gateway.outbound.tls import CaFileUnusable, TlsContexts


class SyslogTransport:
    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls
        self._links: dict[tuple[object, ...], Link] = {}
        self._datagrams: dict[tuple[str, int], Datagrams] = {}

    async def send(self, record: SyslogRecord, timeout_s: float) -> Written | NoAnswer:
        try:
            if record.transport == "udp":
                return await self._send_datagram(record, timeout_s)
            return await self._send_frame(record, timeout_s)
        except (BrokenConnection, CaFileUnusable, gelf.TooLong) as error:
            return NoAnswer(str(error))
        except OSError as error:
            slow = isinstance(error, TimeoutError) and error.errno is None
            return NoAnswer(too_slow(timeout_s) if slow else of_network(error))

    async def close(self) -> None:
        for link in self._links.values():
            await link.close()
        for datagrams in self._datagrams.values():
            datagrams.close()

    async def _send_datagram(self, record: SyslogRecord, timeout_s: float) -> Written:
        key = (record.host, record.port)
        datagrams = self._datagrams.get(key) or self._datagrams.setdefault(key, Datagrams(*key))
        async with asyncio.timeout(timeout_s):
            for datagram in gelf.chunks(record.data) if record.framing == "gelf" else (record.data,):
                await datagrams.send(datagram, timeout_s)
        return Written(len(record.data))

    async def _send_frame(self, record: SyslogRecord, timeout_s: float) -> Written:
        context = await self._tls.of(record.tls) if record.transport == "tls" else None
        key = (record.host, record.port, context)
        link = self._links.get(key) or self._links.setdefault(key, Link(record.host, record.port, context))
        framed = frame(record)
        await link.send(framed, timeout_s)
        return Written(len(framed))


def frame(record: SyslogRecord) -> bytes:
    """RFC 6587, 3.4.1 and 3.4.2. A newline within would end the message early, so with "lf" it becomes a blank.

    In the JSON of GELF no NUL occurs.
    """
    if record.framing == "gelf":
        return record.data + b"\0"
    if record.framing == "octet":
        return b"%d %b" % (len(record.data), record.data)
    return record.data.rstrip(b"\r\n").replace(b"\n", b" ") + b"\n"

"""Requests as nobody should send them, made by dice from what hypothesis came up with."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from tests.journey.journey_world import HEADER, SAMPLE, SECRET

_EVENT = json.loads(SAMPLE)
_FIELDS = (*_EVENT["payloadData"], "affectedResources", "policyLabel", "ruleNumber", "lastSeen", "score", "accountId")
_ESCAPES = (b'"\\ud800"', b'"\\u0000"', b'"\\ud83d\\ude00"', b"1e999", b"-0", b"NaN", b"Infinity", b"9" * 400, b'""')
_TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NAMES = ("Content-Type", "Content-Encoding", "User-Agent", "Cookie", "X-Forwarded-For", "Accept", "Via", "Range")
_PATHS = (
    "/",
    "/webhooks/",
    "/webhooks/nobody",
    "/webhooks/optix/",
    "/webhooks/../optix",
    "//webhooks/optix",
    "/webhooks/%6fptix",
    "/webhooks/optix?a=%00",
    "/healthz",
    "/webhooks/" + "x" * 2000,
    "/%ff%fe",
    "http://gateway/webhooks/optix",
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@dataclass(frozen=True, slots=True)
class Pool:
    """What one batch is made from."""

    values: Sequence[object]
    texts: Sequence[str]
    blobs: Sequence[bytes]


pools = st.builds(
    Pool,
    st.lists(json_values, min_size=8, max_size=20),
    st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=0x2FFF), max_size=40), min_size=5, max_size=10),
    st.lists(st.binary(max_size=60), min_size=5, max_size=10),
)


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """`sound`: it is valid HTTP, so that it must be answered and others may follow on the connection."""

    raw: bytes
    sound: bool


class Hostility:
    """One sender with bad manners. The same seed and pool make the same requests."""

    def __init__(self, seed: int, pool: Pool) -> None:
        self._dice, self._pool = Random(seed), pool

    def request(self) -> HostileRequest:
        body = self._one_of(self._alert, self._alert, self._alert, self._value, self._damaged, self._blob, self._odd)()
        head = [self._start_line(), b"Host: gateway"]
        if self._dice.random() < 0.9:
            head.append(f"{HEADER}: {SECRET if self._dice.random() < 0.9 else self._header_text()}".encode())
        head += self._headers(self._dice.randrange(4))
        framed, body = self._framed(body)
        sound = b"\r\n".join([*head, *framed, b"", b""]) + body
        if self._dice.random() < 0.96:
            return HostileRequest(sound, sound=True)
        return HostileRequest(self._broken(sound), sound=False)

    def _one_of(self, *choices: Callable[[], bytes]) -> Callable[[], bytes]:
        return self._dice.choice(choices)

    def _alert(self) -> bytes:
        payload = dict(_EVENT["payloadData"]) | {"number": self._dice.getrandbits(64)}
        for _ in range(self._dice.randrange(4)):
            payload[self._dice.choice(_FIELDS)] = self._dice.choice(self._pool.values)
        if self._dice.random() < 0.1:
            payload.pop(self._dice.choice(tuple(payload)))
        kind = "ALERT" if self._dice.random() < 0.9 else self._dice.choice(self._pool.values)
        return json.dumps({"eventType": kind, "payloadData": payload}).encode()

    def _value(self) -> bytes:
        value = self._dice.choice(self._pool.values)
        if self._dice.random() < 0.5:
            value = {self._dice.choice(self._pool.texts): value, "payloadData": self._dice.choice(self._pool.values)}
        return json.dumps(value, ensure_ascii=self._dice.random() < 0.5).encode("utf-8", "surrogatepass")

    def _damaged(self) -> bytes:
        body = bytearray(self._alert())
        for _ in range(self._dice.randrange(1, 4)):
            at = self._dice.randrange(len(body))
            body[at : at + self._dice.randrange(3)] = self._dice.choice((*self._pool.blobs, *_ESCAPES, b""))
        return bytes(body) or b"{"

    def _blob(self) -> bytes:
        return self._dice.choice(self._pool.blobs)

    def _odd(self) -> bytes:
        depth = self._dice.choice((10, 100, 1000, 5000))
        return self._dice.choice(
            (
                b"",
                b" \r\n\t",
                b"\xef\xbb\xbf" + self._alert(),
                b"[" * depth,
                b'{"payloadData":' * depth + b"1" + b"}" * depth,
                b'{"eventType":"ALERT","payloadData":{"alertId":"a","alertId":' + self._dice.choice(_ESCAPES) + b"}}",
                self._alert() + self._alert(),
                self._alert().decode().encode("utf-16"),
                gzip.compress(self._alert(), 1),
                gzip.compress(b"x" * 100_000, 1)[:-3],
            )
        )

    def _start_line(self) -> bytes:
        """Never HEAD: its answer names a length that does not follow."""
        if self._dice.random() < 0.9:
            return b"POST /webhooks/optix HTTP/1.1"
        method = self._dice.choice(("GET", "PUT", "OPTIONS", "DELETE", "PATCH", "POST", "TRACE", "PROPFIND"))
        return f"{method} {self._dice.choice(_PATHS)} HTTP/1.1".encode()

    def _header_text(self) -> str:
        """Any printable text that one header line can carry."""
        text = self._dice.choice(self._pool.texts)
        return "".join(sign for sign in text if sign == "\t" or (sign >= " " and sign != "\x7f")).strip()

    def _headers(self, count: int) -> list[bytes]:
        """No name twice, and none that frames the message: either is no sound HTTP."""
        names = [*self._dice.sample(_NAMES, count)]
        if self._dice.random() < 0.3:
            names.append("X-" + "".join(self._dice.choices(_TOKEN, k=self._dice.randrange(1, 12))))
        return [f"{name}: {self._header_value()}".encode("utf-8", "replace") for name in names]

    def _header_value(self) -> str:
        return self._dice.choice(
            (self._header_text(), "gzip", "text/plain; charset=utf-16", "=?utf-8?b?aa==?=", "x" * 999)
        )

    def _framed(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The headers that say how long the body is, and the body as it goes out."""
        if self._dice.random() < 0.85:
            return [b"Content-Length: %d" % len(body)], body
        cut = self._dice.randrange(len(body) + 1)
        parts = [part for part in (body[:cut], body[cut:]) if part]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        return [b"Transfer-Encoding: chunked"], chunks + b"0\r\n\r\n"

    def _broken(self, sound: bytes) -> bytes:
        head, _, body = sound.partition(b"\r\n\r\n")
        at = self._dice.randrange(len(head))
        blob = self._dice.choice(self._pool.blobs)
        return self._dice.choice(
            (
                sound[: self._dice.randrange(len(sound))],
                head[:at] + blob + head[at:] + b"\r\n\r\n" + body,
                head.replace(b"HTTP/1.1", b"HTTP/9.9", 1) + b"\r\n\r\n" + body,
                head + b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
                head + b"\r\nContent-Length: -1\r\n\r\n" + body,
                head + b"\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n" + body,
                head + b"\r\n: no name\r\nno colon\r\n\r\n" + body,
                head + b"\r\nX-Nul: \x00\r\n\r\n" + body,
                blob + sound,
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + blob,
            )
        )

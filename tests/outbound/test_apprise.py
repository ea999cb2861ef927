"""Through the library to a receiver of its JSON service, over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest

from gateway.domain.message import Answer, Declined, NoAnswer, Notification, Published
from gateway.outbound.transports import Transports
from tests.outbound.conftest import Serve

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "Planted-secret-xyz"
TEXTS = ("the long text", "short")


def a_notification(port: int, scheme: str = "json") -> Notification:
    return Notification(f"{scheme}://user:{SECRET}@127.0.0.1:{port}/{SECRET}", "High: A bucket", TEXTS, "warning")


class Hook:
    """Answers with a status, and keeps what it was sent."""

    def __init__(self, status: str = "200 OK", headers: str = "") -> None:
        self.status, self.headers, self.got = status, headers, list[bytes]()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        self.got.append(await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {self.status}\r\n{self.headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


async def test_the_longest_text_arrives_with_its_title_and_type(transports: Transports, serve: Serve) -> None:
    hook = Hook()
    server = await serve(hook)
    assert await transports.send(a_notification(server.port), 10) == Published()
    (body,) = hook.got
    sent = json.loads(body)
    assert (sent["title"], sent["message"], sent["type"]) == ("High: A bucket", "the long text", "warning")


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "503 Service Unavailable"])
async def test_the_status_of_a_refusal_is_told_and_no_secret(
    transports: Transports,
    serve: Serve,
    status: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    server = await serve(Hook(status))
    answer = await transports.send(a_notification(server.port), 10)
    assert answer == Declined(status[:3], "refused")
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


async def test_a_redirect_is_not_followed(transports: Transports, serve: Serve) -> None:
    other = Hook()
    there = await serve(other)
    server = await serve(Hook("307 Temporary Redirect", f"Location: http://127.0.0.1:{there.port}/\r\n"))
    assert isinstance(await transports.send(a_notification(server.port), 10), Declined)
    assert other.got == []


async def test_what_was_not_sent_while_the_receiver_was_away_arrives_once_when_it_is_back(
    transports: Transports, serve: Serve
) -> None:
    hook = Hook()
    server = await serve(hook)
    port = server.port
    await server.stop()
    assert isinstance(await transports.send(a_notification(port), 10), Declined)
    await server.start(port)
    assert await transports.send(a_notification(port), 10) == Published()
    assert len(hook.got) == 1


async def test_a_service_that_says_nothing_is_not_waited_for_and_holds_up_no_other(
    transports: Transports, serve: Serve
) -> None:
    silent = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await silent.wait()

    await transports.send(Notification("nosuchservice://x", "", TEXTS, "info"), 30)  # loads the library
    stuck, good = await serve(say_nothing), await serve(Hook())
    slow, quick = await asyncio.gather(
        transports.send(a_notification(stuck.port), 0.3), transports.send(a_notification(good.port), 10)
    )
    assert slow == NoAnswer("no answer within 0.3 s; the message may still have arrived")
    assert quick == Published()
    silent.set()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nosuchservice://x/y", Declined("url", "Apprise knows no service for this URL, or misses something in it")),
        ("json://169.254.169.254/x", NoAnswer("refused: the address is link-local or a cloud metadata service")),
    ],
)
async def test_what_leads_nowhere_or_where_it_must_not_is_told(
    transports: Transports, url: str, expected: Answer
) -> None:
    assert await transports.send(Notification(url, "title", TEXTS, "info"), 5) == expected


async def test_closing_leaves_no_thread(transports: Transports, serve: Serve) -> None:
    server = await serve(Hook())
    await transports.send(a_notification(server.port), 10)
    await transports.close()
    for thread in threading.enumerate():
        if thread.name.startswith("apprise"):
            thread.join(5)
            assert not thread.is_alive()

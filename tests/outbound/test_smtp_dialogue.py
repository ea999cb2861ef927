"""Mail servers that say what they like: greetings that are none, silence, odd lines, or nobody at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.message import Answer, Mail, MailAnswer, NoAnswer
from gateway.outbound.transports import Transports
from tests.load.program import free_port
from tests.outbound.conftest import Serve


def mail_to(port: int) -> Mail:
    return Mail("127.0.0.1", port, "a@example.com", ("b@example.com",), b"x", security="none")


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        (b"421 4.3.2 shutting down\r\n", MailAnswer(421, "4.3.2 shutting down")),
        (b"554 go away\r\n", MailAnswer(554, "go away")),
        (b"HTTP/1.1 200 OK\r\n\r\n", NoAnswer("malformed answer from the mail server")),
        (b"250 hello\r\n", NoAnswer("malformed answer from the mail server")),
        (b"", NoAnswer("connection closed before the answer")),
        (b"220 half", NoAnswer("connection closed before the answer")),
    ],
)
async def test_a_greeting_that_is_none_ends_it(
    greeting: bytes, expected: Answer, transports: Transports, serve: Serve
) -> None:
    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()

    assert await transports.send(mail_to((await serve(handler)).port), 10) == expected


async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replies: list[bytes]) -> None:
    writer.write(b"220 ready\r\n")
    for reply in replies:
        line = await reader.readline()
        writer.write(reply)
        await writer.drain()
        if line.startswith(b"DATA"):
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n")
            await writer.drain()


OK = b"250 ok\r\n"


async def test_a_server_of_the_old_kind_is_greeted_its_way(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dialogue(reader, writer, [b"502 what?\r\n", OK, OK, OK, b"354 go\r\n"])

    answer = await transports.send(mail_to((await serve(handler)).port), 10)
    assert answer == MailAnswer(250, "taken", accepted=("b@example.com",))


async def test_what_was_taken_stays_taken_when_the_farewell_hangs(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dialogue(reader, writer, [OK, OK, OK, b"354 go\r\n"])
        await asyncio.sleep(60)

    answer = await transports.send(mail_to((await serve(handler)).port), 10)
    assert answer == MailAnswer(250, "taken", accepted=("b@example.com",))


async def test_a_server_that_falls_silent_is_given_up_on(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dialogue(reader, writer, [OK])
        await asyncio.sleep(60)

    answer = await transports.send(mail_to((await serve(handler)).port), 0.4)
    assert answer == NoAnswer("no answer within 0.4 s")


async def test_a_server_that_hangs_up_in_the_middle_took_nothing(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dialogue(reader, writer, [OK, OK])

    answer = await transports.send(mail_to((await serve(handler)).port), 10)
    assert answer == NoAnswer("connection closed before the answer")


async def test_a_hostile_text_becomes_one_short_line(transports: Transports, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = b"".join(b"550-\x1b[31mred\x07 " + b"x" * 90 + b"\r\n" for _ in range(20))
        await dialogue(reader, writer, [OK, lines + b"550 end\r\n"])
        await reader.read()

    answer = await transports.send(mail_to((await serve(handler)).port), 10)
    assert isinstance(answer, MailAnswer)
    assert answer.text.startswith("[31mred xxx")
    assert answer.text.isprintable()
    assert len(answer.text) <= 300


async def test_a_closed_mail_port_is_a_refused_connection(transports: Transports) -> None:
    assert await transports.send(mail_to(free_port()), 5) == NoAnswer("connection refused")


async def test_metadata_services_get_no_mail_either(transports: Transports) -> None:
    answer = await transports.send(replace(mail_to(25), host="169.254.169.254"), 5)
    assert isinstance(answer, NoAnswer)
    assert answer.reason.startswith("refused: the address is link-local")

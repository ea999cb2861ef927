"""Messages as people read them: in the golden files, and as one text to look for words in."""

from __future__ import annotations

import email
import email.policy
import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import fields, is_dataclass
from difflib import unified_diff
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from gateway import samples
from gateway.domain.message import (
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    Notification,
    Publication,
    SyslogRecord,
)
from tests.destinations.examples import FOLLOW_UPS, followed_up, formatted


def as_golden(value: object) -> object:
    """A message as JSON that a person can read in a diff: bytes as parsed JSON or as lines, secrets as they are."""
    if isinstance(value, Mail):
        envelope = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "content"}
        return {name: as_golden(part) for name, part in envelope.items()} | {"content": mail_as_golden(value.content)}
    if is_dataclass(value):
        made = {field.name: as_golden(getattr(value, field.name)) for field in fields(value)}
        return made | {"body": as_form(value)} if isinstance(value, HttpRequest) and as_form(value) else made
    if isinstance(value, bytes):
        for read in (messages_of, json.loads, json_lines):
            with suppress(ValueError):
                return read(value)
        return value.decode("utf-8", "backslashreplace").splitlines()
    return list(value) if isinstance(value, tuple) else value


def messages_of(body: bytes) -> object:
    """Of Pub/Sub, where what is said is base64. ValueError for anything else."""
    made = json.loads(body)
    if not isinstance(made, dict) or set(made) != {"messages"}:
        raise ValueError
    return {"messages": [message | {"data": json.loads(b64decode(message["data"]))} for message in made["messages"]]}


def json_lines(body: bytes) -> list[object]:
    return [json.loads(line) for line in body.splitlines()]


def as_form(message: HttpRequest) -> dict[str, str]:
    """The fields of a form; none where the body is something else."""
    is_form = ("Content-Type", "application/x-www-form-urlencoded") in message.headers
    return dict(parse_qsl(message.body.decode(), strict_parsing=True)) if is_form else {}


def mail_as_golden(content: bytes) -> object:
    """Headers and texts without their encoding and folding, which differ from one Python to the next."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    texts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    headers = {name: str(value) for name, value in mail.items() if name != "Content-Type"}
    return headers | {part.get_content_type(): part.get_content().splitlines() for part in texts}


def check_golden(kind: str, folder: Path, *, update: bool) -> None:
    sent = {name: as_golden(formatted(kind, name)) for name in samples.names()}
    sent |= {title: as_golden(followed_up(kind, *told)) for title, told in FOLLOW_UPS.items()}
    now = json.dumps(sent, indent=1, ensure_ascii=False) + "\n"
    path = folder / f"{kind}.json"
    if update:
        path.write_text(now, "utf-8")
    if not path.exists():
        pytest.fail(f"{path.name} is missing: run pytest tests/destinations --update-golden and read what it holds")
    before = path.read_text("utf-8")
    if before != now:
        lines = unified_diff(before.splitlines(), now.splitlines(), "golden", "sent now", n=2, lineterm="")
        pytest.fail("\n".join(list(lines)[:80]), pytrace=False)


def readable(message: Message) -> str:
    """Everything in a message that a person or a program at the other end can see, as one text."""
    match message:
        case HttpRequest():
            return f"{message.headers} {as_form(message) or opened(message.body)}"
        case HttpRequests():
            return " ".join(map(readable, message.requests))
        case SyslogRecord() | Line():
            return message.data.decode("utf-8")
        case Publication():
            return f"{message.headers} {message.body.decode('utf-8')}"
        case Notification():
            return f"{message.title} {' '.join(message.bodies)}"
        case Mail():
            mail = email.message_from_bytes(message.content, policy=email.policy.default)
            parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
            return f"{mail['subject']} {' '.join(parts)}"


def opened(body: bytes) -> str:
    with suppress(ValueError):
        return json.dumps(messages_of(body), ensure_ascii=False)
    return body.decode("utf-8")

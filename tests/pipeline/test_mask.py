from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest

from gateway.domain.message import (
    HttpAnswer,
    HttpAnswers,
    HttpRequest,
    HttpRequests,
    Mail,
    NoAnswer,
    Publication,
    SyslogRecord,
)
from gateway.pipeline.attempt import excerpt
from gateway.pipeline.mask import mask, masked_url, shown

URL = "https://user:s3cretpass@hooks.example.com/services/T0001/B0002/abcdefghijkl?sig=Zm9vYmFyYmF6&v=1"


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (URL, "https://hooks.example.com/****"),
        ("https://ntfy.example.com", "https://ntfy.example.com"),
        ("tk_token", "****"),
    ],
)
def test_a_secret_url_keeps_its_origin_only(secret: str, expected: str) -> None:
    assert masked_url(secret) == expected


@pytest.mark.parametrize(
    "leak", [URL, "the token abcdefghijkl is unknown", "bad signature Zm9vYmFyYmF6", "hello user:s3cretpass"]
)
def test_no_telling_part_of_a_secret_url_is_left(leak: str) -> None:
    masked = mask(leak, (URL,))
    for part in ("abcdefghijkl", "Zm9vYmFyYmF6", "s3cretpass"):
        assert part not in masked


SPECIAL = 'pa"ss/wörd+%&='


@pytest.mark.parametrize(
    "spelt",
    [
        SPECIAL,
        quote(SPECIAL, safe=""),
        json.dumps(SPECIAL),
        json.dumps(SPECIAL, ensure_ascii=False),
        *(b64encode(before + SPECIAL.encode() + b"\r\n").decode() for before in (b"", b"u:", b"user:", b"\0user\0")),
    ],
)
def test_a_secret_is_found_however_a_receiver_spells_it(spelt: str) -> None:
    masked = mask(f"refused: {spelt} is wrong", (SPECIAL,))
    assert "****" in masked
    assert sum(len(piece) for piece in masked.split("****")) <= len("refused:  is wrong") + 16


def test_the_long_words_of_a_secret_are_found_in_any_escaping() -> None:
    secret = 'abcdefghijklmno"/+'
    assert "abcdefgh" not in mask(json.dumps(json.dumps(json.dumps([secret]))), (secret,))


@pytest.mark.parametrize("length", [8, 12, len("abcdefghijkl")])
@pytest.mark.parametrize("mark", ["", "…"])
def test_half_a_secret_at_the_end_of_a_long_text_is_masked_too(length: int, mark: str) -> None:
    said = "x" * 190
    assert mask(said + "abcdefghijkl"[:length] + mark, (URL,)) == said + "****" + (mark if length == 12 else "")


def test_text_without_secrets_is_left_alone() -> None:
    assert mask("503 Service Unavailable", (URL, "tk_token")) == "503 Service Unavailable"


def test_a_request_shows_only_headers_known_to_be_harmless() -> None:
    headers = (("Content-Type", "application/json"), ("X-Api-Key", "k"), ("Authorization", "Basic abc"))
    seen = shown(HttpRequest(URL, b'{"key":"tk_token"}', headers=headers), (URL, "tk_token"))
    assert seen["headers"] == {"Content-Type": "application/json", "X-Api-Key": "****", "Authorization": "****"}
    assert seen["url"] == "https://hooks.example.com/****"
    assert seen["body"] == '{"key":"****"}'


def test_syslog_and_mail_are_shown_with_where_they_go() -> None:
    record = shown(SyslogRecord("siem", 6514, "tls", b"<131>1 - - - - - - hello"), ())
    assert record["to"] == "tls://siem:6514"
    mail = shown(Mail("mx", 587, "a@x", ("b@x",), b"Subject: hi", password="tk_token"), ("tk_token",))
    assert (mail["to"], mail["recipients"], mail["body"]) == ("smtp://mx:587", ["b@x"], "Subject: hi")


def test_of_a_publication_everything_is_shown_but_the_login() -> None:
    message = Publication(
        "rabbitmq",
        "amqp://bus/soc",
        "alerts",
        "a-1.soc",
        "application/json",
        b'{"password":"hunter2-hunter2"}',
        key="optix.high",
        headers=(("key", "optix-1"),),
        username="optix",
        password="hunter2-hunter2",
    )
    assert shown(message, ["hunter2-hunter2"]) == {
        "to": "amqp://bus/soc",
        "target": "alerts",
        "key": "optix.high",
        "id": "a-1.soc",
        "content_type": "application/json",
        "headers": {"key": "optix-1"},
        "options": {},
        "body": '{"password":"****"}',
    }


def test_every_request_to_replicas_is_shown_and_every_answer_quoted_without_secrets() -> None:
    request = HttpRequest(URL, b'{"key":"tk_token"}')
    requests: Any = shown(HttpRequests((request, request)), (URL, "tk_token"))["requests"]
    assert requests == [shown(request, (URL, "tk_token"))] * 2
    answers = HttpAnswers((HttpAnswer(400, body=b"no tk_token"), NoAnswer("away"), HttpAnswer(200, body=b"yes")))
    assert excerpt(answers, ("tk_token",)) == "no ****\nyes"

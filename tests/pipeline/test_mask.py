from __future__ import annotations

import pytest

from gateway.domain.message import HttpRequest, Mail, SyslogRecord
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

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.message import Declined, HttpAnswer, MailAnswer, NoAnswer, Published, Written
from gateway.domain.outcome import Outcome, OutcomeClass, judge, retry_after_s, status_line

NOW = datetime(2026, 3, 14, 12, 0, 0, tzinfo=UTC)

SPECIAL = {
    401: OutcomeClass.AUTH, 403: OutcomeClass.AUTH, 404: OutcomeClass.GONE, 410: OutcomeClass.GONE,
    408: OutcomeClass.RETRY, 425: OutcomeClass.RETRY, 413: OutcomeClass.TOO_LARGE, 429: OutcomeClass.RATE_LIMITED,
    501: OutcomeClass.REJECTED,
}  # fmt: skip
BY_HUNDRED = {
    1: OutcomeClass.REJECTED, 2: OutcomeClass.OK, 3: OutcomeClass.REJECTED, 4: OutcomeClass.REJECTED,
    5: OutcomeClass.RETRY,
}  # fmt: skip


@pytest.mark.parametrize("status", range(100, 600))
def test_every_http_status_has_its_class(status: int) -> None:
    outcome = judge(HttpAnswer(status), NOW)
    assert outcome.kind is SPECIAL.get(status, BY_HUNDRED[status // 100])
    assert outcome.status == status
    assert outcome.reason == status_line(status)
    assert outcome.hint_s is None


@pytest.mark.parametrize(
    ("status", "line"), [(503, "503 Service Unavailable"), (200, "200 OK"), (299, "299"), (599, "599")]
)
def test_a_status_is_told_with_its_phrase_where_it_has_one(status: int, line: str) -> None:
    assert status_line(status) == line


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("0.25", 0.25),
        ("1e3", 1000.0),
        ("Sat, 14 Mar 2026 12:01:30 GMT", 90.0),
        ("Sat, 14 Mar 2026 13:01:30 +0100", 90.0),
        ("Saturday, 14-Mar-26 12:01:30 GMT", 90.0),
        ("Sat, 14 Mar 2026 11:00:00 GMT", 0.0),
        ("Sat Mar 14 12:01:30 2026", 90.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-inf", 0.0),
        ("1e999", None),
        ("Sat, 14 Mar 99999999999999999999 12:00:00 GMT", None),
        ("Sat, 99 Mar 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_hint_goes_with_every_status(status: int) -> None:
    later = format_datetime(NOW.replace(minute=10), usegmt=True)
    assert judge(HttpAnswer(status, {"retry-after": "7"}), NOW).hint_s == 7
    assert judge(HttpAnswer(status, {"retry-after": later}), NOW).hint_s == 600


@given(st.text())
def test_no_retry_after_raises_and_none_is_negative(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (250, OutcomeClass.OK), (251, OutcomeClass.OK), (421, OutcomeClass.RETRY), (450, OutcomeClass.RETRY),
        (451, OutcomeClass.RETRY), (452, OutcomeClass.RETRY), (454, OutcomeClass.RETRY), (500, OutcomeClass.REJECTED),
        (550, OutcomeClass.REJECTED), (552, OutcomeClass.TOO_LARGE), (554, OutcomeClass.REJECTED),
        (530, OutcomeClass.AUTH), (534, OutcomeClass.AUTH), (535, OutcomeClass.AUTH), (538, OutcomeClass.AUTH),
    ],
)  # fmt: skip
def test_every_smtp_code_has_its_class(code: int, kind: OutcomeClass) -> None:
    assert judge(MailAnswer(code, "said so"), NOW) == Outcome(kind, f"{code} said so", code)


def test_what_a_mail_server_says_becomes_one_short_line() -> None:
    reason = judge(MailAnswer(550, "no\r\nsuch\n\x1b[31muser " + "x" * 5000), NOW).reason
    assert reason.startswith("550 no such [31muser x")
    assert reason.isprintable()
    assert len(reason) <= 300


def test_silence_is_tried_again_and_written_bytes_are_delivered() -> None:
    assert judge(NoAnswer("no answer within 30 s"), NOW) == Outcome(OutcomeClass.RETRY, "no answer within 30 s")
    assert judge(Written(120), NOW) == Outcome(OutcomeClass.OK, "120 bytes written")


def test_what_a_broker_acknowledged_is_delivered_and_what_it_declined_is_tried_again() -> None:
    assert judge(Published("1-0"), NOW) == Outcome(OutcomeClass.OK, "acknowledged by the broker", reference="1-0")
    assert judge(Declined("OOM", "no room"), NOW) == Outcome(OutcomeClass.RETRY, "OOM no room")


@pytest.mark.parametrize(
    ("reason", "nothing_listens"),
    [
        ("connection refused", True),
        ("proxy: connection refused", False),
        ("connection reset before the answer", False),
        ("no answer within 30 s", False),
    ],
)
def test_only_a_refused_connection_proves_that_nothing_listens(reason: str, *, nothing_listens: bool) -> None:
    assert judge(NoAnswer(reason), NOW) == Outcome(OutcomeClass.RETRY, reason, nothing_listens=nothing_listens)

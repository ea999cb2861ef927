from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context, load
from gateway.destinations.gelf import GelfSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.gelf import LARGEST
from gateway.domain.message import Written
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf8_bytes
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge, outcome, payload, sent

AlertOf = Callable[..., Alert]
WRONG_INPUTS = [
    {"url": url}
    for url in (
        *("udp://", "tcp://g.example:0", "tcp://g.example:99999", "tls://u:p@g.example:1", "udp://g.example:1/gelf"),
        *("tcp://g.example:1?a", "amqp://g.example:1", "tcp://g example:1"),
    )
]


def said(alert: Alert, **more: Any) -> Any:
    return payload("gelf", alert, **more)


@pytest.mark.parametrize(("score", "number"), by_score(low="5", medium="4", high="3", critical="2", unknown="4"))
def test_the_level_is_that_of_syslog(alert_of: AlertOf, score: int | None, number: str) -> None:
    assert said(alert_of(score=score, severity=severity_of(score)))["level"] == int(number)


def test_a_closed_alert_is_informational_and_says_so(alert_of: AlertOf) -> None:
    closed = said(alert_of(resources=SUPPRESSED))
    assert closed["level"] == 6
    assert closed["short_message"].startswith("[SUPPRESSED]")
    assert closed["_optix_state"] == "suppressed; Suppressed: the only resource"


def test_the_time_is_in_seconds_with_milliseconds(alert_of: AlertOf) -> None:
    assert said(alert_of(seen_at=datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)))["timestamp"] == 1767225600.25


def test_every_field_of_ours_has_a_name_and_a_value_that_gelf_takes(alert_of: AlertOf) -> None:
    found = said(alert_of(details="why", resources=(Resource("b", "OPEN", {"a": [1]}),)), test=True)
    own = {name: value for name, value in found.items() if name.startswith("_")}
    assert all(re.fullmatch(r"_optix_[a-z_]+", name) for name in own)
    assert all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in own.values())
    assert own["_optix_score"] == 80.0
    assert own["_optix_delivery"] == "d-1"
    assert own["_optix_resources"] == "b - a: 1"


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    found = said(alert_of(), before=alert_of(resources=(Resource("old", "OPEN"),)))
    assert (found["_optix_change"], found["_optix_changed"]) == ("grew,shrank", "1 new of 1 open, 1 gone")
    assert found["short_message"].endswith("; 1 new of 1 open, 1 gone")


@pytest.mark.parametrize("sign", ["x", "🪣", "\n"])
def test_no_text_is_longer_than_the_index_takes(alert_of: AlertOf, sign: str) -> None:
    found = said(alert_of(**huge(sign)))
    assert utf8_bytes(found["short_message"]) <= 1000
    assert utf8_bytes(found["full_message"]) <= 30_000
    assert max(utf8_bytes(value) for name, value in found.items() if name[0] == "_" and isinstance(value, str)) <= 8000


def test_resources_are_cut_with_a_true_count(alert_of: AlertOf) -> None:
    names = said(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(2000))))["_optix_resources"]
    assert 7900 < utf8_bytes(names) <= 8000
    assert names.endswith(f", +{2000 - names.count('bucket-')} more")


def test_the_input_and_its_header(alert_of: AlertOf) -> None:
    message = sent(
        "gelf", alert_of(), made=GelfSettings.model_validate({"url": "https://g.example:12201/", "token": "t"})
    )
    assert message.url == "https://g.example:12201/gelf"
    assert ("Authorization", "Bearer t") in message.headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, OutcomeClass.OK),
        (200, OutcomeClass.RETRY),
        (400, OutcomeClass.REJECTED),
        (401, OutcomeClass.AUTH),
        (404, OutcomeClass.GONE),
        (413, OutcomeClass.TOO_LARGE),
        (429, OutcomeClass.RATE_LIMITED),
        (503, OutcomeClass.RETRY),
    ],
)
def test_what_graylog_answers_is_understood(status: int, kind: OutcomeClass) -> None:
    assert outcome("gelf", status, b"no\x00").kind is kind


@pytest.mark.parametrize(
    "wrong", [{"host": ""}, {"url": "g.example"}, {"username": "u"}, {"token": "a b"}, *WRONG_INPUTS]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GelfSettings.model_validate({"url": "https://g.example"} | wrong)


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("tcp://g.example:1514", ("g.example", 1514, "tcp")),
        ("tls://g.example", ("g.example", 12201, "tls")),
        ("UDP://[::1]:12201/", ("::1", 12201, "udp")),
    ],
)
def test_the_scheme_says_how_it_goes(alert_of: AlertOf, url: str, to: tuple[str, int, str]) -> None:
    made = GelfSettings.model_validate({"url": url})
    record: Any = load("gelf").format(alert_of(), Context("d-1", "r", b"{}", NOW), made)
    assert (record.host, record.port, record.transport) == to
    assert json.loads(record.data) == said(alert_of())
    assert load("gelf").read(Written(7), NOW).kind is OutcomeClass.OK


@pytest.mark.parametrize("keys", [{"token": "t"}, {"username": "u", "password": "p"}])
def test_only_http_takes_credentials(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="HTTP"):
        GelfSettings.model_validate({"url": "tcp://g.example:12201"} | keys)


def test_the_worst_alert_of_all_has_few_enough_chunks(alert_of: AlertOf) -> None:
    made = GelfSettings.model_validate({"url": "udp://g.example:12201"})
    record: Any = load("gelf").format(alert_of(**huge("\n")), Context("d-1", "r", b"{}", NOW), made)
    assert len(record.data) < LARGEST

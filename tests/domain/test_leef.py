from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.alert import Alert, Resource
from gateway.domain.leef import event, header_text
from gateway.domain.severity import severity_of
from gateway.domain.text import utf8_bytes

LINK = "https://optix.example/" + "a" * 80
SEEN = datetime(2026, 5, 4, 3, 2, 1, 45_678, tzinfo=UTC)


def an_alert(**fields: Any) -> Alert:
    ordinary: dict[str, Any] = {
        "source": "optix",
        "event_type": "ALERT",
        "environment": "444123456789",
        "alert_id": "A-1",
        "key": "optix-0",
        "severity": severity_of(80),
        "score": 80,
        "summary": "A bucket is public",
        "alert_type": "Policy",
        "rule": "AR-251",
        "resources": (Resource("bucket-1", "OPEN"),),
    }
    return Alert(**(ordinary | fields))


def line(alert: Alert, *, max_bytes: int = 8192, test: bool = False, change: tuple[str, str] = ("", "")) -> str:
    return event(alert, link=LINK, delivery_id="dlv-1", at=SEEN, test=test, max_bytes=max_bytes, change=change)


def read(text: str) -> tuple[list[str], dict[str, str]]:
    """Header and attributes as a collector splits them; a key that is there twice is refused."""
    *header, attributes = text.split("|", 6)
    pairs = [part.split("=", 1) for part in attributes.split("^")]
    assert len({key for key, _ in pairs}) == len(pairs)
    return header, dict(pairs)


def test_an_alert_is_one_line_with_a_header_and_carets() -> None:
    header, said = read(line(an_alert(), change=("grew", "1 new of 2 open")))
    assert header == ["LEEF:2.0", "Sophos", "Cloud Optix", "1.0", "AR-251", "^"]
    assert said == {
        "devTime": "2026-05-04T03:02:01.045+0000",
        "devTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
        "sev": "8",
        "cat": "Policy",
        "alertId": "A-1",
        "accountName": "444123456789",
        "incident": "optix-0",
        "name": "A bucket is public",
        "state": "1 open",
        "change": "grew",
        "changed": "1 new of 2 open",
        "url": LINK,
        "score": "80",
        "delivery": "dlv-1",
        "resourceCount": "1",
        "resource": "bucket-1",
    }


@pytest.mark.parametrize(
    ("score", "sev"), [(49, "3"), (50, "5"), (79, "5"), (80, "8"), (89, "8"), (90, "10"), (None, "5")]
)
def test_the_severity_follows_the_band(score: int | None, sev: str) -> None:
    assert read(line(an_alert(score=score, severity=severity_of(score))))[1]["sev"] == sev


@pytest.mark.parametrize(("text", "shown"), [("a|b", "a/b"), ("a\tb\r\nc", "a b c"), ("a=b", "a=b"), ("\x00a", "a")])
def test_nothing_ends_a_field_of_the_header_early(text: str, shown: str) -> None:
    assert header_text(text) == shown


def test_hostile_text_starts_no_attribute_and_no_line() -> None:
    hostile = "x^sev=1\nLEEF:2.0|a|b|c|d|^|\r\u2028sev=1\t^"
    text = line(an_alert(summary=hostile, rule=hostile, environment=hostile, resources=(Resource(hostile, "OPEN"),)))
    header, said = read(text)
    assert len(text.splitlines()) == 1
    assert len(header) == 6
    assert said["sev"] == "8"
    assert said["name"].startswith("x sev=1 LEEF")


def test_a_closed_alert_and_a_test_say_so() -> None:
    said = read(line(an_alert(resources=(Resource("b", "SUPPRESS"),)), test=True))[1]
    assert said["state"] == "SUPPRESS; Suppressed: the only resource"
    assert said["name"] == "[TEST] A bucket is public"


def test_resources_give_way_first_with_a_true_count() -> None:
    alert = an_alert(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900)))
    text = line(alert, max_bytes=2048)
    listed = read(text)[1]["resource"]
    assert 2000 < utf8_bytes(text) <= 2048
    assert listed.endswith(f"+{900 - listed.count('bucket-')} more")


@pytest.mark.parametrize("max_bytes", [300, 480, 2048, 8192])
@pytest.mark.parametrize("sign", ["x", "🪣", "|", "=", "^"])
def test_the_worst_alert_of_all_still_fits(max_bytes: int, sign: str) -> None:
    text = sign * 3000
    alert = an_alert(
        summary=text, environment=text, alert_type=text, provider=text, rule=text, details=text, alert_id=text,
        policy_labels=(text,) * 50, resources=(Resource(text, text),) * 60,
    )  # fmt: skip
    made = line(alert, max_bytes=max_bytes)
    assert utf8_bytes(made) <= max_bytes
    assert read(made)[1]["sev"] == "8"


def test_an_address_that_does_not_fit_whole_is_left_out() -> None:
    made = read(line(an_alert(), max_bytes=300))[1]
    assert "url" not in made
    assert made["score"] == "80"

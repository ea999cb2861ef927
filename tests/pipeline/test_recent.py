from __future__ import annotations

from gateway.domain.alert import Alert
from gateway.domain.severity import Severity
from gateway.pipeline.recent import Recent


def an_alert(alert_id: str) -> Alert:
    return Alert("optix", "ALERT", "444", alert_id, f"optix-{alert_id}", Severity.HIGH)


def test_an_alert_is_there_for_each_of_its_uses_and_then_gone() -> None:
    recent, alert = Recent(), an_alert("a")
    recent.keep("s-1", alert, b"{}", 2)
    assert [recent.take("s-1"), recent.take("s-1"), recent.take("s-1")] == [alert, alert, None]


def test_a_large_body_is_not_kept() -> None:
    recent = Recent()
    recent.keep("s-1", an_alert("a"), b"x" * 20_000, 1)
    assert recent.take("s-1") is None


def test_when_it_is_full_the_oldest_stay_because_they_are_delivered_first() -> None:
    recent = Recent()
    for number in range(600):
        recent.keep(f"s-{number}", an_alert("a"), b"{}", 1)
    assert recent.take("s-0") is not None
    assert recent.take("s-599") is None


def test_what_nobody_asks_for_makes_room_in_the_end() -> None:
    recent = Recent()
    for number in range(4200):
        recent.keep(f"s-{number}", an_alert("a"), b"{}", 1)
    assert recent.take("s-0") is None
    assert recent.take("s-4199") is not None

"""One route to several replicas: who is sent what, and what their answers come to together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.destinations import Context, load
from gateway.destinations.alertmanager import AlertmanagerSettings
from gateway.domain.alert import Alert
from gateway.domain.breaker import after_outcome
from gateway.domain.delivery import RouteState, RouteStatus
from gateway.domain.message import CONNECTION_REFUSED, HttpAnswer, HttpAnswers, HttpRequests, NoAnswer
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.on_call import NOW

FIRST, SECOND = "https://am-0.example", "https://am-1.example/am"
SETTINGS = AlertmanagerSettings.model_validate({"url": f"{FIRST}, {SECOND}/"})
TAKEN, DOWN, AWAY = HttpAnswer(200), HttpAnswer(503), NoAnswer(CONNECTION_REFUSED)
Answers = tuple[HttpAnswer | NoAnswer, ...]
AlertOf = Callable[..., Alert]


def context(progress: str = "") -> Context:
    return Context("d-1", "r", b"{}", NOW, progress=progress)


def asked(alert: Alert, progress: str = "") -> list[str]:
    message: Any = load("alertmanager").format(alert, context(progress), SETTINGS)
    assert isinstance(message, HttpRequests)
    assert len({request.body for request in message.requests}) == 1
    return [request.url.removesuffix("/api/v2/alerts") for request in message.requests]


def outcome(*answers: HttpAnswer | NoAnswer, progress: str = "") -> Outcome:
    return load("alertmanager").outcome_of(HttpAnswers(answers), NOW, context(progress), SETTINGS)


def test_all_are_asked_and_then_those_that_do_not_have_it(alert_of: AlertOf) -> None:
    assert asked(alert_of()) == [FIRST, SECOND]
    assert asked(alert_of(), outcome(TAKEN, DOWN).progress) == [SECOND]
    assert asked(alert_of(), outcome(DOWN, TAKEN).progress) == [FIRST]


def test_a_replay_of_what_all_have_goes_to_all(alert_of: AlertOf) -> None:
    assert asked(alert_of(), f"{FIRST} {SECOND}") == [FIRST, SECOND]


def test_it_is_delivered_when_all_have_it() -> None:
    for found in (outcome(TAKEN, TAKEN), outcome(TAKEN, progress=FIRST)):
        assert (found.kind, found.reason, found.status) == (Class.OK, "all 2 replicas have it", 200)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ((TAKEN, DOWN), Class.RETRY),
        ((TAKEN, AWAY), Class.RETRY),
        ((TAKEN, HttpAnswer(401)), Class.RETRY),
        ((TAKEN, HttpAnswer(404)), Class.RETRY),
        ((TAKEN, HttpAnswer(429, {"retry-after": "900"})), Class.RETRY),
        ((TAKEN, HttpAnswer(413)), Class.TOO_LARGE),
        ((TAKEN, HttpAnswer(400)), Class.REJECTED),
    ],
)
def test_where_one_has_it_the_other_is_told_of_and_stops_no_route(answers: Answers, kind: Class) -> None:
    found = outcome(*answers)
    assert found.kind is kind
    assert found.reason.startswith("1 of 2 replicas have it; am-1.example/am: ")
    assert (found.progress, found.hint_s) == (FIRST, None)
    state = RouteState("r")
    for second in range(100):
        state = after_outcome(state, found, second * 1_000_000)
    assert state.status is RouteStatus.RUNNING


def test_what_was_served_before_counts_while_the_other_is_still_down() -> None:
    found = outcome(AWAY, progress=FIRST)
    assert (found.kind, found.progress, found.partly, found.nothing_listens) == (Class.RETRY, FIRST, True, False)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ((DOWN, HttpAnswer(400)), Class.RETRY),
        ((HttpAnswer(400), HttpAnswer(401)), Class.AUTH),
        ((HttpAnswer(404), HttpAnswer(401)), Class.AUTH),
        ((HttpAnswer(404), HttpAnswer(404)), Class.GONE),
        ((HttpAnswer(400), HttpAnswer(400)), Class.REJECTED),
    ],
)
def test_where_none_has_it_the_most_hopeful_answer_decides(answers: Answers, kind: Class) -> None:
    found = outcome(*answers)
    assert (found.kind, found.progress, found.partly) == (kind, "", False)
    assert "am-0.example: 4" in found.reason or "am-0.example: 5" in found.reason
    assert "am-1.example/am: 4" in found.reason


def test_waits_of_receivers_count_and_nobody_listens_only_where_none_does() -> None:
    assert outcome(DOWN, HttpAnswer(503, {"retry-after": "30"})).hint_s == 30
    assert outcome(AWAY, AWAY).nothing_listens
    assert not outcome(AWAY, DOWN).nothing_listens

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.alert import Alert, Resource
from gateway.domain.cel_cost import MOST_WORK
from gateway.domain.expression import ExpressionFailed, Facts, compile_expression
from gateway.domain.severity import Severity

ALERT = Alert("prod", "ALERT", "44412345678075", "7f1c", "optix-0123", Severity.HIGH, score=83)


def many(count: int) -> Alert:
    return replace(ALERT, resources=tuple([Resource(f"file-{number}.tf", "OPEN") for number in range(count)]))


def answer(text: str, alert: Alert) -> bool:
    return compile_expression(text).holds(Facts(alert))


def reason(text: str, alert: Alert) -> str:
    with pytest.raises(ExpressionFailed) as failed:
        answer(text, alert)
    return failed.value.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('alert.resources.exists(r, r.info == "none")', "it goes through more than 10,000 items"),
        ('alert.resources.exists(r, r.info.matches("x+y"))', "too large"),
        ('alert.resources.filter(r, r.state == "OPEN").size() > 3', "too large"),
        ("alert.resources.all(r, alert.resources.exists(q, q.info == r.info))", "too large"),
        ("alert.resources.exists(r, r.details in alert.resources)", "too large"),
    ],
)
def test_twenty_thousand_resources_cannot_make_it_run_away(text: str, words: str) -> None:
    assert words in reason(text, many(20_000))


def test_a_loop_that_finds_what_it_looks_for_stops_there_however_long_the_list_is() -> None:
    assert answer('alert.resources.exists(r, r.info == "file-9000.tf")', many(20_000))


def test_a_thousand_resources_are_no_trouble() -> None:
    alert = many(1_000)
    assert answer('alert.resources.filter(r, r.state == "OPEN" && r.info.endsWith(".tf")).size() == 1000', alert)
    assert not answer('alert.resources.exists(r, r.info.matches("^main[0-9]+[.]tf$"))', alert)


def test_long_texts_are_not_looked_for_in_one_another_thousands_of_times() -> None:
    alert = replace(many(5_000), details="x" * 100_000)
    assert "too large" in reason("alert.resources.exists(r, alert.details.contains(r.info))", alert)
    assert "too large" in reason("alert.details.contains(alert.summary)", replace(alert, summary="x" * 50_000 + "y"))
    assert not answer('alert.details.contains("y")', alert)


def test_work_is_known_before_it_is_done() -> None:
    short, long = Facts(many(100)), Facts(many(10_000))
    for text in ('alert.resources.exists(r, r.info == "x")', "alert.resources.filter(r, true).size() > 1"):
        cost = compile_expression(text).cost
        assert 0 < cost.work(short.size) < cost.work(long.size)
    nested = compile_expression("alert.resources.all(r, alert.resources.exists(q, q == r))").cost
    assert nested.work(short.size) > 100 * sum(len(resource.info) for resource in many(100).resources)
    assert nested.work(long.size) > MOST_WORK

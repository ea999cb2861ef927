"""The kinds that write lines on this machine: a file, and standard output."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context, load
from gateway.destinations.file import FileSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import Line, NoAnswer, Written
from gateway.domain.outcome import OutcomeClass
from tests.destinations.on_call import NOW

AlertOf = Callable[..., Alert]
LIMITS = [("file", "data/alerts.jsonl", 5_000_000), ("stdout", "", 250_000)]


def line(kind: str, alert: Alert, **more: str) -> Line:
    own = {"path": "data/alerts.jsonl"} if kind == "file" else {}
    made = load(kind).settings.model_validate(own | more)
    message = load(kind).format(alert, Context("d-1", "r", b"{}", NOW), made)
    assert isinstance(message, Line)
    return message


@pytest.mark.parametrize(("kind", "path", "limit"), LIMITS)
def test_an_alert_is_one_line_within_the_limit(alert_of: AlertOf, kind: str, path: str, limit: int) -> None:
    text = "a\nb\r\u2028" * 100
    made = line(kind, alert_of(summary=text, resources=(Resource(text, "OPEN"),) * 8000))
    assert made.path == path
    assert limit * 0.9 < len(made.data) <= limit
    assert b"\n" not in made.data
    assert json.loads(made.data)["left_out"]["resources"] > 0


@pytest.mark.parametrize("kind", ["file", "stdout"])
@pytest.mark.parametrize(("form", "key"), [("alert", "console_url"), ("ocsf", "finding_info"), ("ecs", "@timestamp")])
def test_the_line_is_in_the_chosen_schema(alert_of: AlertOf, kind: str, form: str, key: str) -> None:
    assert key in json.loads(line(kind, alert_of(), format=form).data)


@pytest.mark.parametrize("kind", ["file", "stdout"])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(Written(3), OutcomeClass.OK), (NoAnswer("no space left on device"), OutcomeClass.RETRY)],
)
def test_what_was_written_is_delivered_and_all_else_is_tried_again(
    kind: str, answer: Any, outcome: OutcomeClass
) -> None:
    assert load(kind).read(answer, NOW).kind is outcome


@pytest.mark.parametrize(
    "wrong", [{"path": ""}, {"path": "a\nb"}, {"path": "a\0b"}, {}, {"path": "a", "format": "cef"}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        FileSettings.model_validate(wrong)

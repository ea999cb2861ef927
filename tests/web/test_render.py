from __future__ import annotations

import json

from gateway import samples
from gateway.domain.delivery import State
from gateway.domain.optix import parse
from gateway.domain.query import AttemptRow, DeliveryRow, Job, Page, Selection
from gateway.pipeline.operations import RouteView
from gateway.web import render

MOMENT_US = 1_700_000_000_123_456
ISO = "2023-11-14T22:13:20.123Z"


def test_microseconds_become_utc_times_under_a_name_for_times() -> None:
    row = DeliveryRow("a-1.soc", "a-1", "soc", State.DEAD, 3, MOMENT_US, None, MOMENT_US, "410 Gone", "high", "S3")
    assert render.rendered(row) == {
        "id": "a-1.soc", "alert": "a-1", "route": "soc", "state": "dead", "attempts": 3, "created_at": ISO,
        "due_at": None, "finished_at": ISO, "reason": "410 Gone", "severity": "high", "summary": "S3",
        "hold": "", "stands_in_for": "", "waits_for": "",
    }  # fmt: skip


def test_never_is_null_and_names_that_say_when_stay_as_they_are() -> None:
    view = RouteView("soc", "discord", "everything", "open", since_us=MOMENT_US, held_until_us=MOMENT_US)
    content = render.fields_of(view)
    times = {name: content[name] for name in ("since", "probe_at", "held_until", "oldest_due_s")}
    assert times == {"since": ISO, "probe_at": None, "held_until": ISO, "oldest_due_s": None}


def test_an_attempt_is_its_number_and_its_record() -> None:
    attempt = AttemptRow(2, {"started_us": MOMENT_US, "outcome": "retry", "headers": {"retry-after": "3"}})
    expected = {"number": 2, "started_at": ISO, "outcome": "retry", "headers": {"retry-after": "3"}}
    assert render.rendered(attempt) == expected


def test_a_page_names_the_cursor_of_the_following_one() -> None:
    assert render.page("alerts", Page()) == {"alerts": [], "next": None}
    assert render.page("deliveries", Page(next="c")) == {"deliveries": [], "next": "c"}


def test_a_job_shows_its_filter_in_the_words_of_the_api() -> None:
    job = Job(7, "replay", Selection(states=(State.DEAD,), since_us=MOMENT_US, alert_type="IaC"), 10, 4, 3, MOMENT_US)
    assert render.rendered(job) == {
        "id": 7, "kind": "replay", "total": 10, "done": 4, "changed": 3, "created_at": ISO, "ended_at": None,
        "cancelled": False, "filter": {"state": ["dead"], "since": ISO, "type": "IaC"},
    }  # fmt: skip


def test_every_sample_alert_can_be_written_as_json() -> None:
    for name in samples.names():
        json.dumps(render.rendered(parse("optix", samples.load(name))))


def test_bytes_that_are_no_utf_8_are_shown_as_well_as_they_can() -> None:
    assert render.rendered({"body": b"a\xffb"}) == {"body": "a\ufffdb"}

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway import samples
from gateway.destinations._ticket import LOST, lost, markdown, opened, quiet, ticket_of, was_closed
from gateway.domain.alert import Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import Outcome
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.on_call import SUPPRESSED
from tests.destinations.ticketing import context

AlertOf = Callable[..., Alert]
NUMBER = re.compile(r"\d+")


def test_a_ticket_goes_on_unless_it_is_gone_or_this_is_a_digest(alert_of: AlertOf) -> None:
    assert ticket_of(alert_of(), context(reference="7"), NUMBER) == "7"
    assert ticket_of(alert_of(), context(reference="7\n"), NUMBER) == ""
    assert ticket_of(alert_of(), context(reference="x"), NUMBER) == ""
    assert ticket_of(alert_of(), context(reference="7", progress=LOST), NUMBER) == ""
    assert ticket_of(alert_of(event_type=DIGEST), context(reference="7"), NUMBER) == ""


@pytest.mark.parametrize(("resources", "expected"), [(SUPPRESSED, True), ((), False)])
def test_what_was_told_last_says_whether_the_ticket_was_closed(
    alert_of: AlertOf, *, resources: tuple[object, ...], expected: bool
) -> None:
    assert was_closed(context(before=alert_of(resources=resources))) is expected
    assert was_closed(replace(context(), before=b"")) is False
    assert was_closed(context()) is False


def test_nobody_needs_a_new_ticket_that_only_says_that_it_is_over() -> None:
    outcome = Outcome(Class.GONE, "404 Not Found", 404)
    closed = replace(context(reference="7"), body=samples.load("suppressed"))
    still_open = replace(closed, body=samples.load(samples.DOCUMENTED))
    assert lost(outcome, closed, NUMBER).kind is Class.OK
    assert lost(outcome, still_open, NUMBER).kind is Class.RETRY
    assert lost(outcome, replace(still_open, progress=LOST), NUMBER) == outcome
    assert lost(outcome, replace(still_open, reference="x"), NUMBER) == outcome


def test_only_201_is_proof_of_a_ticket_without_an_id() -> None:
    outcome = Outcome(Class.OK, "fine", 200)
    assert opened(outcome, HttpAnswer(201), None, "X").kind is Class.OK
    assert opened(outcome, HttpAnswer(200), None, "X").kind is Class.RETRY
    assert opened(outcome, HttpAnswer(200), 7, "X").reference == "7"


@pytest.mark.parametrize(
    "text", ["@x", "#1", "!1", "$1", "%1", "&1", "~x", "https://x", "x\n/close", "a\n  /close", "<b>"]
)
def test_markdown_has_nothing_left_that_a_tracker_acts_on(text: str) -> None:
    assert text not in markdown(text)
    assert markdown("/close") == r"\/close"


@pytest.mark.parametrize("text", ["@x", "#1", "!1", "`x`", "https://x"])
def test_a_title_has_nothing_left_that_a_tracker_acts_on(text: str) -> None:
    assert text not in quiet(text)
    assert quiet("S3: 50% of a/b, x@ y - 3 & 4") == "S3: 50% of a/b, x@ y - 3 & 4"

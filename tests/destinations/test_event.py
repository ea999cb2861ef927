"""Events as one JSON object, which several kinds send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.destinations import Context
from gateway.destinations._event import LEAST_BYTES, EventFormat, event, fitted_event
from gateway.destinations._http import as_json
from gateway.domain.alert import Alert, Resource

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
AlertOf = Callable[..., Alert]
Known = Callable[..., bytes]

every_form = pytest.mark.parametrize("form", get_args(EventFormat))


def context(*, shrink: bool = False, before: bytes | None = None) -> Context:
    return Context("dlv-1", "soc", b"", NOW, shrink=shrink, before=before)


def size(made: Any) -> int:
    return len(as_json(made))


def left_out(form: EventFormat, made: Any) -> Any:
    places = {"alert": made, "ocsf": made.get("unmapped"), "ecs": made.get("sophos", {}).get("optix")}
    return places[form].get("left_out")


@every_form
def test_what_fits_exactly_is_whole_and_one_byte_less_takes_resources(alert_of: AlertOf, form: EventFormat) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{n:05}", "OPEN") for n in range(3000)))
    whole = event(alert, context(), form)
    limit = size(whole)
    assert fitted_event(alert, context(), form, limit) == whole
    less = fitted_event(alert, context(), form, limit - 1)
    assert LEAST_BYTES < size(less) < limit
    counts = left_out(form, less)
    missing = next(count for path, count in counts.items() if path.endswith("resources"))
    came = sum(count for path, count in counts.items() if path.endswith("change.came"))
    assert as_json(less).count(b'"bucket-') == (3000 - missing) + (500 - came)


@every_form
def test_open_resources_stay_longest(alert_of: AlertOf, form: EventFormat) -> None:
    muted = tuple(Resource(f"muted-{n:05}", "SUPPRESS") for n in range(3000))
    made = fitted_event(alert_of(resources=(*muted, Resource("the-open-one", "OPEN"))), context(), form, LEAST_BYTES)
    assert b"the-open-one" in as_json(made)


@every_form
def test_unknown_keys_and_details_give_way_first_and_are_counted(alert_of: AlertOf, form: EventFormat) -> None:
    alert = alert_of(extra={"new": "x" * 70_000}, resources=(Resource("b", "OPEN", "why" * 100),))
    made = fitted_event(alert, context(), form, LEAST_BYTES)
    assert left_out(form, made) == {"extra": 1, "resource_details": 1}
    assert b'"b"' in as_json(made)


@every_form
def test_a_refused_event_comes_back_without_resources(alert_of: AlertOf, form: EventFormat) -> None:
    made = fitted_event(alert_of(), context(shrink=True), form, 10**6)
    assert sum(count for path, count in left_out(form, made).items() if path.endswith("resources")) == 1


@every_form
@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "\n", "\x01", "\u202e"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, known: Known, form: EventFormat, sign: str) -> None:
    text = sign * 3000
    alert = alert_of(
        summary=text, environment=text, alert_type=text, provider=text, rule=text, details=text * 20, last_seen=text,
        policy_labels=(text,) * 50, resources=(Resource(text, text, text, {text: text}),) * 60, alert_id=text,
        extra={text: text}, event_type=text, source="s" * 64,
    )  # fmt: skip
    before = known(None, *(f"{n}{text[:400]}" for n in range(2000)))
    assert size(fitted_event(alert, context(before=before), form, LEAST_BYTES)) <= LEAST_BYTES


@every_form
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_is_larger_than_the_limit(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], form: EventFormat, data: st.DataObject
) -> None:
    made = fitted_event(data.draw(alerts), context(before=data.draw(befores)), form, LEAST_BYTES)
    assert size(made) <= LEAST_BYTES


def test_the_alert_as_json_says_which_delivery_it_is_and_what_changed(alert_of: AlertOf, known: Known) -> None:
    made: Any = event(alert_of(), context(before=known(80, "bucket-0")), "alert")
    assert (made["delivery_id"], made["route"], made["test"]) == ("dlv-1", "soc", False)
    assert made["news"] == made["change"]["words"] == "1 new of 1 open, 1 gone"

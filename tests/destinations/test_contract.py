"""What every kind of destination owes, whatever it speaks. A new kind is covered by having a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway import samples
from gateway.destinations import Destination, DestinationSettings, kinds, load
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.approval import SOURCE as APPROVALS
from gateway.domain.digest import Member, digest_of
from gateway.domain.grouping import Grouping
from gateway.domain.message import HttpAnswer, HttpRequest, NoAnswer
from gateway.domain.outcome import OutcomeClass as Class
from tests.destinations.examples import (
    BEFORE,
    FOLLOW_UPS,
    NOW,
    context,
    example_settings,
    example_values,
    few_examples,
    followed_up,
    formatted,
    known,
    read_sample,
)
from tests.destinations.legible import check_golden, json_lines, readable

GOLDEN = Path(__file__).parents[1] / "golden"

every_kind = pytest.mark.parametrize("kind", kinds())
every_kind_that_tells = pytest.mark.parametrize("kind", [kind for kind in kinds() if not load(kind).changes])
odd_bodies = st.sampled_from(
    [
        b"<html>",
        b"[]",
        b"[" * 50_000,
        b'{"id":{}}',
        b'{"id":"\\u0000\\n"}',
        b'{"message":"\\ud800","error":{"message":[]}}',
    ]
)
odd_waits = st.sampled_from(["NaN", "-1", '"x"', "1e999", "null", "true"]).map(
    lambda wait: f'{{"retry_after":{wait}}}'.encode()
)


def check_example(kind: str) -> None:
    destination = load(kind)
    assert example_values(kind)["DESTINATION"] == kind
    assert isinstance(example_settings(kind), destination.settings)


def check_secrets(kind: str) -> None:
    made = example_settings(kind)
    planted = made.secrets()
    shown = repr(made) + str(made) + repr(formatted(kind, samples.DOCUMENTED)) + str(made.model_dump())
    with pytest.raises(ValidationError) as refused:
        type(made).model_validate({**_plain_values(made), "no_such_key": "1"})
    shown += str(refused.value) + repr(refused.value)
    assert [secret for secret in planted if secret in shown] == []


def _plain_values(made: DestinationSettings) -> dict[str, object]:
    values = {name: getattr(made, name) for name in type(made).model_fields}
    return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}


def expected_classes(status: int) -> set[Class]:
    exact = {401: {Class.AUTH}, 403: {Class.AUTH}, 408: {Class.RETRY}, 413: {Class.TOO_LARGE}, 425: {Class.RETRY}}
    exact |= {404: {Class.GONE, Class.REJECTED}, 410: {Class.GONE, Class.REJECTED}}
    exact |= {429: {Class.RATE_LIMITED}, 501: {Class.REJECTED}}
    if status in exact:
        return exact[status]
    if status < 300:
        return {Class.OK, Class.RETRY}
    return {Class.RETRY} if status >= 500 else {Class.REJECTED, Class.OK} if status >= 400 else {Class.REJECTED}


def check_statuses(kind: str) -> None:
    if not isinstance(formatted(kind, samples.DOCUMENTED), HttpRequest):
        return
    destination: Destination[Any] = load(kind)
    made, said = example_settings(kind), context()
    for status in range(200, 600):
        outcome = destination.outcome_of(HttpAnswer(status), NOW, said, made)
        assert outcome.kind in expected_classes(status), f"{status} is read as {outcome.kind}"
        assert outcome.status == status
        assert outcome.reason
    for status in (429, 503):
        answer = HttpAnswer(status, {"retry-after": "17"})
        assert destination.outcome_of(answer, NOW, said, made).hint_s == 17
    assert destination.outcome_of(NoAnswer("connection refused"), NOW, said, made).kind is Class.RETRY


def check_marks(kind: str) -> None:
    marked, unmarked = (readable(formatted(kind, samples.DOCUMENTED, test=test)) for test in (True, False))
    assert marked != unmarked
    assert "TEST" in marked.upper()
    assert "SUPPRESS" in readable(formatted(kind, "suppressed")).upper()


def check_wording(kind: str, alert: Alert, before: bytes | None, reference: str) -> None:
    destination: Destination[Any] = load(kind)
    made = example_settings(kind)
    for shrink in (False, True) if destination.can_shrink else (False,):
        said = context(samples.load(samples.DOCUMENTED), shrink=shrink, before=before, reference=reference)
        first, second = (destination.format(alert, said, made) for _ in range(2))
        assert first == second
        assert readable(first)
        if isinstance(first, HttpRequest) and any("json" in value for _, value in first.headers):
            read = json_lines if ("Content-Type", "application/x-ndjson") in first.headers else json.loads
            read(first.body)


@every_kind
def test_what_is_sent_for_every_sample_stands_in_the_golden_file(kind: str, update_golden: bool) -> None:  # noqa: FBT001
    check_golden(kind, GOLDEN, update=update_golden)


def test_every_golden_file_belongs_to_a_kind() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(kinds())


@every_kind
def test_the_example_is_a_route_file_that_loads(kind: str) -> None:
    check_example(kind)


@every_kind
def test_secrets_of_the_example_do_not_print(kind: str) -> None:
    check_secrets(kind)


@every_kind
def test_each_http_status_means_what_the_delivery_rules_say(kind: str) -> None:
    check_statuses(kind)


@every_kind_that_tells
def test_tests_are_marked_and_a_closed_alert_says_so(kind: str) -> None:
    check_marks(kind)


@every_kind
@few_examples
@given(data=st.data())
def test_no_alert_is_too_odd_to_be_worded_and_wording_is_repeatable(
    kind: str,
    alerts: st.SearchStrategy[Alert],
    befores: st.SearchStrategy[bytes | None],
    data: st.DataObject,
) -> None:
    reference = data.draw(st.sampled_from(["", "7", BEFORE, "spaces/A/messages/B"]) | st.text(max_size=20))
    check_wording(kind, data.draw(alerts), data.draw(befores), reference)


@every_kind_that_tells
def test_a_follow_up_says_what_changed_and_a_new_incident_does_not(kind: str) -> None:
    news = "1 new of 2 open, 1 gone"
    for title, told in FOLLOW_UPS.items():
        said = readable(followed_up(kind, *told))
        assert (news in said) is (title == f"{samples.DOCUMENTED}, told before")
    assert news not in readable(formatted(kind, samples.DOCUMENTED))


@every_kind
def test_a_digest_does_not_pass_off_the_change_of_one_member_as_its_own(kind: str) -> None:
    destination: Destination[Any] = load(kind)
    members = [Member(read_sample(name), name) for name in (samples.DOCUMENTED, "guardduty")]
    digest = digest_of(members, Grouping(("source",)), "optix")
    first, second = (
        destination.format(digest, context(before=before, reference=reference), example_settings(kind))
        for before, reference in ((None, ""), (known(10, "some-other-resource"), BEFORE))
    )
    assert first == second


@every_kind
@few_examples
@given(
    status=st.sampled_from([200, 204, 400, 404, 429, 500]),
    body=st.one_of(st.binary(max_size=60), odd_bodies, odd_waits),
)
def test_no_answer_is_too_odd_to_be_read(kind: str, status: int, body: bytes) -> None:
    destination: Destination[Any] = load(kind)
    if isinstance(formatted(kind, samples.DOCUMENTED), HttpRequest):
        outcome = destination.outcome_of(HttpAnswer(status, {}, body), NOW, context(), example_settings(kind))
        assert outcome.hint_s is None or 0 <= outcome.hint_s < float("inf")
        assert (outcome.reason + outcome.reference).isprintable()


@every_kind
def test_a_kind_that_can_shrink_says_less_when_asked_to(kind: str) -> None:
    destination: Destination[Any] = load(kind)
    if destination.can_shrink:
        full, small = (formatted(kind, "iac-many-branches", shrink=shrink) for shrink in (False, True))
        assert len(readable(small)) < len(readable(full)) / 2


@every_kind_that_tells
def test_a_request_for_approval_is_not_said_to_lead_to_the_vendor(kind: str) -> None:
    """Its link is where somebody decides."""
    body = json.loads(samples.load(samples.DOCUMENTED))
    body["payloadData"]["decideAt"] = "https://ops.example.com/approval?delivery=d-1.fix"
    alert = optix.parse(APPROVALS, json.dumps(body).encode())
    assert isinstance(alert, Alert)
    message = load(kind).format(alert, context(json.dumps(body).encode()), example_settings(kind))
    said = readable(message)
    assert "Open in Cloud Optix" not in said
    assert "optix.sophos.com" not in said

"""What every kind of destination owes, whatever it speaks. A new kind is covered by having a file."""

from __future__ import annotations

import email
import email.policy
import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway import samples
from gateway.destinations import Context, Destination, DestinationSettings, kinds, load
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.approval import SOURCE as APPROVALS
from gateway.domain.digest import Member, digest_of
from gateway.domain.grouping import Grouping
from gateway.domain.message import (
    HttpAnswer,
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    NoAnswer,
    Notification,
    Publication,
    SyslogRecord,
)
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.snapshot import OPEN, Snapshot, encode
from gateway.settings.guards import GUARD_KEYS
from gateway.settings.telling import TELLING_KEYS

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
FILTER_KEYS = frozenset(
    {"SOURCES", "ENVIRONMENTS", "ALERT_TYPES", "SEVERITIES", "MIN_SEVERITY", "PROVIDERS", "RULES", "POLICY_LABELS"}
    | {"STATES", "RESOURCES", "EVENT_TYPES"}
)
POLICY_KEYS = frozenset({"ENABLED", "RETRY_SCHEDULE", "RETRY_FOR", "TIMEOUT", "CONCURRENCY", "RATE_LIMIT"})
ROUTE_KEYS = (
    FILTER_KEYS | {f"NOT_{key}" for key in FILTER_KEYS} | POLICY_KEYS | {*TELLING_KEYS, *GUARD_KEYS, "DESTINATION"}
)

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
few_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def example_values(kind: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=StringIO(load(kind).example), interpolate=False))


def example_settings(kind: str) -> DestinationSettings:
    own = {key.lower(): value for key, value in example_values(kind).items() if key not in ROUTE_KEYS}
    model: type[DestinationSettings] = load(kind).settings
    return model.model_validate(own)


def context(
    body: bytes = b"{}", *, test: bool = False, shrink: bool = False, before: bytes | None = None, reference: str = ""
) -> Context:
    return Context(
        "dlv-0123456789abcdef", "soc", body, NOW, shrink=shrink, test=test, before=before, reference=reference
    )


def read_sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def formatted(kind: str, name: str, *, test: bool = False, shrink: bool = False) -> Message:
    destination: Destination[Any] = load(kind)
    said = context(samples.load(name), test=test, shrink=shrink)
    message: Message = destination.format(read_sample(name), said, example_settings(kind))
    return message


def known(score: int, *names: str) -> bytes:
    """A state that the receiver was told before."""
    return encode(Snapshot(score, tuple((name, OPEN) for name in names)))


FOLLOW_UPS = {
    f"{samples.DOCUMENTED}, told before": (samples.DOCUMENTED, known(70, "demo-bucket-0", "demo-bucket-1")),
    f"{samples.DOCUMENTED}, told before, nothing changed": (samples.DOCUMENTED, b""),
    "suppressed, told before": ("suppressed", known(80, "demo-bucket-1", "demo-bucket-2")),
}
"""Name in the golden file -> the sample, and what the receiver was told of it before."""
BEFORE = "<dlv-first@example.com>"


def followed_up(kind: str, name: str, before: bytes) -> Message:
    destination: Destination[Any] = load(kind)
    said = context(samples.load(name), before=before, reference=BEFORE)
    message: Message = destination.format(read_sample(name), said, example_settings(kind))
    return message


def as_golden(value: object) -> object:
    """A message as JSON that a person can read in a diff: bytes as parsed JSON or as lines, secrets as they are."""
    if isinstance(value, Mail):
        envelope = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "content"}
        return {name: as_golden(part) for name, part in envelope.items()} | {"content": mail_as_golden(value.content)}
    if is_dataclass(value):
        made = {field.name: as_golden(getattr(value, field.name)) for field in fields(value)}
        return made | {"body": as_form(value)} if isinstance(value, HttpRequest) and as_form(value) else made
    if isinstance(value, bytes):
        for read in (messages_of, json.loads, json_lines):
            with suppress(ValueError):
                return read(value)
        return value.decode("utf-8", "backslashreplace").splitlines()
    return list(value) if isinstance(value, tuple) else value


def messages_of(body: bytes) -> object:
    """Of Pub/Sub, where what is said is base64. ValueError for anything else."""
    made = json.loads(body)
    if not isinstance(made, dict) or set(made) != {"messages"}:
        raise ValueError
    return {"messages": [message | {"data": json.loads(b64decode(message["data"]))} for message in made["messages"]]}


def json_lines(body: bytes) -> list[object]:
    return [json.loads(line) for line in body.splitlines()]


def as_form(message: HttpRequest) -> dict[str, str]:
    """The fields of a form; none where the body is something else."""
    is_form = ("Content-Type", "application/x-www-form-urlencoded") in message.headers
    return dict(parse_qsl(message.body.decode(), strict_parsing=True)) if is_form else {}


def mail_as_golden(content: bytes) -> object:
    """Headers and texts without their encoding and folding, which differ from one Python to the next."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    texts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    headers = {name: str(value) for name, value in mail.items() if name != "Content-Type"}
    return headers | {part.get_content_type(): part.get_content().splitlines() for part in texts}


def check_golden(kind: str, folder: Path, *, update: bool) -> None:
    sent = {name: as_golden(formatted(kind, name)) for name in samples.names()}
    sent |= {title: as_golden(followed_up(kind, *told)) for title, told in FOLLOW_UPS.items()}
    now = json.dumps(sent, indent=1, ensure_ascii=False) + "\n"
    path = folder / f"{kind}.json"
    if update:
        path.write_text(now, "utf-8")
    if not path.exists():
        pytest.fail(f"{path.name} is missing: run pytest tests/destinations --update-golden and read what it holds")
    before = path.read_text("utf-8")
    if before != now:
        lines = unified_diff(before.splitlines(), now.splitlines(), "golden", "sent now", n=2, lineterm="")
        pytest.fail("\n".join(list(lines)[:80]), pytrace=False)


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


def readable(message: Message) -> str:
    """Everything in a message that a person or a program at the other end can see, as one text."""
    match message:
        case HttpRequest():
            return f"{message.headers} {as_form(message) or opened(message.body)}"
        case HttpRequests():
            return " ".join(map(readable, message.requests))
        case SyslogRecord() | Line():
            return message.data.decode("utf-8")
        case Publication():
            return f"{message.headers} {message.body.decode('utf-8')}"
        case Notification():
            return f"{message.title} {' '.join(message.bodies)}"
        case Mail():
            mail = email.message_from_bytes(message.content, policy=email.policy.default)
            parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
            return f"{mail['subject']} {' '.join(parts)}"


def opened(body: bytes) -> str:
    with suppress(ValueError):
        return json.dumps(messages_of(body), ensure_ascii=False)
    return body.decode("utf-8")


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

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import samples
from gateway.domain import ecs, optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.change import compare
from gateway.domain.severity import Severity
from gateway.domain.snapshot import snapshot_of

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def made(alert: Alert, **said: Any) -> dict[str, Any]:
    change = compare(None, snapshot_of(alert))
    return ecs.event(alert, delivery_id="dlv-1", sent_at=NOW, change=change, **said)


def sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def paths(value: object, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in paths(inner, f"{path}.{key}")}
    if isinstance(value, list):
        return {found for inner in value for found in paths(inner, path)}
    return {f"{path}: {type(value).__name__}"} if value is not None else set()


def test_no_field_has_two_types_over_all_samples() -> None:
    found = {path for name in samples.names() for path in paths(made(sample(name)))}
    names = [path.partition(":")[0] for path in found]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_what_the_sender_may_shape_is_one_text() -> None:
    resource = Resource("b", "OPEN", {"a": [1]}, {"cve": "x"})
    alert = Alert("s", "ALERT", "e", "A-1", "k", Severity.HIGH, resources=(resource,), extra={"new": {"a": 1}})
    own = made(alert)["sophos"]["optix"]
    assert own["extra"] == '{"new":{"a":1}}'
    assert own["resources"] == [{"info": "b", "state": "OPEN", "details": '{"a":[1]}', "extra": '{"cve":"x"}'}]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("policy-s3-public-read", "configuration"),
        ("guardduty", "intrusion_detection"),
        ("serverless-storage-protection", "malware"),
    ],
)
def test_the_category_follows_the_type_of_the_alert(name: str, category: str) -> None:
    assert made(sample(name))["event"]["category"] == [category]


def test_the_time_is_when_it_was_seen_and_else_when_it_was_sent() -> None:
    assert made(sample("guardduty"))["@timestamp"] == "2026-03-14T23:02:07.000Z"
    alert = Alert("s", "ALERT", "e", "A-1", "k", Severity.HIGH, last_seen="2026-13-01")
    assert made(alert)["@timestamp"] == "2026-05-04T03:02:01.000Z"
    assert made(alert)["sophos"]["optix"]["last_seen"] == "2026-13-01"


def test_a_text_that_may_read_as_a_date_is_not_sent_beside_the_moment_itself() -> None:
    assert made(sample("unknown-values"))["sophos"]["optix"]["last_seen"] is None


def test_a_test_says_so() -> None:
    said = made(sample("guardduty"), test=True)
    assert said["message"].startswith("[TEST]")
    assert "test" in said["tags"]

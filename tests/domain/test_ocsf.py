"""OCSF findings are read back with the models of the package py-ocsf-models, which know OCSF 1.5."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding  # type: ignore[import-untyped]  # no types
from py_ocsf_models.events.findings.detection_finding import DetectionFinding  # type: ignore[import-untyped]  # no types
from py_ocsf_models.objects.cloud import Cloud  # type: ignore[import-untyped]  # no types
from pydantic import BaseModel

from gateway import samples
from gateway.domain import ocsf, optix
from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.change import compare
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import OPEN, Snapshot, snapshot_of

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def an_alert(**fields: Any) -> Alert:
    ordinary: dict[str, Any] = {
        "source": "optix",
        "event_type": "ALERT",
        "environment": "444123456789",
        "alert_id": "A-1",
        "key": "optix-0",
        "severity": severity_of(80),
        "score": 80,
        "alert_type": "Policy",
        "resources": (Resource("bucket-1", "OPEN"),),
    }
    return Alert(**(ordinary | fields))


def made(alert: Alert, before: Snapshot | None = None, *, test: bool = False) -> dict[str, JSON]:
    change = compare(before, snapshot_of(alert))
    return ocsf.finding(alert, delivery_id="dlv-1", sent_at=NOW, change=change, test=test)


def strange(said: object, model: object, path: str = "") -> list[str]:
    """Keys that the model does not have: it would take no notice of them."""
    if isinstance(said, list) and isinstance(model, list):
        return [key for a, b in zip(said, model, strict=True) for key in strange(a, b, path)]
    if not isinstance(said, dict) or not isinstance(model, BaseModel):
        return []
    fields = type(model).model_fields
    return [
        *(f"{path}{key}" for key in said if key not in fields),
        *(odd for key in said if key in fields for odd in strange(said[key], getattr(model, key), f"{path}{key}.")),
    ]


@pytest.mark.parametrize("name", samples.names())
def test_every_sample_is_a_finding_that_the_schema_knows(name: str) -> None:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    said = made(alert)
    read: BaseModel
    if said["class_uid"] == 2003:
        read = ComplianceFinding.model_validate(said)
        # Of the profile `cloud`, which this model has for the other class only.
        assert strange(said, read) == ["cloud"]
    else:
        read = DetectionFinding.model_validate(said)
        assert strange(said, read) == []
    assert strange(said["cloud"], Cloud.model_validate(said["cloud"])) == []


@pytest.mark.parametrize(
    ("alert_type", "class_uid"),
    [("Policy", 2003), ("IaC", 2003), ("odd", 2003), ("Anomaly", 2004), ("GuardDuty", 2004), ("S3 Malware", 2004)],
)
def test_the_class_follows_the_type_of_the_alert(alert_type: str, class_uid: int) -> None:
    said = made(an_alert(alert_type=alert_type))
    assert (said["class_uid"], said["type_uid"]) == (class_uid, class_uid * 100 + 1)
    assert ("compliance" in said, "risk_score" in said) == (class_uid == 2003, class_uid == 2004)


@pytest.mark.parametrize(
    ("before", "state", "activity", "status"),
    [
        (None, "OPEN", 1, 1),
        (Snapshot(70, (("bucket-1", OPEN),)), "OPEN", 2, 1),
        (Snapshot(80, (("bucket-1", OPEN),)), "SUPPRESS", 3, 3),
        (None, "SUPPRESS", 3, 3),
    ],
)
def test_a_finding_is_created_updated_and_closed(
    before: Snapshot | None, state: str, activity: int, status: int
) -> None:
    said = made(an_alert(resources=(Resource("bucket-1", state),)), before)
    assert (said["activity_id"], said["status_id"]) == (activity, status)
    assert said["type_uid"] == 200300 + activity


@pytest.mark.parametrize(("score", "severity_id"), [(49, 2), (50, 3), (79, 3), (80, 4), (89, 4), (90, 5), (None, 0)])
def test_the_severity_follows_the_band(score: int | None, severity_id: int) -> None:
    assert made(an_alert(score=score, severity=severity_of(score)))["severity_id"] == severity_id


def test_a_repeat_has_the_same_ids_and_the_time_is_when_it_was_seen() -> None:
    said = made(an_alert(seen_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert said["time"] == 1767225600000
    assert said["metadata"]["uid"] == "dlv-1"  # type: ignore[index,call-overload]  # an object
    assert said["finding_info"]["uid"] == "optix-0"  # type: ignore[index,call-overload]  # an object
    assert made(an_alert())["time"] == int(NOW.timestamp() * 1000)


def test_a_test_says_so() -> None:
    said = made(an_alert(summary="A bucket"), test=True)
    assert said["finding_info"]["title"] == "[TEST] A bucket"  # type: ignore[index,call-overload]  # an object
    assert str(said["message"]).startswith("[TEST]")


def test_a_digest_reads_as_a_new_finding() -> None:
    assert ocsf.finding(an_alert(), delivery_id="d", sent_at=NOW)["activity_id"] == 1

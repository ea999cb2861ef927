from __future__ import annotations

import pytest

from gateway.domain.alert import Alert
from gateway.domain.finding_kind import FindingKind, finding_kind
from gateway.domain.severity import Severity


@pytest.mark.parametrize(
    ("alert_type", "kind"),
    [
        ("Policy", FindingKind.COMPLIANCE),
        ("IaC", FindingKind.COMPLIANCE),
        ("Dev", FindingKind.COMPLIANCE),
        ("Container Image", FindingKind.COMPLIANCE),
        ("", FindingKind.COMPLIANCE),
        ("Anomaly", FindingKind.DETECTION),
        ("Guard Duty", FindingKind.DETECTION),
        ("spend", FindingKind.DETECTION),
        ("S3 Malware", FindingKind.MALWARE),
        ("Serverless Storage Protection", FindingKind.MALWARE),
    ],
)
def test_what_happens_is_told_from_how_something_is_set_up(alert_type: str, kind: FindingKind) -> None:
    alert = Alert("optix", "ALERT", "1", "A-1", "optix-0", Severity.HIGH, alert_type=alert_type)
    assert finding_kind(alert) is kind

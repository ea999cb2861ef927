"""What an alert is to schemas that tell a broken rule from something that happens."""

from __future__ import annotations

from enum import Enum

from gateway.domain.alert import Alert
from gateway.domain.pattern import fold_type


class FindingKind(Enum):
    """`COMPLIANCE`: a resource is not as a policy wants it; also every type that we do not know. `DETECTION`: something
    unusual goes on. `MALWARE`: a detection of that.
    """

    COMPLIANCE = "compliance"
    DETECTION = "detection"
    MALWARE = "malware"


_KINDS = {
    "anomaly": FindingKind.DETECTION,
    "guardduty": FindingKind.DETECTION,
    "spend": FindingKind.DETECTION,
    "s3malware": FindingKind.MALWARE,
    "serverlessstorageprotection": FindingKind.MALWARE,
}


def finding_kind(alert: Alert) -> FindingKind:
    return _KINDS.get(fold_type(alert.alert_type), FindingKind.COMPLIANCE)

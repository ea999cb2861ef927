"""Alerts in any state, for tests that compare states."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.domain.alert import Alert, Resource
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import Snapshot, snapshot_of


def alert(score: float | None = 80, *resources: tuple[str, str]) -> Alert:
    return Alert(
        source="optix",
        event_type="ALERT",
        environment="444",
        alert_id="A-1",
        key="optix-0",
        severity=severity_of(score),
        score=score,
        resources=tuple(Resource(info, state) for info, state in resources),
    )


def snapshot(score: float | None = 80, /, **states: str) -> Snapshot:
    return snapshot_of(alert(score, *states.items()))


scores = st.none() | st.integers(0, 100) | st.sampled_from([0.0, 79.5, 80.0, 100.0])
resources = st.tuples(
    st.sampled_from(["a", "b", "c", "", "a\n"]) | st.text(max_size=3),
    st.sampled_from(["OPEN", "open", "SUPPRESS", "Suppressed", "RESOLVED", "FOO", "foo", ""]) | st.text(max_size=2),
)
alerts = st.builds(lambda score, listed: alert(score, *listed), scores, st.lists(resources, max_size=6))
snapshots = alerts.map(snapshot_of)

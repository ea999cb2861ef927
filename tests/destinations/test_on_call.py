"""What holds of every receiver that keeps an incident open until it is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.destinations import load
from gateway.settings.configuration import read_configuration
from gateway.settings.mistakes import ConfigurationMistakes

KINDS = (
    "pagerduty", "opsgenie", "jsm", "splunk-oncall", "incidentio", "grafana-oncall", "alertmanager", "alerta", "keep",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_alerts_are_told_one_by_one_so_that_each_can_be_closed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "shown.env").write_text(f"{load(kind).example}GROUP_BY=rule\n")
    with pytest.raises(ConfigurationMistakes, match=r"GROUP_BY.*an incident there is closed with its alert"):
        read_configuration({"GATEWAY_ROUTES_DIR": str(tmp_path)}, need_sources=False)


@pytest.mark.parametrize("kind", KINDS)
def test_of_what_waits_the_latest_state_is_enough(kind: str) -> None:
    assert load(kind).backlog == "latest"
    assert load(kind).can_shrink

"""Jira Service Management (its operations, where Opsgenie went), through the key of an API integration; see `_genie`.

There is one host for all regions.
"""

from __future__ import annotations

from pydantic import Field

from gateway.destinations import Destination
from gateway.destinations._genie import CONCURRENCY, LIMITS, PACE, GenieSettings, format_message, read
from gateway.destinations._sign_in import BaseUrl


class JsmSettings(GenieSettings):
    url: BaseUrl = Field(
        "https://api.atlassian.com/jsm/ops/integration", description="the service, the same in all regions"
    )


DESTINATION = Destination(
    summary="Jira Service Management operations: one alert there for each, closed when it is suppressed",
    settings=JsmSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=PACE,
    concurrency=CONCURRENCY,
    can_shrink=True,
    limits=LIMITS,
    example="""\
# Jira Service Management: Teams > a team > Operations > Integrations > Add integration > API
DESTINATION=jsm
URL=https://api.atlassian.com/jsm/ops/integration
API_KEY=00000000-example-0000-key0-notreal00000
MIN_SEVERITY=high
""",
)

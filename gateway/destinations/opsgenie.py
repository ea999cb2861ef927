"""Opsgenie, through the key of an API integration; see `_genie`.

Opsgenie ends on 2027-04-05 (so other clients' pages say; docs.opsgenie.com announces the end of support): the same
requests then go to Jira Service Management, which is the kind `jsm`.
"""

from __future__ import annotations

from pydantic import Field

from gateway.destinations import Destination
from gateway.destinations._genie import CONCURRENCY, LIMITS, PACE, GenieSettings, format_message, read
from gateway.destinations._sign_in import BaseUrl


class OpsgenieSettings(GenieSettings):
    url: BaseUrl = Field(
        "https://api.opsgenie.com", description="the service; https://api.eu.opsgenie.com for an account in the EU"
    )


DESTINATION = Destination(
    summary="Opsgenie: one Opsgenie alert for each, closed when it is suppressed",
    settings=OpsgenieSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=PACE,
    concurrency=CONCURRENCY,
    can_shrink=True,
    limits=LIMITS,
    example="""\
# An Opsgenie team: Integrations > Add integration > API; that key, not one of API key management
DESTINATION=opsgenie
URL=https://api.opsgenie.com
API_KEY=00000000-example-0000-key0-notreal00000
MIN_SEVERITY=high
""",
)

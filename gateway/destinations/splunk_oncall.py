"""Splunk On-Call (VictorOps), through its generic REST endpoint: an alert opens and recovers one incident.

Sources: https://help.splunk.com/en/splunk-observability-cloud/splunk-on-call/integrations-with-splunk-on-call (REST
endpoint: fields, the routing key at the end of the URL, annotations as `vo_annotate.u.<title>`),
https://help.splunk.com/en/splunk-observability-cloud/splunk-on-call/alerts/incident-fields-glossary (what each
message_type does: INFO opens no incident, WARNING only where the account says so),
https://github.com/prometheus/alertmanager (notify/victorops/victorops.go: state_message at most 20 480 characters).
Not verified: the figure of the rate limit (429 is documented without), the answer of a failure that comes with 200, and
the annotations' limit of 1124 characters, which is from another client.

Texts are shown as plain text. Characters are counted as UTF-16 units.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.destinations import Context, Destination, SecretAddress
from gateway.destinations._http import HookUrl, explained, json_object, post_json, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import report
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut
from gateway.domain.wording import title

_NAME, _MESSAGE, _URL = 500, 20_000, 1124
_TYPES = {
    Severity.CRITICAL: "CRITICAL",
    Severity.HIGH: "CRITICAL",
    Severity.MEDIUM: "WARNING",
    Severity.LOW: "INFO",
    Severity.UNKNOWN: "WARNING",
}


def _with_routing_key(url: SecretAddress) -> SecretAddress:
    if "$" in url.get_secret_value():
        raise ValueError("must end with a routing key of yours in place of $routing_key")
    return url


class SplunkOnCallSettings(ClosesEach):
    url: Annotated[HookUrl, AfterValidator(_with_routing_key)] = Field(
        description="the REST endpoint's URL, with your routing key in place of $routing_key"
    )


def format_message(alert: Alert, context: Context, settings: SplunkOnCallSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "message_type": level(alert, _TYPES, closed="RECOVERY"),
        "entity_id": alert.key,
        "entity_display_name": cut(title(alert, test=context.test), _NAME),
        "state_message": report(alert, context, _MESSAGE),
        "monitoring_tool": "Sophos Cloud Optix",
    }
    if alert.seen_at:
        payload["state_start_time"] = int(alert.seen_at.timestamp())
    if len(link := console_url(alert)) <= _URL:
        payload["vo_annotate.u.Cloud Optix"] = link
    return post_json(settings.url.get_secret_value(), payload)


def read(answer: Answer, now: datetime) -> Outcome:
    """200 is success only with `"result":"success"` in it."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if said.get("result") == "success":
            return replace(outcome, reference=text_of(said.get("entity_id")))
        if said.get("result") != "failure":
            return unproven(outcome, "the answer is not Splunk On-Call's success")
        outcome = replace(outcome, kind=OutcomeClass.REJECTED, reason=f"{outcome.reason}, but the result is failure")
    return explained(outcome, said.get("message"), said.get("messages"))


DESTINATION = Destination(
    summary="Splunk On-Call (VictorOps), through its REST endpoint: one incident for each, recovered when suppressed",
    settings=SplunkOnCallSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=10),
    concurrency=4,
    can_shrink=True,
    limits={
        "name": "500 characters",
        "message": "20 000 characters (Splunk On-Call takes 20 480); resources fill what the rest leaves, then +N more",
    },
    example="""\
# Splunk On-Call: Integrations > 3rd Party Integrations > REST - Generic; a routing key of yours at the end
DESTINATION=splunk-oncall
URL=https://alert.victorops.com/integrations/generic/20131114/alert/example-key-not-real/cloud-security
MIN_SEVERITY=high
""",
)

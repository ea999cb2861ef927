"""New Relic logs, through the Log API.

Sources: https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/ (hosts for US, EU and FedRAMP, `Api-Key`,
1 000 000 bytes a request, 202; 429 with Retry-After; arrays are not stored),
https://docs.newrelic.com/docs/logs/log-api/log-event-data/ (255 attributes; 4094 characters of a value can be searched;
`accountId`, `eventType` and `entity.*` are reserved; a timestamp more than 48 hours old may be dropped).

202 comes before the log is checked: what fails then stands in `NrIntegrationError`. There is no key that makes a repeat
the same: `optix.delivery` tells them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.destinations import Context, Destination
from gateway.destinations._fields import fields_of
from gateway.destinations._http import Token, base_url, explained, json_object, post_json, text_of, unproven
from gateway.destinations._report import PLAIN, report
from gateway.destinations._sign_in import Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.text import cut, utf16_units
from gateway.domain.wording import title

_TITLE, _VALUE, _MESSAGE = 1000, 4094, 30_000
_ACCEPTED = 202
# Theirs are 48 hours; what waits in a queue there must not fall over them.
_OLDEST = timedelta(hours=47)


class NewRelicSettings(Server):
    url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://log-api.newrelic.com", description="https://log-api.eu.newrelic.com for an account in the EU"
    )
    license_key: Token = Field(description="a license key (INGEST - LICENSE)")
    service: str = Field("optix-gateway", min_length=1, max_length=255, description="service.name of every log")


def format_message(alert: Alert, context: Context, settings: NewRelicSettings) -> HttpRequest:
    own = fields_of(alert, context, _VALUE, utf16_units)
    attributes: dict[str, JSON] = {f"optix.{name}": value for name, value in own.items()}
    head = cut(title(alert, test=context.test), _TITLE)
    log: dict[str, JSON] = {
        "message": f"{head}\n{report(alert, context, _MESSAGE, manner=PLAIN)}",
        "attributes": {"level": alert.severity.value, **attributes},
    }
    if alert.seen_at and timedelta() <= context.sent_at - alert.seen_at <= _OLDEST:
        log["timestamp"] = int(alert.seen_at.timestamp() * 1000)
    common: JSON = {"attributes": {"logtype": "sophos.optix", "service.name": settings.service}}
    headers = (("Api-Key", settings.license_key.get_secret_value()),)
    return post_json(f"{settings.url}/log/v1", [{"common": common, "logs": [log]}], headers, settings.tls)


def read(answer: Answer, now: datetime) -> Outcome:
    """202 with the id of the request is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if answer.status != _ACCEPTED:
            return unproven(outcome, "New Relic accepts with 202")
        return replace(outcome, reference=text_of(said.get("requestId")))
    return explained(outcome, said.get("message"))


DESTINATION = Destination(
    summary="New Relic: a log for each alert",
    settings=NewRelicSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "message": "31 000 characters; resources fill what is left, then +N more",
        "attributes": "optix.…, each 4094 characters",
        "age": "what was seen more than 47 hours ago has the time of arrival",
    },
    example="""\
# New Relic: API keys > INGEST - LICENSE
DESTINATION=newrelic
URL=https://log-api.eu.newrelic.com
LICENSE_KEY=eu01xxexamplelicensekeynotarealoneNRAL
""",
)

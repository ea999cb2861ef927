"""Datadog: a log for each alert, or an event in the event stream.

Sources: https://docs.datadoghq.com/api/latest/logs/#send-logs (202; 1000 items, 5 MB, and an item over 1 MB is cut and
still answered with 2xx; nothing older than 18 hours; 408, 413, 429, 5xx), https://docs.datadoghq.com/logs/log_collection
(reserved attributes: `ddsource`, `ddtags`, `hostname`, `service`, `status`, `message`, `timestamp`),
https://docs.datadoghq.com/api/latest/events/post-an-event/ (v1: text 4000 characters, `aggregation_key` 100, nothing
older than 18 hours, `%%%` begins Markdown), https://docs.datadoghq.com/api/latest/rate-limits/ (`X-RateLimit-Reset`:
seconds until the next window).

No length of a title is on the page of v1: the 500 characters of v2 are kept. Logs know no key that makes a repeat the
same: `delivery_id` tells them. Events of one incident are gathered under its key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import Token, explained, json_object, post_json, seconds_of, text_of, unproven
from gateway.destinations._report import Manner, report
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, one_line
from gateway.domain.wording import first_line, title

_LOG_BYTES, _MESSAGE = 900_000, 8000
_TITLE, _TEXT, _TAG = 500, 4000, 200
_ACCEPTED = 202
# Datadog's bound is 18 hours; what waits in a queue there must not fall over it.
_OLDEST = timedelta(hours=17)
_BREAK = "\u200b"
_STATUSES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.UNKNOWN: "warning",
}
_ALERT_TYPES = _STATUSES | {Severity.CRITICAL: "error"}


class DatadogSettings(Server):
    api_key: Token = Field(description="an API key of the organization")
    site: str = Field(
        "datadoghq.com",
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        max_length=100,
        description="as in datadoghq.com, datadoghq.eu, us5.datadoghq.com",
    )
    url: BaseUrl | None = Field(None, description="where to send instead of to SITE, as to a proxy of your own")
    send: Literal["logs", "events"] = Field("logs", description="logs, or events of the event stream")
    service: str = Field("optix-gateway", min_length=1, max_length=100, description="the service of every log")
    tags: str = Field("", max_length=1000, pattern=r"^[^\r\n]*$", description="further tags: env:prod,team:cloud")
    format: EventFormat = Field("alert", description=f"the attributes of a log: {FORMATS}")

    @property
    def base(self) -> str:
        return self.url or f"https://{'api' if self.send == 'events' else 'http-intake.logs'}.{self.site}"


def format_message(alert: Alert, context: Context, settings: DatadogSettings) -> HttpRequest:
    headers = (("DD-API-KEY", settings.api_key.get_secret_value()),)
    if settings.send == "events":
        return post_json(f"{settings.base}/api/v1/events", _event(alert, context, settings), headers, settings.tls)
    return post_json(f"{settings.base}/api/v2/logs", [_log(alert, context, settings)], headers, settings.tls)


def _log(alert: Alert, context: Context, settings: DatadogSettings) -> dict[str, JSON]:
    """The attributes stand under the name of their format: `@alert.severity`, `@ocsf.severity_id`, `@ecs.rule.id`."""
    found: dict[str, JSON] = {
        "ddsource": "sophos-optix",
        "ddtags": ",".join(_tags(alert, settings)),
        "hostname": "optix-gateway",
        "service": settings.service,
        "status": level(alert, _STATUSES, closed="info"),
        "message": cut(first_line(alert, test=context.test, news=follow_up(alert, context).news), _MESSAGE),
        settings.format: fitted_event(alert, context, settings.format, _LOG_BYTES),
    }
    if seen := _recent(alert, context):
        found["timestamp"] = int(seen.timestamp() * 1000)
    return found


def _event(alert: Alert, context: Context, settings: DatadogSettings) -> dict[str, JSON]:
    """Plain text: only what begins with `%%%` is Markdown. An @ would notify whom it names."""
    follows = follow_up(alert, context)
    found: dict[str, JSON] = {
        "title": fit(title(alert, test=context.test), _TITLE, _quiet),
        "text": report(alert, context, _TEXT, manner=Manner(_quiet, "")),
        "alert_type": "info" if follows.is_relief else level(alert, _ALERT_TYPES, closed="success"),
        "aggregation_key": alert.key,
        "priority": "low" if alert.is_closed or follows.is_relief else "normal",
        "source_type_name": "sophos-optix",
        "tags": list(_tags(alert, settings)),
    }
    if seen := _recent(alert, context):
        found["date_happened"] = int(seen.timestamp())
    return found


def _tags(alert: Alert, settings: DatadogSettings) -> tuple[str, ...]:
    """A comma would begin another tag."""
    named = (
        ("source", alert.source),
        ("severity", alert.severity.value),
        ("alert_type", alert.alert_type),
        ("provider", alert.provider),
        ("rule", alert.rule),
    )
    told = (f"{name}:{cut(one_line(text).replace(',', ' '), _TAG)}" for name, text in named if one_line(text))
    return (*told, *(tag.strip() for tag in settings.tags.split(",") if tag.strip()))


def _quiet(text: str) -> str:
    return text.replace("@", f"@{_BREAK}")


def _recent(alert: Alert, context: Context) -> datetime | None:
    """When it was seen; None where Datadog would drop it for its age, or where that lies ahead."""
    if alert.seen_at is None or not timedelta() <= context.sent_at - alert.seen_at <= _OLDEST:
        return None
    return alert.seen_at


def read(answer: Answer, now: datetime) -> Outcome:
    """202, and nothing else, is success. The wait after a 429 stands in a header of Datadog's own."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        event = said.get("event")
        if answer.status != _ACCEPTED:
            return unproven(outcome, "Datadog accepts with 202")
        return replace(outcome, reference=text_of(event.get("id")) if isinstance(event, dict) else "")
    if outcome.kind is OutcomeClass.RATE_LIMITED and outcome.hint_s is None:
        outcome = replace(outcome, hint_s=seconds_of(answer.headers.get("x-ratelimit-reset")))
    return explained(outcome, *_why(said.get("errors")))


def _why(errors: object) -> tuple[object, ...]:
    """Texts in v1, objects with title and detail in v2."""
    listed = errors[:3] if isinstance(errors, list) else []
    return tuple(
        part for one in listed for part in ((one.get("title"), one.get("detail")) if isinstance(one, dict) else (one,))
    )


DESTINATION = Destination(
    summary="Datadog: a log for each alert, or an event in the event stream",
    settings=DatadogSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "log": "900 000 bytes of attributes; beyond that resources give way, with left_out as a true count",
        "event": "title 500 characters, text 4000",
        "age": "what was seen more than 17 hours ago has the time of sending",
    },
    example="""\
# Datadog: Organization Settings > API Keys
DESTINATION=datadog
API_KEY=00000000exampledatadogkey0000000
URL=https://http-intake.logs.datadoghq.eu
TAGS=env:prod
""",
)

"""Grafana annotations: a mark in time on the dashboards that ask for its tags.

Sources: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/ (`time` in
milliseconds, `text`, `tags`, `dashboardUID`, `panelId`; 200 with `id`; organization annotations without a dashboard),
https://github.com/grafana/grafana/pull/54754 (all tags together 500 characters unless set otherwise),
https://github.com/grafana/grafana/issues/22424 and /98361 (a tag of more than 50, later 100, characters is an error).
No limit of a text is documented: ours is for reading. Texts may be shown as HTML, so that tags are escaped.

Grafana knows no key that makes a repeat the same. What follows in an incident is an annotation of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json, text_of, unproven
from gateway.destinations._report import Manner, report
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.text import cut, one_line
from gateway.domain.wording import title

_TITLE, _TEXT, _URL = 500, 4000, 2000
_TAG, _MOST_TAGS = 50, 4


def _tags(given: object) -> object:
    if not isinstance(given, str):
        return given
    found = tuple(tag.strip() for tag in given.split(",") if tag.strip())
    if len(found) > _MOST_TAGS or any(len(tag) > _TAG for tag in found):
        raise ValueError(f"write at most {_MOST_TAGS} tags of at most {_TAG} characters.")
    return found


class GrafanaSettings(Server):
    url: BaseUrl = Field(description="the server, as in https://grafana.example.com")
    token: Token = Field(description="a service account's token that may create annotations")
    dashboard: str = Field(
        "", pattern=r"^[a-zA-Z0-9_-]*$", max_length=40, description="uid of a dashboard; default: all"
    )
    panel: Annotated[int, Field(ge=1)] | None = Field(None, description="id of a panel; needs DASHBOARD")
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] = Field(
        (), description="further tags, beside optix, the severity, the type and the provider"
    )

    @model_validator(mode="after")
    def _a_panel_is_on_a_dashboard(self) -> Self:
        if self.panel is not None and not self.dashboard:
            raise ValueError("PANEL needs DASHBOARD")
        return self


def format_message(alert: Alert, context: Context, settings: GrafanaSettings) -> HttpRequest:
    head = fit(title(alert, test=context.test), _TITLE, _escaped)
    text = f"{head}\n{report(alert, context, _TEXT, manner=Manner(_escaped, ''))}"
    if len(link := console_url(alert)) <= _URL:
        text += f'\n<a href="{_escaped(link)}">{link_label(alert)}</a>'
    payload: dict[str, JSON] = {
        "time": int((alert.seen_at or context.sent_at).timestamp() * 1000),
        "text": text,
        "tags": list(_tags_of(alert, settings)),
    }
    if settings.dashboard:
        payload["dashboardUID"] = settings.dashboard
    if settings.panel is not None:
        payload["panelId"] = settings.panel
    headers = (("Authorization", f"Bearer {settings.token.get_secret_value()}"),)
    return post_json(f"{settings.url}/api/annotations", payload, headers, settings.tls)


def _tags_of(alert: Alert, settings: GrafanaSettings) -> tuple[str, ...]:
    state = "suppressed" if alert.is_closed else "open"
    own = ("optix", alert.severity.value, state, one_line(alert.alert_type), one_line(alert.provider))
    return tuple(dict.fromkeys(cut(tag, _TAG) for tag in (*own, *settings.tags) if tag))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with the id of the annotation is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is not OutcomeClass.OK:
        return explained(outcome, said.get("message"))
    reference = text_of(said.get("id"))
    return (
        replace(outcome, reference=reference) if reference else unproven(outcome, "Grafana gives the annotation's id")
    )


DESTINATION = Destination(
    summary="Grafana: an annotation for each alert, on all dashboards that ask for its tags or on one",
    settings=GrafanaSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "title": "500 characters",
        "text": "4000 characters; resources fill what is left, then +N more",
        "tags": "9 of 50 characters each",
    },
    example="""\
# Grafana: Administration > Service accounts, with the permission annotations:create
DESTINATION=grafana
URL=https://grafana.example.com
TOKEN=glsa_exampletokennotarealone
TAGS=cloud
""",
)

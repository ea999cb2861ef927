"""Elasticsearch and OpenSearch, through the bulk API with one action.

Sources: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk and
https://docs.opensearch.org/latest/api-reference/document-apis/bulk/ (200 even when an item failed: `errors`, and each
item's `status`; the last line ends too; data streams take `create` only),
https://www.elastic.co/guide/en/elasticsearch/reference/current/docs-index_.html (`_id` at most 512 bytes),
https://www.elastic.co/docs/deploy-manage/api-keys (`Authorization: ApiKey …`).
https://github.com/elastic/elasticsearch/issues/11899 (`http.max_content_length`, 100 MB unless set). Services in front
of a cluster take less (Amazon's smallest instances 10 MiB), so that we stay below that.

The document's `_id` is the delivery's id: a repeat is refused with 409, which is as good as stored. Requests that
Amazon wants signed (SigV4) are not made; sign in by name there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import Token, as_json, explained, json_object, unproven
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, class_of_status, judge, status_line

_DOCUMENT_BYTES = 5_000_000
_ALREADY_THERE = 409
_FORBIDDEN = frozenset('\\/*?"<>|, #:')


def _index(name: str) -> str:
    """https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create"""
    if (
        name != name.lower()
        or name[:1] in ("", "-", "_", "+", ".")
        or _FORBIDDEN & set(name)
        or len(name.encode()) > 255
    ):
        raise ValueError(
            'must be the name of an index or data stream: lower case, without blanks and \\ / * ? " < > | , # :'
        )
    return name


class ElasticsearchSettings(SignIn):
    url: BaseUrl = Field(description="the cluster, as in https://elastic.example.com:9200")
    index: Annotated[str, AfterValidator(_index)] = Field(
        "logs-sophos.optix-default", description="index or data stream; the default is a data stream in Elasticsearch"
    )
    api_key: Token | None = Field(None, description="an API key in its encoded form, sent as Authorization: ApiKey …")
    format: EventFormat = Field("ecs", description=FORMATS)

    def credentials(self) -> tuple[tuple[str, str], ...]:
        if self.api_key is not None:
            return (("Authorization", f"ApiKey {self.api_key.get_secret_value()}"),)
        return super().credentials()

    @model_validator(mode="after")
    def _key_or_name(self) -> Self:
        if self.api_key is not None and (self.token is not None or self.username is not None):
            raise ValueError("API_KEY, or TOKEN, or USERNAME and PASSWORD, not several")
        return self


def format_message(alert: Alert, context: Context, settings: ElasticsearchSettings) -> HttpRequest:
    action: dict[str, JSON] = {"create": {"_index": settings.index, "_id": context.delivery_id}}
    seen = (alert.seen_at or context.sent_at).astimezone(UTC).isoformat(timespec="milliseconds")
    made = {"@timestamp": seen} | fitted_event(alert, context, settings.format, _DOCUMENT_BYTES)
    return HttpRequest(
        f"{settings.url}/_bulk",
        as_json(action) + b"\n" + as_json(made) + b"\n",
        headers=(("Content-Type", "application/x-ndjson"), *settings.credentials()),
        tls=settings.tls,
    )


def read(answer: Answer, now: datetime) -> Outcome:
    """The one item's status is what counts; the request's own only where it failed as a whole."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is not OutcomeClass.OK:
        return explained(outcome, *_why(said.get("error")))
    item = _item(said.get("items"))
    status = item.get("status")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status < 600:
        return unproven(outcome, "it has no result for the document")
    if status == _ALREADY_THERE:
        return replace(outcome, reason="the document is there already")
    judged = replace(outcome, kind=class_of_status(status), status=status, reason=status_line(status))
    return explained(judged, *_why(item.get("error")))


def _item(items: object) -> dict[str, object]:
    """The result of the one action; empty when there is none."""
    first = items[0] if isinstance(items, list) and items else None
    result = first.get("create") if isinstance(first, dict) else None
    return result if isinstance(result, dict) else {}


def _why(error: object) -> tuple[object, ...]:
    """Type and reason, and what caused it; an old or a foreign server says one text."""
    if not isinstance(error, dict):
        return (error,)
    cause = error.get("caused_by")
    return (error.get("type"), error.get("reason"), cause.get("reason") if isinstance(cause, dict) else None)


DESTINATION = Destination(
    summary="Elasticsearch or OpenSearch: one document for each alert, in the Elastic Common Schema or as you like",
    settings=ElasticsearchSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "document": "5 000 000 bytes; beyond that resources give way, with left_out as a true count",
        "repeats": "none: the id of the document is that of the delivery",
    },
    example="""\
# A data stream: the built-in template logs-*-* fits its name
DESTINATION=elasticsearch
URL=https://elastic.example.com:9200
INDEX=logs-sophos.optix-default
API_KEY=ZXhhbXBsZTpub3QtYS1yZWFsLWtleQ==
""",
)

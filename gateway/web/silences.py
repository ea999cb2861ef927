"""`/api/v1/silences`: what is not to be told for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from gateway.domain.alert import JSON
from gateway.domain.filter import FILTER_KEYS
from gateway.domain.silence import Silence, SilenceMistakes
from gateway.pipeline.operations import Operations
from gateway.ports import Clock
from gateway.web import query, render
from gateway.web.answers import json_answer
from gateway.web.api import ROOT, no_such
from gateway.web.refusal import Refusal

_OF_ALL = ("since", *query.PAGE_WORDS)
_HINT = 'send {"filter": {"rule": "AR-251"}, "for": "2h", "reason": "migration", "author": "you"}'


class NewSilence(BaseModel):
    """`filter`: filter keys of a route in any case, each a text with commas or a list. `for` or `until`: how long it
    lasts (`2h`) or when it ends (ISO 8601); `from`: when it begins, now when left out. `routes`: names or patterns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    filter: dict[str, str | list[str]] = Field(default_factory=dict)
    routes: str | list[str] = Field(default_factory=list)
    all: StrictBool = False
    lasts: str = Field(default="", alias="for")
    until: str = ""
    begins: str = Field(default="", alias="from")
    reason: str = ""
    author: str = ""
    then: str = "hold"

    def values(self, now_us: int) -> dict[str, Any]:
        """As the domain reads them."""
        values: dict[str, Any] = {"reason": self.reason, "author": self.author, "then": self.then}
        values |= {_filter_key(name): _list(given) for name, given in self.filter.items()}
        if self.routes:
            values["ROUTES"] = _list(self.routes)
        if self.all:
            values["all"] = True
        times = {
            "lasts_us": query.span_us(self.lasts, "for") if self.lasts else None,
            "expires_us": _moment(self.until, "until", now_us),
            "starts_us": _moment(self.begins, "from", now_us),
        }
        return values | {key: value for key, value in times.items() if value is not None}


class SilencesApi:
    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations, self._clock = operations, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/silences", self.list),
            web.post(f"{ROOT}/silences", self.begin),
            web.delete(f"{ROOT}/silences/{{id}}", self.end),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Those that are not over; with `?ended=true` a page of all that are known, the youngest first."""
        now_us = self._clock.now_us()
        values = query.given(request.query.items(), ("ended", *_OF_ALL))
        if not query.is_set(values, "ended"):
            _refuse_narrowed(values)
            known = self._operations.silences.all()
            return json_answer(200, {"silences": [_shown(silence, now_us) for silence in known]})
        window, since_us = query.window(values), query.moment(values, "since", now_us) or 0
        page = await self._operations.silences.past(since_us, limit=window.limit, cursor=window.cursor)
        rows: list[JSON] = [_shown(silence, now_us) for silence in page.silences]
        return json_answer(200, {"silences": rows, "next": page.next or None})

    async def begin(self, request: web.Request) -> web.Response:
        try:
            asked = NewSilence.model_validate_json(await request.read() or b"{}")
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"][:2])
            raise Refusal(400, f"{where or 'the body'}: {first['msg']}", hint=_HINT) from None
        try:
            silence = await self._operations.silences.begin(asked.values(self._clock.now_us()))
        except SilenceMistakes as wrong:
            said = "; ".join(f"{_NAMES.get(key, key.lower())}: {message}" for key, message in wrong.mistakes)
            raise Refusal(400, said, hint=_HINT) from None
        return json_answer(201, {"silence": _shown(silence, self._clock.now_us())})

    async def end(self, request: web.Request) -> web.Response:
        """What it held goes out at once."""
        if not await self._operations.end_silence(request.match_info["id"]):
            raise no_such("silence")
        return json_answer(200, {"ended": request.match_info["id"]})


def _refuse_narrowed(values: query.Given) -> None:
    """The list of those that are not over is whole."""
    for name in _OF_ALL:
        if name in values:
            raise Refusal(400, f"{name} chooses among all silences", hint="add ended=true, or leave it out")


_NAMES: Mapping[str, str] = {"lasts_us": "for", "expires_us": "until", "starts_us": "from"}
_SINGULAR = {"policy_label": "POLICY_LABELS", "state": "STATES", "severity": "SEVERITIES", "type": "ALERT_TYPES"}


def _filter_key(name: str) -> str:
    """`rule`, `rules`, `RULES` and `not_rules` are all understood; what is not is refused by the domain."""
    folded = name.strip().lower()
    negated, bare = folded.startswith("not_"), folded.removeprefix("not_")
    key = _SINGULAR.get(bare, bare.upper())
    if key not in FILTER_KEYS and f"{key}S" in FILTER_KEYS:
        key = f"{key}S"
    return f"NOT_{key}" if negated else key


def _list(given: str | list[str]) -> list[str]:
    items = given.split(",") if isinstance(given, str) else given
    return [item.strip() for item in items]


def _moment(text: str, name: str, now_us: int) -> int | None:
    if not text:
        return None
    try:
        return query.moment_us(text, now_us)
    except (ValueError, OverflowError):
        hint = "an ISO 8601 time like 2024-05-01T10:00:00Z"
        raise Refusal(400, f"{name} is {text[:60]!r}", hint=hint) from None


def _shown(silence: Silence, now_us: int) -> dict[str, JSON]:
    return {
        "id": silence.id,
        "active": silence.is_active(now_us),
        "what": silence.describe(),
        "then": silence.then.value,
        "reason": silence.reason,
        "author": silence.author,
        "created_at": render.iso(silence.created_us),
        "starts_at": render.iso(silence.starts_us),
        "expires_at": render.iso(silence.expires_us),
        "ended_at": None if silence.ended_us is None else render.iso(silence.ended_us),
    }

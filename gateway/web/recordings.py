"""`GET /api/v1/recordings`: what was received and what became of it, oldest first, for a backtest somewhere else.
`/api/v1/recordings/silences`: what was silenced in that time.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from gateway.domain.alert import JSON
from gateway.domain.recording import MOST_ON_A_PAGE, Entry, as_json
from gateway.pipeline.operations import Operations
from gateway.ports import Clock, UnknownCursor
from gateway.web import query
from gateway.web.answers import json_answer
from gateway.web.api import ROOT
from gateway.web.refusal import Refusal

SILENCE_WORDS = ("since", "limit", "after")
RECORDING_WORDS = ("source", "environment", "since", "until", "limit", "after")


class RecordingsApi:
    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations, self._clock = operations, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/recordings", self.recordings),
            web.get(f"{ROOT}/recordings/silences", self.silences),
        ]

    async def recordings(self, request: web.Request) -> web.Response:
        """`{"recordings": [...], "next": id}`; `next` is null on the last page. Bodies are base64."""
        values = query.given(request.query.items(), RECORDING_WORDS)
        selection = query.alert_selection(values, self._clock.now_us())
        after = _one(values, "after")
        try:
            page = await self._operations.recordings(selection, limit=_limit(values), after=after)
        except UnknownCursor:
            raise _unknown(after) from None
        return _answer(page.recordings, page.next)

    async def silences(self, request: web.Request) -> web.Response:
        """Those that were not over at `since`, in the same form; the youngest first."""
        values = query.given(request.query.items(), SILENCE_WORDS)
        since_us, after = query.moment(values, "since", self._clock.now_us()) or 0, _one(values, "after")
        try:
            page = await self._operations.silences.past(since_us, limit=_limit(values), cursor=after)
        except UnknownCursor:
            raise _unknown(after) from None
        return _answer(page.silences, page.next)


def _answer(entries: Sequence[Entry], next_: str) -> web.Response:
    rows: list[JSON] = [as_json(entry) for entry in entries]
    return json_answer(200, {"recordings": rows, "next": next_ or None})


def _unknown(after: str) -> Refusal:
    hint = "it takes the `next` of the page before; without it, the list begins with its first"
    return Refusal(400, f"after is {after[:60]!r}", hint=hint)


def _one(values: query.Given, name: str) -> str:
    written = values.get(name, ())
    return written[-1].strip() if written else ""


def _limit(values: query.Given) -> int:
    text = _one(values, "limit") or str(MOST_ON_A_PAGE)
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= limit <= MOST_ON_A_PAGE:
        raise Refusal(400, f"limit is {text[:60]!r}", hint=f"a number from 1 to {MOST_ON_A_PAGE}")
    return limit

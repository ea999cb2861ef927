"""`/api/v1`: what operators may change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from gateway.domain.query import JobKind
from gateway.pipeline.operations import Operations
from gateway.ports import Clock
from gateway.web import query, render
from gateway.web.answers import json_answer
from gateway.web.api import ROOT, answer_with, job_id, no_such
from gateway.web.refusal import Refusal

BY = "the ops API"

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class ChangeOfMany(BaseModel):
    """`filter`: names and values as in the query of `GET deliveries`, without `limit` and `cursor`. `dry_run` True only
    counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    filter: dict[str, str | list[str]] = Field(default_factory=dict)
    dry_run: StrictBool = True

    def pairs(self) -> list[tuple[str, str]]:
        lists = {name: [value] if isinstance(value, str) else value for name, value in self.filter.items()}
        return [(name, value) for name, values in lists.items() for value in values]


class ChangingApi:
    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations, self._clock = operations, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{ROOT}/deliveries/{{id}}/replay", self.replay),
            web.post(f"{ROOT}/deliveries/{{id}}/cancel", self.cancel),
            web.post(f"{ROOT}/replays", self._many("replay")),
            web.post(f"{ROOT}/cancellations", self._many("cancel")),
            web.post(f"{ROOT}/jobs/{{id}}/stop", self.stop_job),
            web.post(f"{ROOT}/alerts/{{id}}/replay", self.readmit),
            web.post(f"{ROOT}/routes/{{name}}/pause", self.pause),
            web.post(f"{ROOT}/routes/{{name}}/resume", self.resume),
            web.post(f"{ROOT}/routes/{{name}}/test", self.test),
        ]

    async def replay(self, request: web.Request) -> web.Response:
        """Delivered, dead, superseded and cancelled ones; one that is waiting or under way is left alone."""
        delivery_id = request.match_info["id"]
        changed = await self._operations.replay([delivery_id], by=BY)
        return await self._changed(delivery_id, changed, "it will be sent anyway, or as soon as somebody approves it")

    async def cancel(self, request: web.Request) -> web.Response:
        delivery_id = request.match_info["id"]
        changed = await self._operations.cancel([delivery_id], by=BY)
        return await self._changed(delivery_id, changed, "only a waiting or parked delivery can be cancelled")

    async def _changed(self, delivery_id: str, changed: Sequence[str], hint: str) -> web.Response:
        found = await self._operations.delivery(delivery_id)
        if found is None:
            raise no_such("delivery")
        if not changed:
            raise Refusal(409, f"the delivery is {found[0].state.value}", hint=hint)
        return answer_with("delivery", found[0])

    def _many(self, kind: JobKind) -> Handler:
        async def change(request: web.Request) -> web.Response:
            return await self._change_many(kind, request)

        return change

    async def _change_many(self, kind: JobKind, request: web.Request) -> web.Response:
        asked = _asked(await request.read())
        values = query.given(asked.pairs(), query.DELIVERY_WORDS)
        selection = query.delivery_selection(values, self._clock.now_us())
        if asked.dry_run:
            return json_answer(200, {"dry_run": True, "selected": await self._operations.count(selection)})
        if not render.selection(selection):
            raise Refusal(
                400, "the filter selects every delivery there is", hint='name what is meant: {"state":"dead"}'
            )
        return answer_with("job", await self._operations.change_many(kind, selection), 202)

    async def stop_job(self, request: web.Request) -> web.Response:
        found = await self._operations.stop_job(job_id(request))
        if found is None:
            raise no_such("job")
        return answer_with("job", found)

    async def readmit(self, request: web.Request) -> web.Response:
        """Read a held alert again; what it was held for may be understood now."""
        alert_id = request.match_info["id"]
        outcome = await self._operations.readmit(alert_id)
        if isinstance(outcome, tuple):
            return json_answer(200, {"status": "accepted", "id": alert_id, "routes": list(outcome)})
        if outcome is not None:
            raise Refusal(409, f"it still cannot be read: {outcome}", hint="it stays held; try again after an upgrade")
        if await self._operations.alert(alert_id) is None:
            raise no_such("alert")
        hint = f'to send its deliveries again: POST {ROOT}/replays with {{"filter":{{"alert":"{alert_id}"}}}}'
        raise Refusal(409, "the alert is not held", hint=hint)

    async def pause(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await self._route(name, known=await self._operations.pause(name, by=BY))

    async def resume(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await self._route(name, known=await self._operations.resume(name))

    async def _route(self, name: str, *, known: bool) -> web.Response:
        views = await self._operations.routes() if known else ()
        for view in views:
            if view.name == name:
                return answer_with("route", view)
        raise no_such("route")

    async def test(self, request: web.Request) -> web.Response:
        """200 also when the receiver refused the test: `ok` tells."""
        report = await self._operations.test_route(request.match_info["name"])
        if report is None:
            raise no_such("route")
        return json_answer(200, render.fields_of(report))


def _asked(body: bytes) -> ChangeOfMany:
    try:
        return ChangeOfMany.model_validate_json(body or b"{}")
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        hint = 'send {"filter": {"state": "dead", "route": "soc"}, "dry_run": true}'
        raise Refusal(400, f"{where or 'the body'}: {first['msg']}", hint=hint) from None

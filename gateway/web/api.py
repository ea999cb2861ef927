"""`/api/v1`: what operators may see. What they may change is in `changes.py`; neither holds a rule."""

from __future__ import annotations

from aiohttp import web

from gateway.domain.alert import JSON
from gateway.pipeline.operations import Operations
from gateway.ports import Clock
from gateway.web import query, render
from gateway.web.answers import json_answer
from gateway.web.refusal import Refusal

ROOT = "/api/v1"


class ReadingApi:
    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations, self._clock = operations, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/alerts", self.alerts),
            web.get(f"{ROOT}/alerts/{{id}}", self.alert),
            web.get(f"{ROOT}/incidents", self.incidents),
            web.get(f"{ROOT}/incidents/{{key}}", self.incident),
            web.get(f"{ROOT}/deliveries", self.deliveries),
            web.get(f"{ROOT}/deliveries/{{id}}", self.delivery),
            web.get(f"{ROOT}/routes", self.route_list),
            web.get(f"{ROOT}/jobs", self.jobs),
            web.get(f"{ROOT}/jobs/{{id}}", self.job),
            web.post(f"{ROOT}/explain", self.explain),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        values = query.given(request.query.items(), query.ALERT_WORDS + query.PAGE_WORDS)
        selection, window = query.alert_selection(values, self._clock.now_us()), query.window(values)
        found = await self._operations.alerts(selection, limit=window.limit, cursor=window.cursor)
        return json_answer(200, render.page("alerts", found))

    async def alert(self, request: web.Request) -> web.Response:
        """The alert's row with `body` as it came, its deliveries, what was decided of it and what it changed, and (in
        `verdicts`) what today's filters say of it.
        """
        found = await self._operations.alert(request.match_info["id"])
        if found is None:
            raise no_such("alert")
        return json_answer(200, render.alert(found))

    async def incidents(self, request: web.Request) -> web.Response:
        values = query.given(request.query.items(), query.INCIDENT_WORDS + query.PAGE_WORDS)
        selection, window = query.incident_selection(values), query.window(values)
        found = await self._operations.incidents(selection, limit=window.limit, cursor=window.cursor)
        return json_answer(200, render.page("incidents", found))

    async def incident(self, request: web.Request) -> web.Response:
        """The incident's row with its resources, how it came to stand so, and what each receiver was last told."""
        found = await self._operations.incident(request.match_info["key"])
        if found is None:
            raise no_such("incident")
        return json_answer(200, render.incident(found))

    async def deliveries(self, request: web.Request) -> web.Response:
        values = query.given(request.query.items(), query.DELIVERY_WORDS + query.PAGE_WORDS)
        selection, window = query.delivery_selection(values, self._clock.now_us()), query.window(values)
        found = await self._operations.deliveries(selection, limit=window.limit, cursor=window.cursor)
        return json_answer(200, render.page("deliveries", found))

    async def delivery(self, request: web.Request) -> web.Response:
        """The delivery's row with its attempts."""
        found = await self._operations.delivery(request.match_info["id"])
        if found is None:
            raise no_such("delivery")
        row, attempts = found
        return json_answer(200, {**render.fields_of(row), "attempts": render.rendered(attempts)})

    async def route_list(self, _: web.Request) -> web.Response:
        return json_answer(200, {"routes": render.rendered(await self._operations.routes())})

    async def jobs(self, request: web.Request) -> web.Response:
        limit = query.window(query.given(request.query.items(), ("limit",))).limit
        return json_answer(200, {"jobs": render.rendered(await self._operations.jobs(limit=limit))})

    async def job(self, request: web.Request) -> web.Response:
        found = await self._operations.job(job_id(request))
        if found is None:
            raise no_such("job")
        return json_answer(200, {"job": render.rendered(found)})

    async def explain(self, request: web.Request) -> web.Response:
        """The body is the payload, `?source=` the source it would come through."""
        values = query.given(request.query.items(), ("source",))
        source = (values.get("source") or ["optix"])[-1]
        found = await self._operations.explain(await request.read(), source)
        return json_answer(200, render.explanation(found))


def no_such(thing: str) -> Refusal:
    return Refusal(404, f"there is no such {thing}", hint=f"GET {ROOT}/{_PLURAL[thing]} lists them")


_PLURAL: dict[str, str] = {
    "alert": "alerts",
    "approval": "approvals",
    "remediation": "remediations",
    "delivery": "deliveries",
    "incident": "incidents",
    "job": "jobs",
    "route": "routes",
    "silence": "silences",
}


def job_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise no_such("job")
    return int(text)


def answer_with(name: str, value: object, status: int = 200) -> web.Response:
    content: dict[str, JSON] = {name: render.rendered(value)}
    return json_answer(status, content)

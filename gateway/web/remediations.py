"""`/api/v1/remediations`: what was changed out there, by which alert, with what result; and putting it back."""

from __future__ import annotations

from aiohttp import web
from pydantic import StrictBool

from gateway.domain.alert import JSON
from gateway.domain.remediation import RemediationRow
from gateway.pipeline.operations import Operations
from gateway.pipeline.remediations import CannotUndo
from gateway.web import query, render
from gateway.web.answers import json_answer
from gateway.web.api import ROOT, no_such
from gateway.web.approvals import Said, said_in
from gateway.web.refusal import Refusal

_NO_ID = 2**62


class Undoing(Said):
    """`force`: also what somebody else has changed since."""

    force: StrictBool = False


class RemediationsApi:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/remediations", self.list),
            web.get(f"{ROOT}/remediations/{{id}}", self.one),
            web.post(f"{ROOT}/remediations/{{id}}/undo", self.undo),
        ]

    async def list(self, request: web.Request) -> web.Response:
        window = query.window(query.given(request.query.items(), query.PAGE_WORDS))
        before = _number(window.cursor) if window.cursor else _NO_ID
        found = await self._operations.remediations.latest(limit=window.limit + 1, before=before)
        shown = found[: window.limit]
        next_ = str(shown[-1].id) if len(found) > window.limit else None
        return json_answer(200, {"remediations": [_shown(row) for row in shown], "next": next_})

    async def one(self, request: web.Request) -> web.Response:
        row = await self._operations.remediations.one(_number(request.match_info["id"]))
        if row is None:
            raise no_such("remediation")
        return json_answer(200, _shown(row))

    async def undo(self, request: web.Request) -> web.Response:
        """409 where something could not be put back; `steps` says what became of each resource."""
        said = said_in(await request.read(), Undoing)
        work_id = _number(request.match_info["id"])
        try:
            undone = await self._operations.remediations.undo(work_id, who=said.who, force=said.force)
        except CannotUndo as why:
            raise Refusal(409, str(why)) from None
        if undone is None:
            raise no_such("remediation")
        steps: list[JSON] = [{"resource": s.resource, "word": s.word.value, "said": s.said} for s in undone.steps]
        return json_answer(200 if undone.ok else 409, {"undone": undone.ok, "steps": steps, **_error(ok=undone.ok)})


def _error(*, ok: bool) -> dict[str, JSON]:
    return {} if ok else {"error": "not everything could be put back", "hint": "`steps` says why"}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise no_such("remediation")
    return int(text)


def _shown(row: RemediationRow) -> dict[str, JSON]:
    return render.fields_of(row)

"""`/api/v1`: what waits for a person's approval, and deciding it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.domain.alert import JSON
from gateway.domain.approval import ApprovalRow, DecisionRow, Verdict
from gateway.domain.text import one_line
from gateway.pipeline.approvals import Request
from gateway.pipeline.operations import Operations
from gateway.web import query, render
from gateway.web.answers import json_answer
from gateway.web.api import ROOT, no_such
from gateway.web.changes import BY
from gateway.web.refusal import Refusal

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]

S = TypeVar("S", bound="Said")

_VERBS = {"approve": Verdict.APPROVED, "reject": Verdict.REJECTED}


class Said(BaseModel):
    """Who says it, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    author: str = ""
    reason: str = ""

    @property
    def who(self) -> str:
        return self.author.strip() or BY


class Decision(Said):
    """`plan`: the `plan_id` of what was looked at; "" for whatever would be done now."""

    plan: str = ""


class ApprovalsApi:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[web.RouteDef]:
        made = [web.get(f"{ROOT}/approvals", self.list), web.get(f"{ROOT}/approvals/{{id}}", self.one)]
        for verb, verdict in _VERBS.items():
            made.append(web.post(f"{ROOT}/deliveries/{{id}}/{verb}", self._one(verdict)))
            made.append(web.post(f"{ROOT}/incidents/{{key}}/{verb}", self._incident(verdict)))
        return made

    async def list(self, request: web.Request) -> web.Response:
        """Those that wait, of one incident where `key` is given; with `decided` all, the youngest first."""
        values = query.given(request.query.items(), query.APPROVAL_WORDS)
        if query.is_set(values, "decided"):
            found = await self._operations.approvals.all(query.window(values).limit)
        else:
            found = await self._operations.approvals.waiting(query.single(values, "key"))
        return json_answer(200, {"approvals": [shown(one) for one in found]})

    async def one(self, request: web.Request) -> web.Response:
        """With the receiver's settings, every step of what would be done, and whatever was decided of it."""
        found = await self._found(request)
        decided = await self._operations.approvals.decisions(found.row.delivery)
        more: dict[str, JSON] = {"settings": "", "steps": []}
        if found.plan:
            more = {"settings": found.plan.settings, "steps": list(found.plan.steps)}
        return json_answer(200, shown(found) | more | {"decisions": [_facts(each) for each in decided]})

    async def _found(self, request: web.Request) -> Request:
        found = await self._operations.approvals.one(request.match_info["id"])
        if found is None:
            raise no_such("approval")
        return found

    def _one(self, verdict: Verdict) -> Handler:
        async def decide(request: web.Request) -> web.Response:
            said, approvals = said_in(await request.read(), Decision), self._operations.approvals
            ids = [request.match_info["id"]]
            changed = await approvals.rule(ids, verdict, who=said.who, why=said.reason, plan_id=said.plan)
            found = await self._found(request)
            if not changed:
                said_no, hint = why_not(found, said.plan)
                raise Refusal(409, said_no, hint=hint)
            return json_answer(200, {"approval": shown(found)})

        return decide

    def _incident(self, verdict: Verdict) -> Handler:
        async def decide(request: web.Request) -> web.Response:
            key, said = request.match_info["key"], said_in(await request.read(), Said)
            changed = await self._operations.approvals.rule_incident(key, verdict, who=said.who, why=said.reason)
            if not changed and await self._operations.incident(key) is None:
                raise no_such("incident")
            return json_answer(200, {"verdict": verdict.value, "deliveries": list(changed)})

        return decide


def said_in(body: bytes, what: type[S]) -> S:
    try:
        return what.model_validate_json(body or b"{}")
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        hint = 'send {"author": "you", "reason": "…"}'
        raise Refusal(400, f"{where or 'the body'}: {first['msg']}", hint=hint) from None


def why_not(found: Request, shown_id: str) -> tuple[str, str]:
    """Why nothing was decided, and what to do. `shown_id`: of the plan that was looked at, "" for none."""
    if found.row.verdict is not Verdict.WAITING:
        return how_it_stands(found), "what is decided stays so"
    if found.plan is None:
        said = f'there is no route "{found.row.route}" any more, or its alert cannot be read: nothing can be done'
        return said, "put the route back, or reject it"
    if shown_id in ("", found.plan.id):
        return "it is asked for, and not parked yet", "try again in a moment; where its route is stopped, resume that"
    said = f"that is not what would be done now, which is the plan {found.plan.id}: {found.plan.text}. "
    said += "Where it reads as what you were shown, the settings of the receiver have changed, which are now: "
    said += found.plan.settings or "none"
    return said, f"look at it, then approve the plan {found.plan.id}"


def how_it_stands(found: Request) -> str:
    """`approved by ann: the bucket is not meant to be public`."""
    row = found.row
    by = f" by {row.who}" if row.who else ""
    return f"{row.verdict}{by}" + (f": {row.why}" if row.why else "")


def shown(found: Request) -> dict[str, JSON]:
    """`plan_id`: of what would be done, or of what was approved."""
    plan = found.plan
    now = {"plan_id": plan.id} if plan and found.row.verdict is Verdict.WAITING else {}
    return {**_facts(found.row), **now, "plan": plan.text if plan else ""}


def _facts(row: ApprovalRow | DecisionRow) -> dict[str, JSON]:
    """No text has a second line, which could pass for another fact where they stand one below the other."""
    facts = render.fields_of(row)
    return {name: one_line(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}

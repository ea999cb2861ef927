"""The page behind the link in a request for approval: it shows what is asked for, and a person decides by a button.

Looking at it decides nothing: chat programs open every link they see.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from aiohttp import web

from gateway.domain.approval import Verdict
from gateway.pipeline.approvals import Request
from gateway.pipeline.operations import Operations
from gateway.pipeline.plan import Plan
from gateway.web import render
from gateway.web.approvals import how_it_stands, why_not

PATH = "/approval"
_VERDICTS = {"approve": Verdict.APPROVED, "reject": Verdict.REJECTED}
_LONGEST = 200
_SEVERAL = 2
_NONE = "none was shown"
_NO_SUCH = "<p>The link is incomplete, or it is of an earlier request.</p>"
_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


class ApprovalPage:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.show), web.post(PATH, self.decide)]

    async def show(self, request: web.Request) -> web.Response:
        found = await self._found(request.query)
        if found is None:
            return _page(404, "There is no such request", _NO_SUCH)
        if found.row.verdict is not Verdict.WAITING:
            return _decided(found, 200)
        return _page(200, "Is this to be done?", _facts(found) + _form(found))

    async def decide(self, request: web.Request) -> web.Response:
        found = await self._found(request.query)
        if found is None:
            return _page(404, "There is no such request", _NO_SUCH)
        form = {name: str(value).strip()[:_LONGEST] for name, value in (await request.post()).items()}
        verdict = _VERDICTS.get(form.get("verdict", ""))
        if verdict is None or not form.get("who"):
            return _undecided(found, 400, "Say who you are, and press one of the two buttons.")
        who = f"{form['who']} (by link)"
        changed = await self._operations.approvals.rule(
            [found.row.delivery], verdict, who=who, why=form.get("why", ""), plan_id=form.get("plan") or _NONE
        )
        after = await self._found(request.query) or found
        if not changed and after.row.verdict is Verdict.WAITING:
            return _undecided(after, 409, why_not(after, form.get("plan") or _NONE)[0])
        return _decided(after, 200 if changed else 409)

    async def _found(self, query: Mapping[str, str]) -> Request | None:
        asked = query.get("asked", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            return None
        delivery, signature = query.get("delivery", ""), query.get("signature", "")
        return await self._operations.approvals.by_link(delivery, int(asked), signature)


def _facts(found: Request) -> str:
    row, plan = found.row, found.plan
    said = {
        "Route": row.route,
        "What would be done": plan.text if plan else "",
        "Settings of the receiver": plan.settings if plan else "",
        "Plan": plan.id if plan else "",
        "Alert": f"{row.severity}: {row.summary}",
        "Rule": row.rule,
        "Environment": row.environment,
        "Asked": render.iso(row.asked_us),
        "Over": render.iso(row.expires_us),
    }
    facts = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in said.items())
    return f"<dl>{facts}</dl>{_steps(plan) if plan else ''}"


def _steps(plan: Plan) -> str:
    """All of them, where there are several: the text above may be cut."""
    if len(plan.steps) < _SEVERAL:
        return ""
    return f"<ol>{''.join(f'<li>{escape(step)}</li>' for step in plan.steps)}</ol>"


def _form(found: Request) -> str:
    """To the same address: the browser keeps the query of a page whose form names none. What is agreed to is what is
    shown.
    """
    return (
        f'<form method="post"><input type="hidden" name="plan" value="{found.plan.id if found.plan else ""}">'
        '<p><label>Who you are <input name="who" required maxlength="100"></label></p>'
        '<p><label>Why <input name="why" maxlength="200"></label></p>'
        '<p><button name="verdict" value="approve">Approve</button> '
        '<button name="verdict" value="reject">Reject</button></p></form>'
    )


def _undecided(found: Request, status: int, said: str) -> web.Response:
    return _page(status, "Nothing was decided", f"<p>{escape(said)}</p>{_facts(found)}{_form(found)}")


def _decided(found: Request, status: int) -> web.Response:
    return _page(status, "This is decided", f"<p>{escape(how_it_stands(found))}</p>" + _facts(found))


def _page(status: int, title: str, content: str) -> web.Response:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
    return web.Response(status=status, text=f"{head}{content}</html>\n", content_type="text/html", headers=headers)

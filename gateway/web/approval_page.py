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
from gateway.web import render
from gateway.web.approvals import how_it_stands

PATH = "/approval"
_VERDICTS = {"approve": Verdict.APPROVED, "reject": Verdict.REJECTED}
_LONGEST = 200
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
        return _page(200, "Is this to be done?", _facts(found) + _form(request.query))

    async def decide(self, request: web.Request) -> web.Response:
        found = await self._found(request.query)
        if found is None:
            return _page(404, "There is no such request", _NO_SUCH)
        form = {name: str(value).strip()[:_LONGEST] for name, value in (await request.post()).items()}
        verdict = _VERDICTS.get(form.get("verdict", ""))
        if verdict is None or not form.get("who"):
            said = "<p>Say who you are, and press one of the two buttons.</p>"
            return _page(400, "Nothing was decided", said + _facts(found) + _form(request.query))
        who = f"{form['who']} (by link)"
        changed = await self._operations.approvals.rule([found.row.delivery], verdict, who=who, why=form.get("why", ""))
        after = await self._found(request.query) or found
        return _decided(after, 200 if changed else 409)

    async def _found(self, query: Mapping[str, str]) -> Request | None:
        asked = query.get("asked", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            return None
        delivery, signature = query.get("delivery", ""), query.get("signature", "")
        return await self._operations.approvals.by_link(delivery, int(asked), signature)


def _facts(found: Request) -> str:
    row = found.row
    said = {
        "Route": row.route,
        "What would be done": found.plan,
        "Alert": f"{row.severity}: {row.summary}",
        "Rule": row.rule,
        "Environment": row.environment,
        "Asked": render.iso(row.asked_us),
        "Over": render.iso(row.expires_us),
    }
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in said.items()) + "</dl>"


def _form(query: Mapping[str, str]) -> str:
    """To the same address: the browser keeps the query of a page whose form names none."""
    assert query  # noqa: S101 - without it nothing was found
    return (
        '<form method="post"><p><label>Who you are <input name="who" required maxlength="100"></label></p>'
        '<p><label>Why <input name="why" maxlength="200"></label></p>'
        '<p><button name="verdict" value="approve">Approve</button> '
        '<button name="verdict" value="reject">Reject</button></p></form>'
    )


def _decided(found: Request, status: int) -> web.Response:
    return _page(status, "This is decided", f"<p>{escape(how_it_stands(found))}</p>" + _facts(found))


def _page(status: int, title: str, content: str) -> web.Response:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
    return web.Response(status=status, text=f"{head}{content}</html>\n", content_type="text/html", headers=headers)

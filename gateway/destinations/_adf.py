"""An alert in the Atlassian Document Format: a tree whose texts are plain, so that none is a mention or a link.

Source: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure (a text must not be empty; a block
of code holds plain text). Lengths are those of the JSON, in UTF-16 units, which no way to count exceeds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.destinations import Context
from gateway.destinations._follow_up import follow_up
from gateway.destinations._ticket import headline, link_to
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.optix import link_label
from gateway.domain.text import cut, fit_lines, utf16_units
from gateway.domain.wording import details, facts, icon, resource_lines

_TITLE, _VALUE, _LINE, _CHANGES, _DETAILS = 255, 200, 300, 4000, 9000
_BREAK_COST = len(',{"type":"hardBreak"},{"type":"text","text":""}')
_BLOCK_COST = 400
"""More than a block of code and its name take beside the lines."""
_SHRUNK = "Jira refused the whole message as too large: details and resources are left out."


def _json_units(text: str) -> int:
    """What a text takes inside of a JSON string."""
    return utf16_units(json.dumps(text, ensure_ascii=False)) - 2


def _paragraph_units(text: str) -> int:
    return _json_units(text) + text.count("\n") * _BREAK_COST


def document_of(alert: Alert, context: Context, limit: int, *, again: bool) -> JSON:
    """A link, the facts, the details, and lists in blocks of code. `limit`: of its JSON, 20 000 at least.
    `again`: with the title first, as the issue has the one of before.
    """
    follows = follow_up(alert, context)
    content: list[JSON] = []
    if again:
        content.append(_paragraph(_strong(f"{icon(alert)} {headline(alert, context, _TITLE)}")))
    if link := link_to(alert):
        content.append(_paragraph(_linked(link_label(alert), link)))
    content.append(_bullets((*follows.facts, *facts(alert))))
    if context.shrink:
        return _document([*content, _paragraph(_said(_SHRUNK))])
    content += _block("Changes", follows.lines, _CHANGES)
    if explained := fit(details(alert), _DETAILS, str, _paragraph_units):
        content.append(_paragraph(*_lines(explained)))
    left = limit - utf16_units(json.dumps(_document(content), ensure_ascii=False, separators=(",", ":")))
    lines = resource_lines(alert)
    return _document([*content, *_block(f"Affected resources ({len(lines)})", lines, left - _BLOCK_COST)])


def _document(content: list[JSON]) -> JSON:
    return {"type": "doc", "version": 1, "content": content}


def _paragraph(*content: JSON) -> JSON:
    return {"type": "paragraph", "content": list(content)}


def _said(text: str) -> JSON:
    return {"type": "text", "text": text}


def _strong(text: str) -> JSON:
    return {"type": "text", "text": text, "marks": [{"type": "strong"}]}


def _linked(text: str, url: str) -> JSON:
    return {"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": url}}]}


def _lines(text: str) -> list[JSON]:
    """A text node must not be empty."""
    found: list[JSON] = []
    for number, line in enumerate(text.split("\n")):
        found += [{"type": "hardBreak"}] * bool(number)
        found += [_said(line)] if line else []
    return found


def _bullets(said: Sequence[tuple[str, str]]) -> JSON:
    items: list[JSON] = [
        {
            "type": "listItem",
            "content": [_paragraph(_strong(f"{label}: "), _said(fit(value, _VALUE, str, _json_units)))],
        }
        for label, value in said
    ]
    return {"type": "bulletList", "content": items}


def _block(name: str, lines: Sequence[str], limit: int) -> list[JSON]:
    shown = [cut(line, _LINE, _json_units) for line in lines[: max(limit, 0) // 2 + 1]]
    listed = fit_lines([*shown, *lines[len(shown) :]], limit, _json_units, most=len(shown))
    return [_paragraph(_strong(name)), {"type": "codeBlock", "content": [_said(listed)]}] if listed else []

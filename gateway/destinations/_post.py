"""One alert as the text of one chat message: title, what changed, the facts, the vendor's words, the resources, a link.

Each kind says how its receiver marks a text up and counts it. Hostile text is cut first and escaped after, so that no
escape and no mark is ever cut in two; what is short (title, facts, link) is always there, and lists have what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.destinations import Context
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import as_json
from gateway.domain.alert import Alert
from gateway.domain.markup import Escape, code, fit
from gateway.domain.optix import console_url, link_label
from gateway.domain.text import Measure, fit_lines
from gateway.domain.wording import Fact, details, facts, icon, resource_lines, title

_LINE, _TITLE, _LEAST_VALUE, _VALUE = 300, 400, 60, 200
_SHRUNK = "(the whole message was refused as too large: details and resources are left out)"
_BREAK = "\u200b"
_EMPTY = len(as_json({"": ""}))

# What starts a mention, a topic, a tag, a formula, an address or a link. A bare `evil.example` is a link in some.
_STARTS = re.compile(r"[@#<$]|:(?=//)|(?<=\w)\.(?=[^\W\d])|\](?=[(\[])|(?<!\S)/(?=\w)")


class Markup(NamedTuple):
    """`escape`: of text; `verbatim`: inside of a block. `bold`, `block`, `changes`: what stands before and after.
    `link`: of an address and a label; None where the receiver has a place of its own for it. `newline`: between parts.
    """

    escape: Escape
    verbatim: Escape
    bold: tuple[str, str] = ("", "")
    block: tuple[str, str] = ("", "")
    changes: tuple[str, str] = ("", "")
    link: Callable[[str, str], str] | None = None
    newline: str = "\n"


class Room(NamedTuple):
    """`whole`: the longest text, 1000 at least, as `measure` counts it; it must be additive over parts of a text."""

    whole: int
    measure: Measure
    has_title: bool = True


def inert(text: str) -> str:
    """For markup without a sure escape: what starts something is parted from what follows by a zero-width space."""
    return _STARTS.sub(rf"\g<0>{_BREAK}", text)


def markdown(text: str) -> str:
    """`inert`, and nothing starts or ends a span of code. What is left (bold, a list) changes the look only."""
    return inert(code(text))


def entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def json_bytes(text: str) -> int:
    """Bytes of a text inside a JSON string, never fewer than the text's own."""
    return len(as_json({"": text})) - _EMPTY


PLAIN = Markup(str, str)
MARKDOWN = Markup(
    markdown,
    code,
    ("**", "**"),
    ("```\n", "\n```"),
    ("```diff\n", "\n```"),
    lambda url, label: f"[{label}]({url})",
)


def post(alert: Alert, context: Context, room: Room, markup: Markup) -> str:
    follows = follow_up(alert, context)
    first = [_title(alert, context, room, markup)] if room.has_title else []
    first += _facts(follows.facts, room, markup)
    facts_said = _facts(facts(alert), room, markup)
    last = _link(alert, room, markup)
    if context.shrink:
        return markup.newline.join([*first, *facts_said, markup.escape(_SHRUNK), *last])
    left = room.whole - room.measure(markup.newline.join([*first, *facts_said, *last]))
    changes, explained, resources = _long(alert, follows, left, room, markup)
    return markup.newline.join([*first, *changes, *facts_said, *explained, *resources, *last])


def _long(alert: Alert, follows: FollowUp, left: int, room: Room, markup: Markup) -> tuple[list[str], ...]:
    """Changes, details and resources, each as one part or none, within `left`, their line ends included."""
    between = room.measure(markup.newline)
    found: list[list[str]] = []
    share = room.whole // 6, room.whole // 4
    changes = _listed(follows.lines, min(share[0], left - between), room, markup, markup.changes)
    left -= room.measure(changes) + between
    explained = fit(details(alert), max(0, min(share[1], left - between)), markup.escape, room.measure)
    left -= room.measure(explained) + between
    resources = _listed(resource_lines(alert), left - between, room, markup, markup.block)
    found += ([text] if text else [] for text in (changes, explained, resources))
    return tuple(found)


def _title(alert: Alert, context: Context, room: Room, markup: Markup) -> str:
    before, after = markup.bold
    said = fit(title(alert, test=context.test), min(_TITLE, room.whole // 8), markup.escape, room.measure)
    return f"{icon(alert)} {before}{said}{after}"


def _facts(said: Sequence[Fact], room: Room, markup: Markup) -> list[str]:
    (before, after), limit = markup.bold, min(_VALUE, max(_LEAST_VALUE, room.whole // 24))
    return [f"{before}{label}:{after} {fit(value, limit, markup.escape, room.measure)}" for label, value in said]


def _link(alert: Alert, room: Room, markup: Markup) -> list[str]:
    link = markup.link(console_url(alert), link_label(alert)) if markup.link else ""
    return [link] if link and room.measure(link) <= room.whole // 8 else []


def _listed(lines: Sequence[str], limit: int, room: Room, markup: Markup, around: tuple[str, str]) -> str:
    before, after = around
    limit -= room.measure(before) + room.measure(after)
    # What the slice leaves out cannot fit, as each line takes two at least. It is counted all the same.
    shown = [fit(line, _LINE, markup.verbatim, room.measure) for line in lines[: max(limit, 0) // 2 + 1]]
    listed = fit_lines([*shown, *lines[len(shown) :]], limit, room.measure, most=len(shown))
    return f"{before}{listed}{after}" if listed else ""

"""The whole alert as the text of one field: what changed, the facts, the vendor's words, the resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.destinations import Context
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.domain.alert import Alert
from gateway.domain.markup import Escape, fit, mattermost
from gateway.domain.text import Measure, fit_lines, utf16_units
from gateway.domain.wording import Fact, details, facts, resource_lines

_VALUE, _LINE = 200, 300
_SHRUNK = "(the whole message was refused as too large: details and resources are left out)"


class Manner(NamedTuple):
    """How a text is written. `bullet`: before each fact and each change; resources always have one."""

    escape: Escape
    bullet: str


PLAIN = Manner(str, "")
MARKDOWN = Manner(mattermost, "- ")
"""For receivers that pass their Markdown on to Slack: the same traps as in Mattermost, `<!channel>` among them."""


def report(
    alert: Alert, context: Context, limit: int, measure: Measure = utf16_units, *, manner: Manner = PLAIN
) -> str:
    """Within `limit`, which is 4000 at least. The details may take a third, the changes an eighth; the resources have
    what is left.
    """
    follows = follow_up(alert, context)
    parts = [_changes(follows, limit // 8, measure, manner), _facts(facts(alert), measure, manner)]
    if context.shrink:
        return _joined((*parts, _SHRUNK))
    text = _joined((*parts, fit(details(alert), limit // 3, manner.escape, measure)))
    lines = resource_lines(alert)
    heading = f"Affected resources ({len(lines)}):\n\n"
    listed = _listed(lines, limit - measure(f"{text}\n\n{heading}"), measure, Manner(manner.escape, "- "))
    return _joined((text, heading + listed if listed else ""))


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(filter(None, parts))


def _changes(follows: FollowUp, limit: int, measure: Measure, manner: Manner) -> str:
    said = _facts(follows.facts, measure, manner)
    listed = _listed(follows.lines, limit, measure, manner)
    return "\n".join(filter(None, (said, listed)))


def _facts(said: Sequence[Fact], measure: Measure, manner: Manner) -> str:
    return "\n".join(f"{manner.bullet}{label}: {fit(value, _VALUE, manner.escape, measure)}" for label, value in said)


def _listed(lines: Sequence[str], limit: int, measure: Measure, manner: Manner) -> str:
    shown: list[str] = []
    used = 0
    for line in lines:
        if used > limit:
            break  # what follows cannot fit; it is counted all the same
        shown.append(f"{manner.bullet}{fit(line, _LINE, manner.escape, measure)}")
        used += measure(shown[-1])
    return fit_lines([*shown, *lines[len(shown) :]], limit, measure, most=len(shown))

"""Hostile text made harmless in each receiver's markup: no mention, no formatting, no link that is not what it shows.

Every escaper works on single characters or short fixed pairs, so `fit` can cut before escaping and an escape is never
cut in two. `text.plain` has already removed what is invisible; what is put in here as invisible is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from gateway.domain.text import Measure, cut, utf16_units

Escape: TypeAlias = Callable[[str], str]

_BREAK = "\u200b"
_BACKTICK_LIKE = "\u02cb"


def fit(text: str, limit: int, escape: Escape, measure: Measure = utf16_units) -> str:
    """The escaped text within `limit` as the receiver counts it; cut with an ellipsis where it must be."""
    return escape(cut(text, limit, lambda part: measure(escape(part))))


_DISCORD_SIGNS = re.compile(r"[\\*_~`|<>@#\[\]]|(?<=[a-zA-Z]):(?=//)|^(?=[-+] )|^-(?=#)", re.MULTILINE)


def discord(text: str) -> str:
    """Backslashes before everything that Discord's Markdown gives a meaning to, mentions and bare links included.

    Source: https://docs.discord.com/developers/reference#message-formatting
    """
    return _DISCORD_SIGNS.sub(r"\\\g<0>", text)


_MATTERMOST_SIGNS = re.compile(r"[\\*_`|>\[\]]|^[-+]", re.MULTILINE)
_MATTERMOST_STARTS = re.compile(r"[@<~#]|(?<=\w):(?=//)|(?<=\bwww)(?=\.)|^\d+(?=[.)] )|^(?==)", re.MULTILINE)


def mattermost(text: str) -> str:
    """For `text` and field values: Markdown signs get backslashes, and what starts a mention, a channel link, a
    hashtag, a bare link or Slack's `<!channel>` (which the server turns into a mention before Markdown is
    read) is broken by a zero-width space.

    Sources: https://github.com/mattermost/mattermost/pull/3039 and /pull/28018
    """
    return _MATTERMOST_STARTS.sub(rf"\g<0>{_BREAK}", _MATTERMOST_SIGNS.sub(r"\\\g<0>", text))


def unlinked(text: str) -> str:
    """For places that show plain text, or may or may not read tags: `<` starts nothing any more."""
    return text.replace("<", f"<{_BREAK}")


def code(text: str) -> str:
    """For the inside of a code span or block: a look-alike for the backtick, so that nothing ends it early."""
    return text.replace("`", _BACKTICK_LIKE)


def html(text: str) -> str:
    """For the small HTML subset of cards: tags and entities as text, line ends as `<br>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")

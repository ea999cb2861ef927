from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.markup import Escape, code, discord, fit, html, mattermost, unlinked
from gateway.domain.text import Measure, utf8_bytes, utf16_units

escapes = st.sampled_from([discord, mattermost, unlinked, code, html])
texts = st.text(st.sampled_from("@<>[]()`*_~|#\\&-+=1. :/wxé🪣\n"), max_size=60)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("@everyone", r"\@everyone"),
        ("<@1> <#2> <t:3>", r"\<\@1\> \<\#2\> \<t:3\>"),
        ("[bank](http://evil)", r"\[bank\](http\://evil)"),
        ("**b** __u__ ~~s~~ ||x|| `c`", r"\*\*b\*\* \_\_u\_\_ \~\~s\~\~ \|\|x\|\| \`c\`"),
        ("- a\n-# b\n+ c\n-5", "\\- a\n\\-\\# b\n\\+ c\n-5"),
        (r"\*", r"\\\*"),
        ("AR-251, C:/x", "AR-251, C:/x"),
    ],
)
def test_discord_markdown_is_taken_literally(text: str, escaped: str) -> None:
    assert discord(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("@channel", "@\u200bchannel"),
        ("<!channel>", "<\u200b!channel\\>"),
        ("~town-square", "~\u200btown-square"),
        ("[bank](http://evil)", "\\[bank\\](http:\u200b//evil)"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("#tag *b* `c` |", "#\u200btag \\*b\\* \\`c\\` \\|"),
        ("- a\n1. b\n== c", "\\- a\n1\u200b. b\n\u200b== c"),
        ("2020-11-02 15:56:18 UTC", "2020-11-02 15:56:18 UTC"),
    ],
)
def test_mattermost_markdown_and_mentions_are_taken_literally(text: str, escaped: str) -> None:
    assert mattermost(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"), ("a\nb", "a<br>b"), ("<users/all>", "&lt;users/all&gt;")],
)
def test_tags_and_entities_are_taken_literally(text: str, escaped: str) -> None:
    assert html(text) == escaped


def test_nothing_ends_a_code_block_and_nothing_starts_a_tag() -> None:
    assert "`" not in code("``` `x`")
    assert unlinked("<!here>") == "<\u200b!here>"


@given(text=texts, limit=st.integers(0, 60), escape=escapes, measure=st.sampled_from([utf16_units, utf8_bytes]))
def test_an_escaped_text_fits_and_is_never_cut_inside_an_escape(
    text: str, limit: int, escape: Escape, measure: Measure
) -> None:
    fitted = fit(text, limit, escape, measure)
    assert measure(fitted) <= limit
    whole = [escape(text[:end].rstrip() + "…") for end in range(len(text) + 1)]
    assert fitted in (escape(text), "", *whole)


@given(text=texts)
def test_no_sign_of_discord_stands_without_its_backslash(text: str) -> None:
    bare = re.sub(r"\\[^0-9A-Za-z\s]", "", discord(text))
    assert re.search(r"[\\*_~`|<>@#\[\]]|[a-zA-Z]://", bare) is None

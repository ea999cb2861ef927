from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.expression import LONGEST, ExpressionMistake, compile_expression
from gateway.domain.text import one_line


def mistake(text: str) -> ExpressionMistake:
    with pytest.raises(ExpressionMistake) as raised:
        compile_expression(text)
    return raised.value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alert.scroe > 3", "at character 7: there is no alert.scroe. Did you mean alert.score?"),
        ("score > 3", "at character 1: there is no score. Did you mean alert.score?"),
        ("alrt.score > 3", "at character 1: there is no alrt. Did you mean alert?"),
        ("true && changes.reasons == []", "at character 9: there is no changes. Did you mean change?"),
        ("alert", "at character 1: alert stands alone; ask for a field of it, such as alert.source"),
        ('alert["score"] > 3', "at character 1: alert stands alone; ask for a field of it, such as alert.source"),
        ("alert.rule.startswith('x')", "at character 22: there is no function startswith. Did you mean startsWith?"),
        ("alert.resources.exist(r, true)", "at character 22: there is no function exist. Did you mean exists?"),
        (
            "alert.resources.exists(r)",
            'at character 23: exists takes a name and a condition: (r, r.state == "OPEN")',
        ),
        (
            'alert.resources.exists(r, r.sate == "OPEN")',
            "at character 29: a resource has no sate. Did you mean state? It has info, state, details, extra",
        ),
        (
            'alert.resources.filter(r, true).exists(q, q.inf == "x")',
            "at character 45: a resource has no inf. Did you mean info? It has info, state, details, extra",
        ),
        (
            "has(alert.score)",
            "at character 4: has(alert.score) says nothing, it is there for every alert; look at its value instead",
        ),
        (
            "alert.resources.exists(alert, true)",
            "at character 23: alert already means something; take another name, such as r",
        ),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(text: str, words: str) -> None:
    assert str(mistake(text)) == words


def test_a_field_that_is_near_to_none_is_answered_with_all() -> None:
    assert "There are source, event_type, environment, alert_id" in str(mistake("alert.xyzzy == 1"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('alert.score > "80"', "at character 13: > compares a number with a text, which never fits"),
        ('"PCI" == alert.policy_labels', "at character 7: == compares a text with a list, which never fits"),
        (
            "alert.resources.exists(r, r.state == 5)",
            "at character 35: == compares a text with a whole number, which never fits",
        ),
        ("alert.score > 3 > 2", "at character 17: > compares true or false with a whole number, which never fits"),
        (
            "alert.score * 2 > 100",
            "at character 13: * takes two whole numbers or two others; write 2.0 for 2, or double(…)",
        ),
        (
            "alert.score * 2.0 > 100",
            "at character 19: > does not take a number and a whole number; write 2.0 for 2, or double(…)",
        ),
        ('alert.rule + alert.score == "x"', "at character 12: + does not take a text and a number"),
        ("alert.score && true", "at character 6: && needs true or false here, not a number"),
        ("!alert.score", "at character 7: ! needs true or false here, not a number"),
        ("alert.score ? true : false", "at character 6: ? : needs true or false here, not a number"),
        ('alert.score.startsWith("8")', "at character 6: startsWith works on texts, not on a number"),
        (
            'alert.resources.exists(r, "x" in r.info)',
            "at character 31: in looks into a list or a map, not into a text; for that write text.contains(part)",
        ),
        ("alert.rule.exists(x, true)", "at character 18: exists goes through a list or a map, not through a text"),
        ("alert.summary == null", "at character 15: == does not take a text and null"),
        ("alert.rule.size() > '1'", "at character 19: > compares a whole number with a text, which never fits"),
        ("[1, 2] in alert.policy_labels", "at character 8: in does not take a list and a list"),
        ("alert.rule.size", "at character 11: a text has no fields"),
        ("alert.score", "the expression gives a number, not true or false"),
        ("alert.summary", "the expression gives a text, not true or false"),
        ("timestamp('2024-01-01T00:00:00Z')", "the expression gives a time, not true or false"),
        (
            "google.protobuf.Int64Value{value: 1}",
            "at character 1: messages are not for here; a map is written {…} without a name",
        ),
    ],
)
def test_kinds_that_never_fit_are_a_mistake(text: str, words: str) -> None:
    assert str(mistake(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the expression is empty; leave the key out to take everything"),
        (" \n ", "the expression is empty; leave the key out to take everything"),
        ("alert.score >", "at character 14: the expression ends too early"),
        ("(true", "at character 6: missing ')' at the end"),
        ("alert.score = 80", "at character 13: = makes no sense here; CEL writes =="),
        ("alert.closed and true", "at character 14: and makes no sense here; CEL writes &&"),
        ("true &&\n  alert.closed or true", "at character 24: or makes no sense here; CEL writes ||"),
        ("alert.rule == “x”", "at character 15: “ makes no sense here"),
        ("true ? true ? true", "at character 13: ? makes no sense here"),
        ('"\ud800" == alert.rule', "at character 2: this is half a character, which no text can hold"),
        ("1 + 99999999999999999999 > 1", "at character 5: invalid int literal"),
        ("t" * (LONGEST + 1), "the expression has 4,097 characters, 4,096 are the limit"),
        ("(" * 40 + "true" + ")" * 40, "it is nested too deeply: 30 brackets, signs or dots in a row are the limit"),
        ("1" + " + 1" * 40 + " > 1", "it is nested too deeply: 30 brackets, signs or dots in a row are the limit"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_expression_is_said_in_a_sentence(text: str, words: str) -> None:
    assert str(mistake(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alert.resources.map(r, r.info) == []", "map is not for here"),
        ("alert.resources.map(r, true, r.info) == []", "map is not for here"),
        ("alert.extra.filter(k, true) == []", "filter is only for alert.policy_labels and alert.resources"),
        ("alert.resources.exists(r, alert.resources.filter(q, true) == [])", "and not inside of another"),
        ("alert.resources.filter(r, true).filter(r, true) == []", "filter is only for"),
        ('alert.resources.exists(r, r.info + r.state == "x")', "+ is not for the inside of exists"),
        ("alert.summary.matches(alert.rule)", "no text of an alert may be one"),
        ("alert.resources.exists(r, matches(alert.rule, r.info))", "no text of an alert may be one"),
        ('alert.summary.matches("(a{1,9}){1,9}")', "repeats a group by {n}"),
        ('alert.summary.matches("a{9}{9}")', "repeats a group by {n}"),
        ('alert.summary.matches("a{60}b{0,41}")', "more than 100 times in all"),
        (f'alert.summary.matches("{"a" * 501}")', "more than 500 characters"),
        ('alert.summary.matches("(")', "at character 23: ( cannot be used: invalid regular expression: missing ): ("),
        ('alert.seen_at.getHours("Nowhere") > 3', "at character 24: Nowhere cannot be used: Invalid timezone"),
        ('alert.seen_at.getHours("../../etc/passwd") > 3', 'as "Europe/Berlin", "UTC" or "+02:00"'),
        ("alert.seen_at.getHours(alert.rule) > 3", 'as "Europe/Berlin", "UTC" or "+02:00"'),
    ],
)
def test_what_could_take_long_or_reach_outside_is_refused(text: str, words: str) -> None:
    assert words in str(mistake(text))


@pytest.mark.parametrize("pattern", ["^[0-9]{12}:[a-z]{2,8}$", "(a|b)+c*", "\\\\({2}", "[)]{3}", "a\\\\{1000}"])
def test_tame_patterns_are_taken(pattern: str) -> None:
    assert compile_expression(f'alert.summary.matches("{pattern}")').names == ("alert.summary",)


def test_a_mistake_knows_its_place_and_is_a_value_error() -> None:
    wrong = mistake("true &&\n alert.scroe > 3")
    assert isinstance(wrong, ValueError)
    assert wrong.position == 16
    assert mistake("").position is None


PIECES = st.sampled_from(
    [
        "alert", ".score", ".resources", ".exists(r, ", ".filter(", "r.info", "r", "(", ")", "[", "]", "{", "}", ":",
        ",", "&&", "||", "!", "==", ">", " in ", "?", "+", "-", "1", "2.5", "7u", '"x"', "'", "b'x'", "null", "true",
        "has(", "size(", ".matches(", "alert.extra", ".x", "[0]", "now", "change.reasons", "timestamp(", ".getHours(",
        "//", "\\", "\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=20))
def test_any_text_is_an_expression_or_a_mistake(text: str) -> None:
    wrong = judged(text)
    if wrong is not None:
        assert 0 < len(str(wrong)) < 500
        assert one_line(str(wrong)) == str(wrong)
        assert wrong.position is None or 1 <= wrong.position <= len(text) + 1


def judged(text: str) -> ExpressionMistake | None:
    try:
        compile_expression(text)
    except ExpressionMistake as wrong:
        return wrong
    return None

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import expression as expressions
from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.cel_fields import FIELDS
from gateway.domain.change import Reason
from gateway.domain.expression import ExpressionFailed, Facts, compile_expression
from gateway.domain.severity import Severity
from gateway.domain.text import one_line

ALERT = Alert(
    source="prod",
    event_type="ALERT",
    environment="44412345678075",
    alert_id="7f1c",
    key="optix-0123",
    severity=Severity.HIGH,
    score=83,
    summary="Bucket is public",
    alert_type="Policy",
    provider="AWS",
    rule="AR-251",
    details="Straße 💥\nsecond line",
    last_seen="May 1, 2024 12:00:00 PM",
    seen_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
    policy_labels=("PCI", "ISO 27001"),
    resources=(
        Resource("arn:aws:s3:::logs", "OPEN", {"bucket": {"name": "logs", "tags": ["a", "b"]}}),
        Resource("arn:aws:s3:::prod", "SUPPRESS", "no json", {"region": "eu-west-1"}),
    ),
    extra={"region": "eu-west-1", "count": 3, "ratio": 2.5, "huge": 10**30, "nothing": None, "list": [1, "x", True]},
    envelope_extra={"tenant": {"name": "acme"}},
)
BARE = Alert("prod", "ALERT", "", "7f1c", "optix-0123", Severity.UNKNOWN)
FACTS = Facts(ALERT, reasons=(Reason.GREW, Reason.RAISED), now=datetime(2024, 5, 4, 22, 30, tzinfo=UTC))


def answer(text: str, facts: Facts = FACTS) -> bool:
    return compile_expression(text).holds(facts)


def reason(text: str, alert: Alert = ALERT) -> str:
    with pytest.raises(ExpressionFailed) as failed:
        answer(text, Facts(alert))
    return failed.value.reason


@pytest.mark.parametrize(
    "text",
    [
        'alert.score >= 80 && "PCI" in alert.policy_labels',
        "alert.score == 83 && alert.score < 83.5 && alert.score in [83, 90] && alert.score * 2.0 == 166.0",
        'alert.severity in ["critical", "high"] && alert.severity != "High"',
        'alert.summary.contains("public") && alert.rule.startsWith("AR-") && alert.details.endsWith("line")',
        'alert.rule.matches("^AR-[0-9]{3}$") && !alert.rule.matches("^ar") && alert.rule.matches("(?i)^ar")',
        'alert.details.size() == 20 && size(alert.policy_labels) == 2 && alert.details.contains("💥")',
        '!("pci" in alert.policy_labels) && alert.policy_labels[1] == "ISO 27001"',
        'alert.resources.exists(r, r.state == "OPEN" && r.info.contains("logs"))',
        '!alert.resources.all(r, r.state == "OPEN") && alert.resources.exists_one(r, r.state == "OPEN")',
        'alert.resources.filter(r, r.info.startsWith("arn:aws:s3")).size() > 1',
        'alert.resources.filter(r, r.state == "OPEN").all(r, has(r.details.bucket))',
        'alert.resources.exists(r, r.details.bucket.tags.exists(t, t == "b"))',
        'alert.resources[0].details.bucket["name"] == "logs" && alert.resources[1].extra.region == "eu-west-1"',
        "alert.open_count == 1 && alert.suppressed_count == 1 && !alert.closed && alert.open_count + 1 == 2",
        "has(alert.extra.region) && !has(alert.extra.zone) && !has(alert.envelope_extra.tenant.zone)",
        "alert.extra.count == 3.0 && alert.extra.ratio < 3 && alert.extra.huge > 9223372036854775807",
        'alert.extra.nothing == null && alert.extra.list == [1, "x", true] && alert.extra.count != "3"',
        'alert.seen_at != null && alert.seen_at > timestamp("2024-01-01T00:00:00Z")',
        'alert.seen_at.getHours() == 12 && alert.seen_at.getHours("Europe/Berlin") == 14',
        'now - alert.seen_at > duration("72h") && now.getDayOfWeek() == 6 && now.getHours("+02:00") == 0',
        '"grew" in change.reasons && change.reasons.exists(w, w == "raised") && change.reasons.size() == 2',
        "7 / 2 == 3 && -7 % 3 == -1 && 7.0 / 2.0 == 3.5 && 0x10 == 16",
        'double("1.5") == 1.5 && int("12") == 12 && string(12) == "12" && type(1) == int',
        "[] == [] && [1].exists(x, x == 1) && [].all(x, x == 1) && {'a': 1}.a == 1 && 'a' in {'a': 1}",
        "alert.score > 3\n  && true // for the night",
        'true || alert.extra.zone == "x"',
        'alert.extra.zone == "x" || true',
        '!(alert.extra.zone == "x" && false)',
        "alert.resources.exists(r, r.details.bucket.name == 'logs')",
        "[0, 1].exists(x, 1 / x == 1) && !([0, 1].all(x, 1 / x == 2))",
        "false ? 1 / 0 == 1 : true",
    ],
)
def test_an_expression_means_what_cel_says(text: str) -> None:
    assert answer(text) is True
    assert answer(f"!({text.partition(' //')[0]})") is False


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.kind == "text"])
def test_every_text_is_the_alerts_own(name: str) -> None:
    value = str(getattr(ALERT, name.removeprefix("alert.")))
    assert answer(f"{name} == {value!r}")


@pytest.mark.parametrize("name", FIELDS)
def test_every_name_is_in_the_table_for_readers(name: str) -> None:
    assert f"`{name.removeprefix('alert.')}`" in str(expressions.__doc__).replace("`alert.", "`")


@pytest.mark.parametrize(
    "text",
    [
        "alert.score == null",
        "alert.seen_at == null",
        "alert.score == null || alert.score >= 80",
        "alert.seen_at == null || alert.seen_at.getHours() > 3",
        'alert.summary == "" && alert.policy_labels.size() == 0 && !alert.resources.exists(r, true)',
        "alert.resources.all(r, false) && !alert.closed",
    ],
)
def test_what_an_alert_lacks_can_be_asked_for(text: str) -> None:
    assert answer(text, Facts(BARE)) is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('alert.extra.zone == "x"', "there is no zone in this alert where it asks for one"),
        ("alert.extra.nothing.x == 1", "it asks for a field of what has none: of null, a text, a number or a list"),
        ('alert.extra.count.startsWith("x")', "startsWith does not take a whole number and a text"),
        ("alert.extra.count", "it gives a whole number, not true or false"),
        ("alert.extra.region > 3", "> does not take a text and a whole number"),
        ("alert.extra.count || false", "|| does not take what it finds there"),
        ("alert.extra.region ? true : false", "? : does not take what it finds there"),
        ("alert.extra.count.exists(x, true)", "a loop does not take what it finds there"),
        ("alert.policy_labels[5] == 'x'", "it asks for item 5 of a list that has 2, counted from 0"),
        ("1 / (alert.open_count - 1) == 1", "divide by zero"),
        ("alert.open_count + 9223372036854775807 > 1", "integer overflow"),
        ("int(alert.rule) > 1", "cannot convert string to int"),
        ("now > alert.seen_at", "now is not known here: the expression is worked out without a clock"),
        ("change.reasons == []", "change.reasons is not known here: the alert was not compared with an earlier state"),
    ],
)
def test_what_has_no_answer_says_why(text: str, words: str) -> None:
    assert reason(text) == words


@pytest.mark.parametrize("text", ["alert.score >= 80", "alert.score < 80", "!(alert.score >= 80)"])
def test_a_score_that_is_missing_is_neither_above_nor_below(text: str) -> None:
    assert reason(text, BARE).endswith("does not take null and a whole number")


def test_a_time_that_is_missing_is_neither_before_nor_after() -> None:
    assert reason("alert.seen_at > timestamp('2024-01-01T00:00:00Z')", BARE) == "> does not take null and a time"


def test_the_hostile_text_in_a_reason_is_one_short_inert_line() -> None:
    words = reason("alert.extra[alert.summary] == 1", replace(ALERT, summary="\x1b[31m\u202eevil\n" + "x" * 5000))
    assert words.startswith(r"there is no \x1b[31mevil\nxxx")
    assert one_line(words) == words
    assert len(words) <= 200


def test_a_value_that_is_nested_too_deeply_is_no_answer() -> None:
    deep: JSON = "x"
    for _ in range(200):
        deep = [deep]
    alert = replace(ALERT, extra={"deep": deep})
    assert "nested more than 100 levels" in reason("has(alert.extra.deep)", alert)
    assert answer("alert.score > 3", Facts(alert)), "what is not asked for is not looked at"


def test_only_what_an_expression_names_is_turned_into_values() -> None:
    expression = compile_expression('alert.score > 3 || "x" in alert.policy_labels')
    assert expression.names == ("alert.policy_labels", "alert.score")
    facts = Facts(ALERT)
    assert expression.holds(facts)
    assert set(facts._values) == set(expression.names)


def test_an_expression_is_described_by_its_text_on_one_line() -> None:
    expression = compile_expression("alert.score > 3\n  &&\ttrue")
    assert expression.describe() == "alert.score > 3 && true"
    assert expression == compile_expression(expression.text)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys, gateway.domain.expression; print('cel_expr_python' in sys.modules)", "False"),
        (
            """
import sys
sys.modules["cel_expr_python"] = None
from gateway.domain.expression import ExpressionMistake, compile_expression
try:
    compile_expression("true")
except ExpressionMistake as mistake:
    print(mistake)
""",
            "expressions need a package that is not installed: pip install 'optix-gateway[expressions]'",
        ),
    ],
    ids=["without an expression it is not imported", "without the package an expression is a mistake"],
)
def test_the_library_is_needed_only_by_who_uses_it(program: str, said: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout.strip() == said


ANY_TEXT = st.text(st.characters(), max_size=12)
WORDS = st.sampled_from(["OPEN", "SUPPRESS", "PCI", "x", ""]) | ANY_TEXT
NUMBERS = st.integers() | st.floats() | st.integers(10**20, 10**310)
ANY_JSON: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
EXTRA = st.dictionaries(st.sampled_from(["region", "count"]) | ANY_TEXT, ANY_JSON, max_size=3)
ALERTS = st.builds(
    Alert,
    source=WORDS,
    event_type=WORDS,
    environment=WORDS,
    alert_id=WORDS,
    key=WORDS,
    severity=st.sampled_from(Severity),
    score=st.none() | st.integers(0, 100) | st.floats(0, 100),
    summary=WORDS,
    details=WORDS,
    seen_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    policy_labels=st.lists(WORDS, max_size=3).map(tuple),
    resources=st.lists(st.builds(Resource, WORDS, WORDS, ANY_JSON, EXTRA), max_size=3).map(tuple),
    extra=EXTRA,
    envelope_extra=EXTRA,
)
ASKED = [
    compile_expression(text)
    for text in (
        'alert.score >= 80 && "PCI" in alert.policy_labels',
        "alert.resources.exists(r, has(r.details.bucket) || r.details > 3 || r.info.contains(r.state))",
        "alert.resources.filter(r, r.extra.size() > 0).exists(r, r.extra == alert.extra)",
        "alert.extra.count > alert.extra.region || alert.extra.count + 1 == 2 || alert.extra[alert.summary]",
        "alert.seen_at.getHours() > 3 || int(alert.details) > 3 || duration(alert.details) > duration('1s')",
        "alert.extra.exists(k, k == alert.summary) && alert.envelope_extra.count.exists(x, x in alert.extra.region)",
        "alert.extra.region ? string(alert.extra.count) == alert.details : timestamp(alert.rule) == alert.seen_at",
        "alert.details + alert.summary == alert.source || alert.rule.matches('x') || bytes(alert.details).size() > 3",
    )
]


@given(ALERTS, st.sampled_from(ASKED))
def test_whatever_the_alert_there_is_an_answer_or_a_reason(alert: Alert, expression: expressions.Expression) -> None:
    facts = Facts(alert)
    first = told(expression, facts)
    assert first == told(expression, facts) == told(expression, Facts(alert))
    assert isinstance(first, bool) or (first == one_line(first) and 0 < len(first) <= 200)


def told(expression: expressions.Expression, facts: Facts) -> bool | str:
    try:
        return expression.holds(facts)
    except ExpressionFailed as failed:
        return failed.reason

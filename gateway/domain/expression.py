"""WHEN: a question about the alert in CEL (https://cel.dev), for what the filter keys cannot say.

    alert.score >= 80 && "PCI" in alert.policy_labels
    alert.resources.exists(r, r.state == "OPEN" && r.info.contains("prod"))
    alert.resources.filter(r, r.info.startsWith("arn:aws:s3")).size() > 3
    has(alert.extra.region) && alert.extra.region in ["eu-west-1", "eu-central-1"]

| name | what it is |
|---|---|
| `alert.source` `event_type` `environment` `alert_id` `key` `summary` `alert_type` `provider` `rule` `details` `last_seen` | texts, "" when missing; compared with case |
| `alert.severity` | text: `critical`, `high`, `medium`, `low`, `unknown` |
| `alert.score` | double; null when missing, and then `alert.score >= 80` has no answer: ask `alert.score != null` as well |
| `alert.policy_labels` | list of texts |
| `alert.resources` | list of maps: `info` and `state` (texts), `details` (any JSON, null when absent), `extra` (map) |
| `alert.open_count` `alert.suppressed_count` | whole numbers |
| `alert.closed` | true when every resource is suppressed and there is one |
| `alert.seen_at` | timestamp, null when unreadable |
| `alert.extra` `alert.envelope_extra` | maps of the keys we do not know; ask `has(alert.extra.region)` first |
| `change.reasons` | list of the words of `gateway.domain.change.Reason`, where the caller compared |
| `now` | timestamp, where the caller has a clock |

Not taken: `map`, `filter` but on resources and labels, `+` in a loop, patterns and time zones that are not written out.
An error is no answer, neither yes nor no; as CEL has it, `false && error` is false and `true || error` true.

The library is cel-expr-python, Google's own cel-cpp: of those on PyPI it alone checks types, bounds loops and, as CEL
says, counts a text by characters and compares a score of 83.0 with 80. Its patterns are RE2's.
"""  # noqa: E501 - a table

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.cel_cost import MOST_WORK, Cost, cost_of, names_in
from gateway.domain.cel_engine import Compiled, engine
from gateway.domain.cel_fields import ExpressionFailed, Facts
from gateway.domain.cel_rules import TIMES, ExpressionMistake, check
from gateway.domain.cel_tree import Call, Constant, Node, read_tree, walk
from gateway.domain.text import one_line

__all__ = ["LONGEST", "Expression", "ExpressionFailed", "ExpressionMistake", "Facts", "compile_expression"]

LONGEST = 4_096
"""Characters of an expression."""
_SEEN_AT = "alert.seen_at"
_PATTERN_TRIAL = '"".matches(probe)'
_ZONE_TRIAL = 'timestamp("2020-01-01T00:00:00Z").getHours(probe) >= 0'


@dataclass(frozen=True, slots=True)
class Expression:
    """Made by `compile_expression`. Two are equal when their texts are. `names`: what it asks for, sorted."""

    text: str
    names: tuple[str, ...] = field(compare=False)
    cost: Cost = field(compare=False, repr=False)
    _compiled: Compiled = field(compare=False, repr=False)
    _timeless: Compiled | None = field(compare=False, repr=False)

    def holds(self, facts: Facts) -> bool:
        """ExpressionFailed when there is no answer for this alert: something it asks for is not there or of another
        kind, or it would be too much work. That is no yes: hold the alert, with the reason.
        """
        work = self.cost.work(facts.size)
        if work > MOST_WORK:
            millions, limit = work // 1_000_000, MOST_WORK // 1_000_000
            raise ExpressionFailed(f"this alert is too large for it: {millions:,} million steps, {limit} are the limit")
        if self._timeless is not None and facts.alert.seen_at is None:
            return engine(timeless=True).evaluate(self._timeless, facts, self.names)
        return engine().evaluate(self._compiled, facts, self.names)

    def describe(self) -> str:
        """Its text on one line."""
        return one_line(self.text)


def compile_expression(text: str) -> Expression:
    """ExpressionMistake says in a sentence what is wrong with the text, and where; also when the package is missing."""
    if not text.strip():
        raise ExpressionMistake("the expression is empty; leave the key out to take everything")
    if len(text) > LONGEST:
        raise ExpressionMistake(f"the expression has {len(text):,} characters, {LONGEST:,} are the limit")
    if not text.isascii():
        _check_readable(text)
    tree = read_tree(engine().parse(text))
    check(tree)
    _try_written(tree)
    names = tuple(sorted(names_in(tree)))
    compiled = engine().compile(text)
    timeless = engine(timeless=True).compile(text) if _SEEN_AT in names else None
    return Expression(text, names, cost_of(tree), compiled, timeless)


def _try_written(tree: Node) -> None:
    """Patterns and time zones, of which only the library knows whether they are any."""
    for node in walk(tree):
        if not isinstance(node, Call) or not node.arguments or not isinstance(node.arguments[-1], Constant):
            continue
        written = node.arguments[-1]
        trial = _PATTERN_TRIAL if node.function == "matches" else _ZONE_TRIAL if node.function in TIMES else ""
        if trial and (refusal := engine().refusal(trial, written.text)):
            raise ExpressionMistake(f"{written.text} cannot be used: {refusal}", written.at + 1)


def _check_readable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionMistake("this is half a character, which no text can hold", error.start + 1) from None

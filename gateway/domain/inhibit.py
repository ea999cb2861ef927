"""INHIBIT: a finding that mutes narrower ones on the same resource, as `AR-1045>AR-1044>AR-651`.

A public host with every port open (AR-1045) also has port 22 open (AR-651): who has the first needs no word of the
second. Findings of other environments or sources never mute anything: whoever calls gives those of the alert's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Self, TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.pattern import Glob, fold, glob, is_glob
from gateway.domain.text import code_points, cut, fit_list, one_line

_EXAMPLE = "Write the wider rule first, as in AR-1045>AR-1044>AR-651; AR-251>AR-252."
_MOST_PAIRS = 100
_LONGEST_RULE = 64
_SHOWN = 160

_Pair: TypeAlias = tuple[str, str]
"""The wider pattern and the narrower one, folded."""


@dataclass(frozen=True, slots=True)
class Link:
    """`wide` mutes `narrow`, and so does everything in `above`, which mutes `wide`."""

    wide: Glob
    narrow: Glob
    above: tuple[Glob, ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """`muted`: each of the alert's open resources that a wider finding has too -> the rule of that finding, as it was
    given. `left`: how many open resources nobody else tells of.
    """

    muted: Mapping[str, str]
    left: int

    @property
    def inhibited(self) -> bool:
        """The alert has nothing open that is not muted, and something that is: an alert with nothing open passes."""
        return bool(self.muted) and not self.left

    @property
    def reason(self) -> str:
        """One clause: `all 3 open resources are told by AR-1045 (2), AR-1044 (1)`; "" when nothing is muted."""
        if not self.muted:
            return ""
        found, count = Counter(map(one_line, self.muted.values())), len(self.muted)
        rules = [rule if len(found) == 1 else f"{rule} ({times})" for rule, times in found.most_common()]
        said = fit_list(rules, _SHOWN)
        if self.left:
            return f"{count} of {count + self.left} open resources are told by {said}"
        return f"all {count} open resources are told by {said}" if count > 1 else f"its open resource is told by {said}"


_NOTHING = Inhibition({}, 0)


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """Made by `parse`. Without links it mutes nothing, and is false."""

    links: tuple[Link, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Chains separated by `;` (in a file also by lines) of rules or patterns separated by `>`, the widest first.

        ValueError says what is wrong: a chain of one, a gap, rules that mute each other.
        """
        chains = [_chain(part.strip()) for part in re.split(r"[;\r\n]", text) if part.strip()]
        pairs = tuple(dict.fromkeys(pair for chain in chains for pair in pairwise(chain)))
        if len(pairs) > _MOST_PAIRS:
            raise ValueError(f"there are {len(pairs)} pairs of rules, and {_MOST_PAIRS} at most. Patterns say many.")
        _refuse_circles(pairs)
        return cls(tuple(Link(glob(wide), glob(narrow), _above(wide, pairs)) for wide, narrow in pairs))

    def __bool__(self) -> bool:
        return bool(self.links)

    def dominated_by(self, rule: str) -> frozenset[str]:
        """The rules that mute this one, directly or through others: folded, and patterns as patterns."""
        own = fold(rule)
        return frozenset(wide.pattern for wide in self._wider(own)) - {own}

    def mutes(self, wide: str, narrow: str) -> bool:
        """Whether findings of the first rule may mute those of the second."""
        return fold(wide) != fold(narrow) and any(glob.matches(fold(wide)) for glob in self._wider(fold(narrow)))

    def decide(self, alert: Alert, open_by_rule: Mapping[str, Collection[str]]) -> Inhibition:
        """Which of the alert's open resources a wider finding has too.

        `open_by_rule`: rule -> the texts (`Resource.info`) of the resources that are open with it now, in the alert's
        own environment and source. The alert's own rule in it does not count: no rule mutes itself. Where several
        wider rules have a resource, the widest is named: it is the one that is told.
        """
        own = fold(alert.rule)
        wider = self._wider(own)
        if not wider:
            return _NOTHING
        mine = dict.fromkeys(resource.info for resource in alert.resources if resource.is_open)
        muted: dict[str, str] = {}
        for rule in _ranked(open_by_rule, wider, own):
            for info in mine.keys() & set(open_by_rule[rule]):
                muted.setdefault(info, rule)
        return Inhibition({info: muted[info] for info in mine if info in muted}, len(mine) - len(muted))

    def _wider(self, own: str) -> Sequence[Glob]:
        """The patterns of the rules that mute this one, the widest first: it has the fewest above itself."""
        muting = [link for link in self.links if link.narrow.matches(own)]
        if not muting:
            return ()
        height = {link.wide.pattern: len(link.above) for link in self.links}
        found = {wide.pattern: wide for link in muting for wide in (link.wide, *link.above)}
        return sorted(found.values(), key=lambda wide: height[wide.pattern])


def _ranked(rules: Collection[str], wider: Sequence[Glob], own: str) -> Iterator[str]:
    """Those of the rules that mute `own`, the widest first."""
    folded = {rule: fold(rule) for rule in sorted(rules)}
    for wide in wider:
        yield from (rule for rule, text in folded.items() if text != own and wide.matches(text))


def _chain(text: str) -> tuple[str, ...]:
    rules = tuple(fold(part) for part in text.split(">"))
    shown = "the URL given" if "://" in text else f'"{cut(one_line(text), _SHOWN, code_points)}"'
    if len(rules) < 2:
        raise ValueError(f"{shown} names one rule and nothing that it mutes. {_EXAMPLE}")
    if not all(rules):
        raise ValueError(f"{shown} has a gap beside a >. {_EXAMPLE}")
    if any(re.search(r"[\s,]", rule) for rule in rules):
        raise ValueError(f"{shown} has a blank or a comma in a rule; chains are separated by semicolons. {_EXAMPLE}")
    if any(len(rule) > _LONGEST_RULE for rule in rules):
        raise ValueError(f"{shown} has a rule of more than {_LONGEST_RULE} characters.")
    return rules


def _above(wide: str, pairs: Collection[_Pair]) -> tuple[Glob, ...]:
    """Every pattern that mutes `wide`, or a rule that it may match, directly or through others; not itself."""
    reached: dict[str, None] = {}
    fresh = [wide]
    while fresh:
        found = {wider: None for wider, narrow in pairs for pattern in fresh if _meet(narrow, pattern)}
        fresh = [pattern for pattern in found if pattern not in reached and pattern != wide]
        reached.update(dict.fromkeys(fresh))
    return tuple(map(glob, reached))


def _refuse_circles(pairs: Collection[_Pair]) -> None:
    """ValueError when two different rules could mute each other.

    Of patterns that share one rule only (`A*>?B`), some are refused that would do no harm; never the other way round.
    """
    muted: dict[str, list[str]] = {}
    for wide, narrow in pairs:
        muted.setdefault(wide, []).append(narrow)
    try:
        TopologicalSorter({wide: _reached(wide, narrows, muted) for wide, narrows in muted.items()}).prepare()
    except CycleError as error:
        circle = " > ".join(pattern.upper() for pattern in reversed(error.args[1]))
        raise ValueError(f"the chains go round in a circle: {circle}. No rule can be wider than itself.") from None


def _reached(wide: str, narrows: list[str], wides: Collection[str]) -> Iterator[str]:
    """The wide patterns that a rule muted by this one may match. Itself only when two different rules could mute each
    other: `AR-1001>AR-*` and `AR-*>AR-651` are no circles, for no rule mutes itself.
    """
    for other in wides:
        met = [narrow for narrow in narrows if _meet(narrow, other)]
        alone = other == wide and (not is_glob(wide) or (len(met) == 1 and not is_glob(met[0])))
        if met and (not alone or wide in narrows):
            yield other


def _meet(one: str, other: str) -> bool:
    """Whether a text could match both patterns."""
    if not is_glob(one) or not is_glob(other):
        return one == other or (is_glob(one) and glob(one).matches(other)) or (is_glob(other) and _meet(other, one))
    return _globs_meet(one, other)


def _globs_meet(one: str, other: str) -> bool:
    @cache
    def meet(at: int, by: int) -> bool:
        left, right = one[at : at + 1], other[by : by + 1]
        if not left or not right:
            return not (one[at:] + other[by:]).strip("*")
        if "*" in (left, right):
            return meet(at + 1, by) or meet(at, by + 1)  # the star is nothing, or takes one sign of the other pattern
        return (left == right or "?" in (left, right)) and meet(at + 1, by + 1)

    return meet(0, 0)

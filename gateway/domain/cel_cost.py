"""How much work an expression is for one alert, told before it is done from the sizes of what it names.

The library bounds the rounds of all loops together (10,000), but not what is done in one round: looking for one long
text in another, a thousand times over, would hold up every other delivery. Work is counted in characters looked at, at
most; one takes from a hundredth of a nanosecond to seven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.domain.cel_fields import FIELDS, Size
from gateway.domain.cel_kinds import Scope, dotted, origins, scoped
from gateway.domain.cel_rules import counted
from gateway.domain.cel_tree import Call, Constant, Literal, Loop, Name, Node, walk

MOST_WORK = 2**25
"""Characters: a tenth of a second on a slow machine. Alerts of a few thousand resources pass all common expressions."""
MOST_ROUNDS = 10_000
"""The library's own limit, for all loops of one evaluation."""

_PATTERN = 4_000
_PATTERN_CHARACTER = 100
_PATTERN_COUNT = 300
"""A pattern is compiled anew each time it is used: 15 microseconds and more."""
_FILTERED = 16
"""`filter` copies its list with each item it adds: 25 nanoseconds for each item copied."""
_SEARCHED = 64
"""Characters compared in the time of one step, when one text is looked for in another."""

Sizes: TypeAlias = Callable[[str], Size]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of an expression; independent of any alert. `reads`: (name, loops that repeat it), once for each mention.

    `patterns`: (characters of work, loops that repeat it). `over`: names that loops go through. `written`: items of the
    longest list in the text. `filtered`: the names that `filter` goes through. `sought`: names of texts looked for.
    """

    reads: tuple[tuple[str, int], ...]
    patterns: tuple[tuple[int, int], ...]
    over: frozenset[str]
    written: int
    filtered: tuple[str, ...]
    sought: frozenset[str]

    def work(self, sizes: Sizes) -> int:
        most = max((sizes(name).items for name in self.over), default=0) + self.written
        longest = max((sizes(name).longest for name in self.sought), default=0)
        read = sum(sizes(name).total * _rounds(most, loops) for name, loops in self.reads)
        matched = sum(each * _rounds(most, loops) for each, loops in self.patterns)
        copied = sum(_FILTERED * sizes(name).items ** 2 for name in self.filtered)
        return read + read * longest // _SEARCHED + matched + copied


def _rounds(most: int, loops: int) -> int:
    return int(min(MOST_ROUNDS, most**loops)) if loops else 1


def cost_of(tree: Node) -> Cost:
    nodes = [node for node, _ in scoped(tree)]
    loops = [(node, scope) for node, scope in scoped(tree) if isinstance(node, Loop)]
    return Cost(
        reads=tuple(_reads(tree)),
        patterns=tuple(_patterns(tree)),
        over=frozenset(name for loop, scope in loops for name in origins(loop.over, scope)),
        written=max((len(node.items) for node in nodes if isinstance(node, Literal)), default=0) if loops else 0,
        filtered=tuple(dotted(loop.over) for loop, _ in loops if loop.macro == "filter"),
        sought=frozenset(_sought(tree)),
    )


def names_in(tree: Node) -> frozenset[str]:
    """The keys of FIELDS that the expression names."""
    return frozenset(name for node in walk(tree) if (name := dotted(node)) in FIELDS)


def _depth(scope: Scope) -> int:
    return max((items.depth for items in scope.values()), default=0)


def _reads(tree: Node) -> Iterator[tuple[str, int]]:
    """A loop's own variable is read once in all: each round looks at another item."""
    for node, scope in scoped(tree):
        if (name := dotted(node)) in FIELDS:
            yield name, _depth(scope)
        elif isinstance(node, Name) and node.name in scope:
            items = scope[node.name]
            for origin in items.names:
                yield origin, _depth(scope) - items.depth


def _patterns(tree: Node) -> Iterator[tuple[int, int]]:
    for node, scope in scoped(tree):
        if isinstance(node, Call) and node.function == "matches":
            pattern = node.arguments[-1]
            text = pattern.text if isinstance(pattern, Constant) else ""
            yield _PATTERN + _PATTERN_CHARACTER * len(text) + _PATTERN_COUNT * counted(text), _depth(scope)


def _sought(tree: Node) -> Iterator[str]:
    for node, scope in scoped(tree):
        if isinstance(node, Call) and node.function == "contains":
            yield from origins(node.arguments[-1], scope)

"""What an expression may not say: names that do not exist, kinds that never fit, and what could take too long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from gateway.domain.cel_fields import FIELDS, RESOURCE_FIELDS, ROOTS
from gateway.domain.cel_kinds import (
    ARITHMETIC,
    COMPARISONS,
    LOGIC,
    NOUNS,
    OF_TEXT,
    OUTSIDE,
    Scope,
    dotted,
    is_resource,
    kind_of,
    scoped,
)
from gateway.domain.cel_tree import Call, Constant, Literal, Loop, Name, Node, Select, children
from gateway.domain.text import code_points, cut, one_line

SIGNS = {
    **{sign: sign.strip("_") for sign in COMPARISONS | ARITHMETIC | LOGIC | {"-_"}},
    "@in": "in",
    "_[_]": "[ ]",
    "_?_:_": "? :",
}
_MACROS = ("exists", "all", "exists_one", "filter", "has")
TIMES = (
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip
_CONVERSIONS = ("int", "uint", "double", "string", "bool", "bytes", "timestamp", "duration", "type", "dyn")
_FUNCTIONS = (*sorted(OF_TEXT), "size", *_CONVERSIONS, *TIMES)
_TYPES = frozenset({"int", "uint", "double", "string", "bool", "bytes", "list", "map", "type", "null_type"})
_FILTERED = frozenset({"alert.resources", "alert.policy_labels"})

_COUNTED = re.compile(r"(?<!\\)\{(\d{1,4})(?:,(\d{0,4}))?\}")
_MOST_COUNTED = 100
"""All upper bounds of `{n,m}` in one pattern. The pattern is compiled for every alert, and written out that often."""
_LONGEST_PATTERN = 500
_ZONE = re.compile(r"[+-]?\d\d:\d\d|[A-Za-z]{1,20}(?:/[A-Za-z0-9_+-]{1,30}){0,2}")
_SHOWN = 60


class ExpressionMistake(ValueError):
    """What is wrong with the text of an expression. `position`: the character it is at, from 1; None for the whole."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"at character {position}: {message}")
        self.position = position


def check(tree: Node) -> None:
    """ExpressionMistake for the first thing that is wrong, from the left of the outermost."""
    for node, scope in scoped(tree):
        _check(node, scope)
    kind = kind_of(tree, OUTSIDE)
    if kind not in (None, "boolean"):
        raise ExpressionMistake(f"the expression gives {NOUNS[str(kind)]}, not true or false")


def _check(node: Node, scope: Scope) -> None:
    match node:
        case Select():
            _check_select(node, scope)
        case Name():
            _check_name(node, scope)
        case Call():
            _check_function(node)
            _check_kinds(node, scope)
            _check_cost(node, scope)
        case Loop():
            _check_loop(node, scope)
        case Literal(kind="message"):
            raise _mistake(node, "messages are not for here; a map is written {…} without a name")


def _check_select(node: Select, scope: Scope) -> None:
    name = dotted(node)
    if name and name not in FIELDS:
        raise _mistake(node, f"there is no {_shown(name)}.{_nearest_field(*name.split('.', 1))}", shift=2)
    if name and node.tests:
        raise _mistake(node, f"has({name}) says nothing, it is there for every alert; look at its value instead")
    if is_resource(node.operand, scope) and node.field not in RESOURCE_FIELDS:
        near = _nearest(node.field, RESOURCE_FIELDS)
        known = ", ".join(RESOURCE_FIELDS)
        raise _mistake(node, f"a resource has no {_shown(node.field)}.{near} It has {known}", shift=2)


def _check_name(node: Name, scope: Scope) -> None:
    name = node.name
    if name in scope or name in FIELDS or name in _TYPES:
        return
    if name in ROOTS:
        raise _mistake(node, f"{name} stands alone; ask for a field of it, such as {_example(name)}")
    if f"alert.{name}" in FIELDS:
        raise _mistake(node, f"there is no {_shown(name)}. Did you mean alert.{name}?")
    raise _mistake(node, f"there is no {_shown(name)}.{_nearest(name, (*ROOTS, *scope))}{_said_otherwise(name)}")


def _said_otherwise(name: str) -> str:
    """For the words of other languages."""
    words = {"and": "&&", "or": "||", "not": "!", "True": "true", "False": "false", "None": "null", "nil": "null"}
    return f" CEL writes {words[name]}" if name in words else ""


def _check_function(node: Call) -> None:
    if node.function in SIGNS or node.function in _FUNCTIONS:
        return
    if node.function in _MACROS:
        raise _mistake(node, f'{node.function} takes a name and a condition: (r, r.state == "OPEN")')
    near = _nearest(node.function, (*_FUNCTIONS, *_MACROS))
    raise _mistake(node, f"there is no function {_shown(node.function)}.{near}")


def _check_kinds(node: Call, scope: Scope) -> None:
    """Kinds that never fit. Where one is unknown, or both are the library's own, the library judges."""
    kinds = [kind_of(argument, scope) for argument in node.arguments]
    sign = SIGNS.get(node.function, node.function)
    if node.function in COMPARISONS and _differ(*kinds) and "null" not in kinds:
        raise _mistake(node, f"{sign} compares {NOUNS[str(kinds[0])]} with {NOUNS[str(kinds[1])]}, which never fits")
    if node.function in LOGIC or node.function == "_?_:_":
        conditions = zip(node.arguments, kinds, strict=True)
        for part, kind in conditions if node.function in LOGIC else list(conditions)[:1]:
            if kind not in (None, "boolean"):
                raise _mistake(part, f"{sign} needs true or false here, not {NOUNS[kind]}")
    elif node.function in ARITHMETIC:
        _check_arithmetic(node, kinds[0], kinds[-1])
    elif node.function == "@in" and kinds[1] not in (None, "list", "map"):
        raise _mistake(node, f"in looks into a list or a map, not into {NOUNS[str(kinds[1])]}{_for_text(kinds[1])}")
    elif node.function in OF_TEXT:
        _check_text(node, scope)


def _for_text(kind: str | None) -> str:
    return "; for that write text.contains(part)" if kind == "text" else ""


def _differ(one: str | None, other: str | None) -> bool:
    numbers = ("int", "double")
    return one is not None and other is not None and one != other and not (one in numbers and other in numbers)


def _check_arithmetic(node: Call, one: str | None, other: str | None) -> None:
    sign = SIGNS[node.function]
    if {one, other} == {"int", "double"}:
        raise _mistake(node, f"{sign} takes two whole numbers or two others; write 2.0 for 2, or double(…)")
    if "time" not in (one, other) and _differ(one, other):
        raise _mistake(node, f"{sign} does not take {NOUNS[str(one)]} and {NOUNS[str(other)]}")


def _check_text(node: Call, scope: Scope) -> None:
    for part in children(node):
        kind = kind_of(part, scope)
        if kind not in (None, "text"):
            raise _mistake(part, f"{node.function} works on texts, not on {NOUNS[kind]}")


def _check_loop(node: Loop, scope: Scope) -> None:
    kind, over = kind_of(node.over, scope), dotted(node.over)
    if node.variable in ROOTS:
        raise _mistake(node, f"{node.variable} already means something; take another name, such as r")
    if kind not in (None, "list", "map"):
        raise _mistake(node, f"{node.macro} goes through a list or a map, not through {NOUNS[kind]}")
    if node.macro == "map":
        raise _mistake(node, "map is not for here: its time grows with the square of a list. Ask with exists or all")
    if node.macro == "filter" and (scope or over not in _FILTERED):
        where = " and ".join(sorted(_FILTERED))
        raise _mistake(node, f"filter is only for {where}, and not inside of another. Ask with exists or all")


def _check_cost(node: Call, scope: Scope) -> None:
    if node.function == "_+_" and scope:
        raise _mistake(node, "+ is not for the inside of exists, all, exists_one and filter: texts would pile up")
    if node.function == "matches":
        _check_pattern(node.arguments[-1])
    if node.function in TIMES and node.arguments:
        zone = node.arguments[-1]
        if not isinstance(zone, Constant) or not _ZONE.fullmatch(zone.text):
            raise _mistake(zone, 'a time zone is written out, as "Europe/Berlin", "UTC" or "+02:00"')


def _check_pattern(pattern: Node) -> None:
    """The engine (RE2) takes time in proportion to text times pattern, so the pattern must be known and small."""
    if not isinstance(pattern, Constant):
        raise _mistake(pattern, "the pattern of matches is written out; no text of an alert may be one")
    if len(pattern.text) > _LONGEST_PATTERN:
        raise _mistake(pattern, f"the pattern has more than {_LONGEST_PATTERN} characters")
    if counted(pattern.text) > _MOST_COUNTED:
        raise _mistake(pattern, f"the pattern repeats by {{n}} more than {_MOST_COUNTED} times in all; use + or *")
    if re.search(r"(?:(?<!\\)\)|\})\{\d", pattern.text):
        raise _mistake(pattern, "the pattern repeats a group by {n}, which multiplies; use + or *, or write it out")


def counted(pattern: str) -> int:
    """The sum of the upper bounds of `{n,m}`."""
    return sum(int(most or least) for least, most in _COUNTED.findall(pattern))


def _mistake(node: Node, message: str, *, shift: int = 1) -> ExpressionMistake:
    return ExpressionMistake(message.removesuffix("."), node.at + shift)


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _nearest_field(root: str, field: str) -> str:
    """All of them, when none is near."""
    fields = [known.removeprefix(f"{root}.") for known in FIELDS if known.startswith(f"{root}.")]
    close = get_close_matches(field, fields, n=1, cutoff=0.6)
    return f" Did you mean {root}.{close[0]}?" if close else f" There are {', '.join(fields) or 'none'}"


def _example(root: str) -> str:
    return next(name for name in FIELDS if name.startswith(root))


def _shown(text: str) -> str:
    return cut(one_line(text), _SHOWN, code_points)

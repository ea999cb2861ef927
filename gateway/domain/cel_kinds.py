"""What kind of value a part of an expression gives, as far as it can be told without an alert.

The library checks types too, but knows three of our values only as "dyn": a score (a double or null) and the info and
state of a resource. A comparison such as `alert.score > "80"` would pass it and fail for every alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from gateway.domain.cel_fields import FIELDS, RESOURCE_FIELDS, ROOTS
from gateway.domain.cel_tree import Call, Constant, Literal, Loop, Name, Node, Select, children


class Items(NamedTuple):
    """What the variable of a loop stands for. `names`: keys of FIELDS that its items come from. `resources`: they are
    those of `alert.resources` themselves. `depth`: loops it is in, its own included.
    """

    names: frozenset[str]
    resources: bool
    depth: int


Scope: TypeAlias = Mapping[str, Items]
"""Variable -> what it stands for, in the body of a loop."""

OUTSIDE: Scope = MappingProxyType({})
NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "int": "a whole number",
        "double": "a number",
        "text": "a text",
        "boolean": "true or false",
        "list": "a list",
        "map": "a map",
        "time": "a time",
        "null": "null",
        "bytes": "bytes",
        "message": "a message",
    }
)
ITEMS = "alert.resources"

COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})
LOGIC = frozenset({"_&&_", "_||_", "!_"})
OF_TEXT = frozenset({"contains", "startsWith", "endsWith", "matches"})

_RESULTS = {
    **dict.fromkeys(COMPARISONS | LOGIC | OF_TEXT | {"@in", "bool"}, "boolean"),
    **dict.fromkeys(("size", "int"), "int"),
    "double": "double",
    "string": "text",
}
_MACROS = {"filter": "list", "map": "list"}


def dotted(node: Node) -> str:
    """`alert.score` for that very select, `now` for that name, "" for anything else."""
    match node:
        case Select(operand=Name(name=root), field=field) if root in ROOTS:
            return f"{root}.{field}"
        case Name(name=name) if name in ROOTS:
            return name
        case _:
            return ""


def kind_of(node: Node, scope: Scope) -> str | None:
    """A key of NOUNS; None when it cannot be told. A score counts as the double that it nearly always is."""
    match node:
        case Constant(kind=kind) | Literal(kind=kind):
            return kind
        case Loop(macro=macro):
            return _MACROS.get(macro, "boolean")
        case Select(tests=True):
            return "boolean"
        case Call(function=function):
            return _RESULTS.get(function)
        case _:
            return _kind_of_field(node, scope)


def _kind_of_field(node: Node, scope: Scope) -> str | None:
    if field := FIELDS.get(dotted(node)):
        return field.kind
    if isinstance(node, Select) and is_resource(node.operand, scope):
        return RESOURCE_FIELDS.get(node.field)
    return None


def is_resource(node: Node, scope: Scope) -> bool:
    """Whether it is one item of `alert.resources`."""
    match node:
        case Name(name=name):
            return name in scope and scope[name].resources
        case Call(function="_[_]", arguments=(inner, _)):
            return dotted(inner) == ITEMS
        case _:
            return False


def origins(node: Node, scope: Scope) -> Iterator[str]:
    """The fields a value may come from, each as often as it is named."""
    if (name := dotted(node)) in FIELDS:
        yield name
        return
    match node:
        case Name(name=variable) if variable in scope:
            yield from scope[variable].names
        case Loop(over=over):
            yield from origins(over, scope)
        case _:
            for part in children(node):
                yield from origins(part, scope)


def inside(loop: Loop, scope: Scope) -> Scope:
    """The scope of its bodies."""
    over: Node = loop.over
    while isinstance(over, Loop) and over.macro == "filter":
        over = over.over
    depth = 1 + max((items.depth for items in scope.values()), default=0)
    items = Items(frozenset(origins(loop.over, scope)), dotted(over) == ITEMS, depth)
    return {**scope, loop.variable: items}


def scoped(node: Node, scope: Scope = OUTSIDE) -> Iterator[tuple[Node, Scope]]:
    """Every node but those inside of a field's name, with the scope it is in."""
    yield node, scope
    if dotted(node) in FIELDS:
        return
    if isinstance(node, Loop):
        yield from scoped(node.over, scope)
        within = inside(node, scope)
        for body in node.bodies:
            yield from scoped(body, within)
        return
    for child in children(node):
        yield from scoped(child, scope)

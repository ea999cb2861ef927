"""The syntax tree of a CEL expression, read from the bytes in which the library hands it over.

The library has no other door to its tree. The bytes are a `google.protobuf.Any` around `cel.expr.ParsedExpr`, whose
field numbers are fixed by https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto. Four macros
arrive unfolded into loops; their names are read back from the loops' shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, Union

_CONSTANTS = {1: "null", 2: "boolean", 3: "int", 4: "int", 5: "double", 6: "text", 7: "bytes"}


@dataclass(frozen=True, slots=True)
class Constant:
    """`kind` as in `cel_kinds`. `text`: of a text; "" for others."""

    at: int
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; `tests`: has(operand.field)."""

    at: int
    operand: Node
    field: str
    tests: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """Operators are calls too: `_>=_`, `_&&_`, `!_`, `@in`, `_[_]`. `target`: what stands before the dot, if any."""

    at: int
    function: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """`kind`: list, map, or message for `Name{…}`. `items`: those of a list, keys and values of a map."""

    at: int
    kind: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`over.macro(variable, …)`. `bodies`: what is worked out for each item."""

    at: int
    macro: str
    variable: str
    over: Node
    bodies: tuple[Node, ...]


Node: TypeAlias = Union[Constant, Name, Select, Call, Literal, Loop]  # noqa: UP007 - named before they exist


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Select(operand=operand):
            return (operand,)
        case Call(target=target, arguments=arguments):
            return arguments if target is None else (target, *arguments)
        case Literal(items=items):
            return items
        case Loop(over=over, bodies=bodies):
            return (over, *bodies)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from walk(child)


def read_tree(data: bytes) -> Node:
    """`at` of every node: the character it begins at, from 0; of an operator and a call where its sign or bracket is.
    ValueError when the bytes are not of the form described above.
    """
    parsed = _message(_message(data).one(2))
    positions = (_message(entry) for entry in _message(parsed.one(3)).all(4))
    return _node(parsed.one(2), {entry.number(1): entry.number(2) for entry in positions})


def _node(data: bytes, places: Mapping[int, int]) -> Node:
    expression = _message(data)
    at = places.get(expression.number(2), 0)
    for number, read in _READERS.items():
        if found := expression.all(number):
            return read(at, _message(found[0]), places)
    raise ValueError("an expression of no known form")


def _constant(at: int, message: _Message, _places: Mapping[int, int]) -> Constant:
    number = next(iter(message.found), 1)
    text = message.text(6) if number == 6 else ""
    return Constant(at, _CONSTANTS.get(number, "null"), text)


def _name(at: int, message: _Message, _places: Mapping[int, int]) -> Name:
    return Name(at, message.text(1))


def _select(at: int, message: _Message, places: Mapping[int, int]) -> Select:
    return Select(at, _node(message.one(1), places), message.text(2), tests=bool(message.number(3)))


def _call(at: int, message: _Message, places: Mapping[int, int]) -> Call:
    target = _node(message.one(1), places) if message.all(1) else None
    return Call(at, message.text(2), target, tuple([_node(item, places) for item in message.all(3)]))


def _list(at: int, message: _Message, places: Mapping[int, int]) -> Literal:
    return Literal(at, "list", tuple([_node(item, places) for item in message.all(1)]))


def _map(at: int, message: _Message, places: Mapping[int, int]) -> Literal:
    kind = "message" if message.text(1) else "map"
    entries = [_message(entry) for entry in message.all(2)]
    return Literal(at, kind, tuple([_node(part, places) for e in entries for n in (3, 4) for part in e.all(n)]))


def _loop(at: int, message: _Message, places: Mapping[int, int]) -> Loop:
    variable, result = message.text(1), message.text(3)
    start, step = _node(message.one(4), places), _node(message.one(6), places)
    macro, bodies = _unfolded(step, start, variable, result)
    return Loop(at, macro, variable, _node(message.one(2), places), bodies)


def _unfolded(step: Node, start: Node, variable: str, result: str) -> tuple[str, tuple[Node, ...]]:
    """The macro and its bodies. What is put together as a list and is not `filter` counts as `map`."""
    match step:
        case Call(function="_||_", arguments=(Name(name=name), body)) if name == result:
            return "exists", (body,)
        case Call(function="_&&_", arguments=(Name(name=name), body)) if name == result:
            return "all", (body,)
        case Call(function="_?_:_", arguments=(body, Call(), Name())) if isinstance(start, Constant):
            return "exists_one", (body,)
        case Call(function="_?_:_", arguments=(body, Call(arguments=(_, Literal(items=(Name(name=name),)))), Name())):
            return ("filter" if name == variable else "map"), (body,)
        case _:
            return "map", (step,)


class _Message(NamedTuple):
    """A protobuf message. `found`: field number -> its values in order, numbers and bytes."""

    found: Mapping[int, list[int | bytes]]

    def all(self, number: int) -> list[bytes]:
        return [value for value in self.found.get(number, ()) if isinstance(value, bytes)]

    def one(self, number: int) -> bytes:
        values = self.all(number)
        if not values:
            raise ValueError(f"field {number} is missing")
        return values[-1]

    def text(self, number: int) -> str:
        values = self.all(number)
        return values[-1].decode() if values else ""

    def number(self, number: int) -> int:
        return next((value for value in self.found.get(number, ()) if isinstance(value, int)), 0)


def _message(data: bytes) -> _Message:
    """https://protobuf.dev/programming-guides/encoding/: each field is a tag and a number, or a length and bytes."""
    found: dict[int, list[int | bytes]] = {}
    place = 0
    while place < len(data):
        tag, place = _number(data, place)
        length = {1: 8, 5: 4}.get(tag & 7)
        if length is None:
            length, place = _number(data, place)
        value: int | bytes = length
        if tag & 7:
            value, place = data[place : place + length], place + length
        found.setdefault(tag >> 3, []).append(value)
    return _Message(found)


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A varint and the place behind it."""
    number = shift = 0
    while place < len(data):
        byte = data[place]
        number, place, shift = number | (byte & 0x7F) << shift, place + 1, shift + 7
        if byte < 0x80:
            return number, place
    raise ValueError("the bytes end inside a number")


_READERS: Mapping[int, Callable[[int, _Message, Mapping[int, int]], Node]] = {
    3: _constant,
    4: _name,
    5: _select,
    6: _call,
    7: _list,
    8: _map,
    9: _loop,
}

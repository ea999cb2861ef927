"""The door to the CEL library: cel-expr-python, the Python face of Google's cel-cpp. Its words become ours.

It is imported when the first expression is compiled, so that who uses none needs neither its package nor its memory.
By name, since its wheels carry stubs without a py.typed marker: the protocols below are what we use of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

from gateway.domain.cel_fields import FIELDS, ExpressionFailed, Facts, Plain
from gateway.domain.cel_rules import SIGNS, ExpressionMistake
from gateway.domain.text import code_points, cut, one_line

_LIBRARY = "cel_expr_python.cel"
_SHOWN = 200


class Kind(Protocol):
    def name(self) -> str: ...


class Value(Protocol):
    def type(self) -> Kind: ...
    def value(self) -> object: ...


class Compiled(Protocol):
    def eval(self, activation: object) -> Value: ...
    def return_type(self) -> Kind: ...
    def serialize(self) -> bytes: ...


class Environment(Protocol):
    def compile(self, expression: str, disable_check: bool = False) -> Compiled: ...  # noqa: FBT001, FBT002 - theirs
    def Activation(self, data: Mapping[str, Plain]) -> object: ...  # noqa: N802 - theirs


class Types(Protocol):
    def __call__(self, name: str) -> object: ...
    def List(self, items: object) -> object: ...  # noqa: N802 - theirs
    def Map(self, keys: object, values: object) -> object: ...  # noqa: N802 - theirs


class Library(Protocol):
    Type: Types

    def NewEnv(self, *, variables: Mapping[str, object]) -> Environment: ...  # noqa: N802 - theirs


class Engine:
    """The names that expressions may use, declared. `timeless`: seen_at is null, which the library has no type for."""

    def __init__(self, library: Library, *, timeless: bool) -> None:
        types = {name: _declared(field.declared, library.Type) for name, field in FIELDS.items()}
        if timeless:
            types["alert.seen_at"] = library.Type("dyn")
        self._library = library
        self._environment = library.NewEnv(variables=types)
        self._timeless = timeless

    def parse(self, text: str) -> bytes:
        """The tree, as `cel_tree` reads it. ExpressionMistake when it is no CEL."""
        return self._compile(text, check=False).serialize()

    def compile(self, text: str) -> Compiled:
        """ExpressionMistake when its types do not fit, or it cannot be true or false."""
        compiled = self._compile(text, check=True)
        kind = compiled.return_type().name()
        if kind.upper() not in ("BOOL", "DYN"):
            raise ExpressionMistake(f"the expression gives {_noun(kind)}, not true or false")
        return compiled

    def evaluate(self, compiled: Compiled, facts: Facts, names: Sequence[str]) -> bool:
        """ExpressionFailed when there is no answer."""
        try:
            value = compiled.eval(self._activation(facts, names))
            kind, found = value.type().name(), value.value()
        except (RuntimeError, ValueError, TypeError) as error:
            raise ExpressionFailed(_failure(str(error))) from None
        if isinstance(found, bool) and kind == "BOOL":
            return found
        raise ExpressionFailed(
            _failure(str(found)) if kind == "ERROR" else f"it gives {_noun(kind)}, not true or false"
        )

    def refusal(self, call: str, value: str) -> str:
        """What the library has against a call with a text it is given as `probe`: `"".matches(probe)`. "" for nothing.
        A broken pattern also makes it write a line to standard error.
        """
        environment = self._library.NewEnv(variables={"probe": self._library.Type("string")})
        found = environment.compile(call).eval(environment.Activation({"probe": value}))
        return _failure(str(found.value())) if found.type().name() == "ERROR" else ""

    def _compile(self, text: str, *, check: bool) -> Compiled:
        try:
            return self._environment.compile(text, disable_check=not check)
        except (RuntimeError, ValueError, TypeError) as error:
            raise _mistake(str(error), text) from None

    def _activation(self, facts: Facts, names: Sequence[str]) -> object:
        """The library converts a value when it is first asked for, and keeps it with the activation."""
        key = self._timeless, names
        found = facts.kept.get(key)
        if found is None:
            found = facts.kept[key] = self._environment.Activation({name: facts.value(name) for name in names})
        return found


@lru_cache(maxsize=2)
def engine(*, timeless: bool = False) -> Engine:
    """ExpressionMistake where the library is not installed."""
    try:
        library = cast("Library", import_module(_LIBRARY))
    except ImportError:
        raise ExpressionMistake(
            "expressions need a package that is not installed: pip install 'optix-gateway[expressions]'"
        ) from None
    return Engine(library, timeless=timeless)


def _declared(name: str, types: Types) -> object:
    """The library reads `list(…)` in a name as a type of that very name, so they are put together here."""
    maps = types.Map(types("string"), types("dyn"))
    made = {"map": maps, "list of maps": types.List(maps), "list of strings": types.List(types("string"))}
    return made.get(name) or types(name)


_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'", re.IGNORECASE)
_FAILED_OVERLOAD = re.compile(r"No matching overloads found : (.*)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_WORDS = {
    "int": "a whole number", "int64": "a whole number", "uint": "a whole number", "uint64": "a whole number",
    "double": "a number", "string": "a text", "bool": "true or false", "bytes": "bytes", "list": "a list",
    "map": "a map", "null": "null", "null_type": "null", "dyn": "any value", "timestamp": "a time",
    "duration": "a duration", "type": "a type", "google.protobuf.timestamp": "a time",
    "google.protobuf.duration": "a duration",
}  # fmt: skip


def _noun(kind: str) -> str:
    bare = re.split(r"[(<]", kind, maxsplit=1)[0].strip().lower()
    return _WORDS.get(bare, one_line(kind))


def _nouns(kinds: str) -> str:
    """`(list(string), int)` -> `a list and a whole number`."""
    while (outer := re.sub(r"(?<=\w)[(<][^()<>]*[)>]", "", kinds)) != kinds:
        kinds = outer
    return " and ".join(_noun(kind) for kind in kinds.strip("()").split(",") if kind.strip()) or "nothing"


def _sign(name: str) -> str:
    return {"<jump_condition>": "? :", "<iter_range>": "a loop"}.get(name, SIGNS.get(name, name))


_OPERAND = re.compile(r"expression of type '(.*)' cannot be the operand of a select operation")
_OTHERWISE = {"=": "==", "and": "&&", "or": "||", "not": "!"}


def _mistake(said: str, text: str) -> ExpressionMistake:
    if "recursion" in said:
        return ExpressionMistake("it is nested too deeply: 30 brackets, signs or dots in a row are the limit")
    found = _PLACE.search(said)
    if found is None:
        return ExpressionMistake(cut(one_line(_STATUS.sub("", said)), _SHOWN, code_points))
    lines, column = text.split("\n")[: int(found[1]) - 1], int(found[2])
    position = sum(len(line) + 1 for line in lines) + column
    return ExpressionMistake(_said(found[3]), min(position, len(text) + 1))


def _said(message: str) -> str:
    """The library's first complaint, shortened and in words where it is one of those that people meet."""
    message = _STATUS.sub("", message)
    if overload := _OVERLOAD.search(message):
        return f"{_sign(overload[1])} does not take {_nouns(overload[2])}{_mixed(overload[2])}"
    if operand := _OPERAND.match(message):
        return f"{_noun(operand[1])} has no fields"
    message = re.sub(r" expecting (\{.*\}|'.*'|<EOF>)$|^Syntax error: ", "", message)
    if "input '<EOF>'" in message:
        return "the expression ends too early"
    message = message.replace("'<EOF>'", "the end")
    if token := re.search(r"(?:mismatched|extraneous) input '(.*)'|recognition error at: '(.*)'$", message):
        unread = (token[1] or token[2]).strip()
        meant = f"; CEL writes {_OTHERWISE[unread]}" if unread in _OTHERWISE else ""
        message = f"{unread} makes no sense here{meant}"
    return cut(one_line(message), _SHOWN, code_points)


def _mixed(kinds: str) -> str:
    """What helps when a whole number stands against a double: literals are either the one or the other."""
    both = {kind.strip() for kind in kinds.split(",")} == {"int", "double"}
    return "; write 2.0 for 2, or double(…)" if both else ""


def _failure(said: str) -> str:
    """One line; what comes from the alert in it is made inert."""
    said = _STATUS.sub("", _STATUS.sub("", said))
    if key := re.match(r'Key not found in map : "?(.*?)"?$', said, re.DOTALL):
        said = f"there is no {key[1]} in this alert where it asks for one"
    elif index := re.match(r"Index error: index=(-?\d+) size=(\d+)", said):
        said = f"it asks for item {index[1]} of a list that has {index[2]}, counted from 0"
    elif "SELECT to non-message" in said:
        said = "it asks for a field of what has none: of null, a text, a number or a list"
    elif "Iteration budget" in said:
        said = "it goes through more than 10,000 items"
    elif overload := _FAILED_OVERLOAD.match(said):
        said = _unfit(overload[1])
    return cut(one_line(said), _SHOWN, code_points)


def _unfit(call: str) -> str:
    """`_>_(null_type, int64)`, `(int64).matches(string)`, `_||_`."""
    target, dot, rest = call.partition(").")
    name, _, kinds = (rest if dot else call).partition("(")
    kinds = ", ".join(filter(None, (target.lstrip("(") if dot else "", kinds.removesuffix(")"))))
    return f"{_sign(name)} does not take {_nouns(kinds) if kinds else 'what it finds there'}"

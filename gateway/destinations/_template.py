"""Bodies that operators write as Jinja templates: sandboxed, strict about unknown names, bounded.

Import this where a template is used, not before: jinja2 takes its time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import TracebackType

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.destinations import FormatFault
from gateway.domain.alert import JSON
from gateway.domain.text import cut, one_line, utf8_bytes

MAX_OUTPUT_BYTES = 10 * 1024 * 1024
MAX_STEPS = 100_000
"""How many numbers all `range()` calls of one rendering may make together."""
MAX_REPEATED = 1_000_000
"""Characters or items that `*` may make in one go."""

_FILE_NAME = "<template>"
# What an expression can raise: the sandbox keeps it from everything else.
_EXPRESSION_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, MemoryError)


def render(source: str, variables: Mapping[str, JSON]) -> str:
    """The template's text. FormatFault says the line and what is wrong with it."""
    template = _compiled(source)
    try:
        return _bounded(template, variables)
    except (TemplateError, *_EXPRESSION_FAULTS) as error:
        raise FormatFault(f"template, line {_line_of(error.__traceback__)}: {_said(error)}") from None


def check_json(text: str) -> None:
    """FormatFault with the position when it is not JSON."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno} of the result"
        raise FormatFault(f"the template does not make JSON: {error.msg} at {where}; texts need |tojson") from None
    except (ValueError, RecursionError) as error:
        raise FormatFault(f"the template does not make JSON: {_said(error)}") from None


@lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    """Once for each text. FormatFault for what is no template."""
    try:
        return _environment().from_string(source)
    except TemplateSyntaxError as error:
        raise FormatFault(f"template, line {error.lineno}: {_said(error)}") from None
    except (RecursionError, *_EXPRESSION_FAULTS) as error:
        raise FormatFault(f"template: {_said(error)}") from None


@lru_cache(maxsize=1)
def _environment() -> _Sandbox:
    # No autoescape: it would escape for HTML what is mostly JSON. `tojson` is the escape here.
    environment = _Sandbox(undefined=StrictUndefined, autoescape=False)
    environment.filters["tojson"] = _tojson
    return environment


class _Sandbox(ImmutableSandboxedEnvironment):
    """Also refuses the two operators that make much out of little."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        if operator == "**":
            raise SecurityError("the operator ** is not available")
        if _size(left) * _size(right) > MAX_REPEATED:
            raise SecurityError("the operator * makes too much")
        return super().call_binop(context, operator, left, right)


def _size(operand: object) -> int:
    """How much an operand of `*` contributes: a length, or a number as it is when the other one has a length."""
    if isinstance(operand, str | bytes | list | tuple):
        return len(operand)
    return abs(operand) if isinstance(operand, int) else 1


def _tojson(value: object, indent: int | None = None) -> str:
    """The value as JSON, quotation marks included. An unknown name is a fault here as everywhere."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def _bounded(template: Template, variables: Mapping[str, JSON]) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate({**variables, "range": _limited_range()}):
        size += utf8_bytes(part)
        if size > MAX_OUTPUT_BYTES:
            raise FormatFault(f"the template makes more than {MAX_OUTPUT_BYTES // 1024 // 1024} MiB")
        parts.append(part)
    return "".join(parts)


def _limited_range() -> Callable[..., range]:
    """`range` with one budget for the whole rendering, so that nested loops are bounded too."""
    made = 0

    def limited(*bounds: int) -> range:
        nonlocal made
        numbers = range(*bounds)
        made += len(numbers)
        if made > MAX_STEPS:
            raise OverflowError(f"loops over more than {MAX_STEPS} numbers")
        return numbers

    return limited


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _said(error: Exception) -> str:
    return cut(one_line(str(error)), 200) or type(error).__name__


def _line_of(traceback: TracebackType | None) -> int:
    """The last line of the template that was at work, 1 when none was."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE_NAME:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line

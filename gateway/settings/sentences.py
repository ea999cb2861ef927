"""What pydantic found wrong, in sentences for the person who wrote the setting."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from gateway.settings.mistakes import quoted
from gateway.settings.units import unknown_choice

_NOUNS: Mapping[str, str] = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "is not a number",
    "decimal_parsing": "is not a number",
    "bool_parsing": "is neither true nor false",
    "json_invalid": "is not JSON",
    "byte_size": "is not a size: write a number and a unit, as in 8KiB",
    "byte_size_unit": "is not a size: write a number and a unit, as in 8KiB",
    "string_pattern_mismatch": "does not have the form that is needed here",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "needs at least {} characters"),
    "string_too_long": ("max_length", "has more than {} characters"),
    "too_short": ("min_length", "needs at least {} entries"),
    "too_long": ("max_length", "has more than {} entries"),
}


def sentence(error: ErrorDetails, text: str, *, secret: bool) -> str:
    """`text`: what was given, shown only when it is no secret."""
    subject = "the value (not shown)" if secret else quoted(text)
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return ended(_without(str(context.get("error", "")), text if secret else ""))
    if kind in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"{subject} is not one of {', '.join(known)}." if secret else unknown_choice(text, known)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{subject} {words.format(context.get(name))}."
    return f"{subject} {_NOUNS.get(kind) or _plainly(error['msg'])}."


def ended(text: str) -> str:
    """A sentence ends with its stop."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _plainly(message: str) -> str:
    """The library's own words where we have none: "Input should be a valid URL" -> "should be a valid URL"."""
    said = message.removeprefix("Input ").removeprefix("Value ")
    return said[:1].lower() + said[1:].rstrip(".")


def _without(message: str, secret: str) -> str:
    return message.replace(secret, "…") if len(secret) >= 4 else message

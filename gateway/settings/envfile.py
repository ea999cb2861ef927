from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TypeAlias

from dotenv.parser import Binding, parse_stream

from gateway.settings.mistakes import ENVIRONMENT, Mistake, shown_key

_LINE_END = re.compile(r"\r\n|\n|\r")
_PLAIN = re.compile(r"\s*(?:#.*|(?:export\s+)?+([^=#\s'][^=#\s]*)\s*=(?!\s*['\"])(.*))?", re.DOTALL)
_COMMENT = re.compile(r"\s+#.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """One entry and where it stands, for mistakes. `key` as the operator wrote it. `from_file`: the text is the content
    of the file that a `_FILE` entry names.
    """

    text: str = field(repr=False)
    key: str
    where: str = ENVIRONMENT
    line: int | None = None
    from_file: bool = False

    def mistake(self, message: str) -> Mistake:
        return Mistake(self.where, self.line, shown_key(self.key), message)


Layer: TypeAlias = Mapping[str, Value]
"""The entries of one place by key. Layers stand in tuples, the strongest first."""


def environment(environ: Mapping[str, str], prefix: str) -> Layer:
    return {key: Value(text, key) for key, text in environ.items() if key.startswith(prefix)}


def read_layers(
    environ: Mapping[str, str], files: Sequence[Path], mistakes: list[Mistake], prefix: str
) -> tuple[Layer, ...]:
    """The process environment before files, of which the last one wins."""
    read = [read_env_file(path, mistakes, prefix=prefix) for path in files]
    return (environment(environ, prefix), *reversed(read))


def read_env_file(path: Path | str, mistakes: list[Mistake], *, prefix: str = "") -> Layer:
    """The entries whose keys begin with `prefix`; others are none of our business. Nothing is interpolated."""
    text = read_text(path, mistakes)
    layer: dict[str, Value] = {}
    ours = () if text is None else _values(text, str(path), mistakes, prefix)
    for value in ours:
        if value.key in layer:
            mistakes.append(value.mistake(f"given twice, first in line {layer[value.key].line}. Keep one of the two."))
            continue
        layer[value.key] = value
    return layer


def read_text(path: Path | str, mistakes: list[Mistake]) -> str | None:
    """A whole file as text, without a byte order mark; None when it cannot be read, which is a mistake."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a thousand route files: Path costs more than reading does
            data = file.read()
    except OSError as error:
        mistakes.append(Mistake(str(path), None, "", f"cannot be read: {why(error)}."))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        mistakes.append(Mistake(str(path), line, "", "is not UTF-8. Save the file in that encoding."))
        return None


def why(error: OSError | ValueError) -> str:
    """What the system says; it raises ValueError for a path with a NUL in it."""
    said = error.strerror if isinstance(error, OSError) else "not a path"
    return (said or type(error).__name__).lower()


def _values(text: str, where: str, mistakes: list[Mistake], prefix: str) -> Sequence[Value]:
    plain = _plain_values(text, where)
    if plain is not None:
        return [value for value in plain if value.key.startswith(prefix)]
    ours = (b for b in parse_stream(StringIO(text)) if b.error or (b.key is not None and b.key.startswith(prefix)))
    read = (_value(binding, where, mistakes) for binding in ours)
    return [value for value in read if value is not None]


def _plain_values(text: str, where: str) -> Sequence[Value] | None:
    """What python-dotenv would find, where every line stands for itself: that is six times as fast, and route files may
    be a thousand. None where its parser is needed: for quotes, and for lines that are wrong.
    """
    found: list[Value] = []
    for number, line in enumerate(_LINE_END.split(text), 1):
        match = _PLAIN.fullmatch(line)
        if match is None:
            return None
        if match[1] is not None:
            found.append(Value(_COMMENT.sub("", match[2]).strip(), match[1], where, number))
    return found


def _value(binding: Binding, where: str, mistakes: list[Mistake]) -> Value | None:
    """The entry, or None where the line cannot be read. It is never shown then: it may be part of a secret."""
    if binding.key is not None and binding.value is not None:
        return Value(binding.value, binding.key, where, _line(binding))
    if binding.key is not None:
        mistakes.append(Mistake(where, _line(binding), shown_key(binding.key), 'has no "=". Write KEY=value.'))
    else:
        remedy = "Write KEY=value; a value with quotes or line ends needs a pair of quotes around it."
        mistakes.append(Mistake(where, _line(binding), "", f"this line cannot be read. {remedy}"))
    return None


def _line(binding: Binding) -> int:
    """The parser counts from the end of the entry before, blank lines included."""
    text = binding.original.string
    return binding.original.line + len(_LINE_END.findall(text[: len(text) - len(text.lstrip())]))

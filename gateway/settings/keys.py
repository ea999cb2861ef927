from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from os.path import expanduser
from pathlib import Path
from typing import TypeVar

from gateway.settings.envfile import Layer, Value, why
from gateway.settings.mistakes import ENVIRONMENT, Mistake, quoted
from gateway.settings.units import items

T = TypeVar("T")

_FILE = "_FILE"


@dataclass(slots=True)
class Keys:
    """The keys of one route or of the gateway, looked up through all layers, with their `_FILE` forms read.

    `broken` were given but cannot be used, and are among the mistakes already.
    """

    values: dict[str, Value] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)

    def take(self, key: str, layers: Sequence[Layer], *, known: Collection[str], secret: bool) -> None:
        """Look one key up. `known`: every lawful key, because `CA_FILE` may be a key of its own."""
        direct, by_file = self._strongest(key, layers, known)
        read = self._content(by_file, secret=secret) if by_file else direct
        if read is None and not by_file:
            return
        if read is None:
            self.broken.add(key)
        else:
            self.values[key] = read

    def read(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """The parsed value; the default when it is not given or wrong (which is a mistake then)."""
        return self._parsed(key, lambda value: parse(value.text), default)

    def read_items(self, key: str, parse: Callable[[Sequence[str]], T], default: T) -> T:
        """As `read`, of a list."""
        return self._parsed(key, lambda value: parse(items(value.text, from_file=value.from_file)), default)

    def _parsed(self, key: str, parse: Callable[[Value], T], default: T) -> T:
        value = self.values.get(key)
        if value is None or key in self.broken:
            return default
        try:
            return parse(value)
        except ValueError as error:
            self.refuse(key, str(error))
            return default

    def refuse(self, key: str, message: str) -> None:
        self.broken.add(key)
        self.mistakes.append(self.values[key].mistake(message))

    def _strongest(
        self, key: str, layers: Sequence[Layer], known: Collection[str]
    ) -> tuple[Value | None, Value | None]:
        """The entry that holds the value and the one that names its file: one of them at most."""
        file_key = f"{key}{_FILE}"
        for layer in layers:
            direct, by_file = layer.get(key), None if file_key in known else layer.get(file_key)
            if direct and by_file:
                self.broken.add(key)
                self.mistakes.append(by_file.mistake(f"{direct.key} is given as well. Keep one of the two."))
                return None, None
            if direct or by_file:
                return direct, by_file
        return None, None

    def _content(self, value: Value, *, secret: bool) -> Value | None:
        path = _existing(value)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.mistakes.append(value.mistake(f"{_named(value.text, secret=secret)} is not UTF-8."))
            return None
        except (OSError, ValueError) as error:
            self.mistakes.append(value.mistake(f"{_named(value.text, secret=secret)} cannot be read: {why(error)}."))
            return None
        if not text.strip():
            self.mistakes.append(value.mistake(f"{_named(value.text, secret=secret)} is empty."))
            return None
        return Value(text.rstrip("\r\n"), value.key, value.where, value.line, from_file=True)


def unknown_keys(layers: Iterable[Layer], known: Collection[str]) -> list[Value]:
    """Entries that are neither a known key nor the `_FILE` form of one."""
    return [v for layer in layers for key, v in layer.items() if not (key in known or key.removesuffix(_FILE) in known)]


def _existing(value: Value) -> Path:
    """Relative to the working directory, or else to the folder of the file that names it."""
    path = Path(expanduser(value.text))  # noqa: PTH111 - Path's own fails for an unknown user, this one does not
    if value.where == ENVIRONMENT or path.is_absolute():
        return path
    beside = Path(value.where).parent / path
    return beside if not _is_there(path) and _is_there(beside) else path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _named(text: str, *, secret: bool) -> str:
    """The path as it may be shown. Where a secret belongs, people put the secret itself in place of its path."""
    plainly_a_path = text.startswith(("/", "./", "../")) and "://" not in text
    if secret and not plainly_a_path:
        return "the file that should hold the value (the name is not shown; give a path such as /run/secrets/name)"
    return f"the file {quoted(text)}"

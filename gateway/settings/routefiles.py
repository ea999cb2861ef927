from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.settings.envfile import Layer, read_env_file, why
from gateway.settings.gateway import DEFAULT_ROUTES_DIR
from gateway.settings.mistakes import ENVIRONMENT, Mistake
from gateway.settings.names import proper_name, wrong_name

_ENDING = ".env"


@dataclass(frozen=True, slots=True)
class RouteEntries:
    """All that is said of one route, the strongest layer first. `origin`: its file, or where else it was made."""

    name: str
    layers: tuple[Layer, ...]
    origin: str = ENVIRONMENT
    in_file: bool = False

    def missing(self, key: str, message: str) -> Mistake:
        """About a key that is not there, under the name it would have."""
        full = key if self.in_file else f"GATEWAY_ROUTES__{self.name.upper()}__{key}"
        return Mistake(self.origin, None, full, message)


def gather_routes(
    folder: Path, elsewhere: Mapping[str, Sequence[Layer]], mistakes: list[Mistake]
) -> tuple[RouteEntries, ...]:
    """Every route of the folder's files and of the settings (`elsewhere`), which override a file's keys."""
    files = _route_files(folder, mistakes, may_be_missing=folder == DEFAULT_ROUTES_DIR or bool(elsewhere))
    overrides: dict[str, Sequence[Layer]] = {}
    for name, layers in elsewhere.items():
        overrides[_meant(name, files)] = [*overrides.get(_meant(name, files), ()), *layers]
    routes = [_of_file(name, path, overrides.get(name, ()), mistakes) for name, path in files.items()]
    routes += [
        RouteEntries(name, tuple(layers), _origin(layers)) for name, layers in overrides.items() if name not in files
    ]
    return tuple(sorted(routes, key=lambda route: route.name))


def _route_files(folder: Path, mistakes: list[Mistake], *, may_be_missing: bool) -> Mapping[str, str]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except FileNotFoundError:
        if not may_be_missing:
            remedy = "Make it, or set GATEWAY_ROUTES_DIR to the folder with your route files."
            mistakes.append(Mistake(str(folder), None, "", f"the folder of routes does not exist. {remedy}"))
        return {}
    except (OSError, ValueError) as error:
        mistakes.append(Mistake(str(folder), None, "", f"the folder of routes cannot be read: {why(error)}."))
        return {}
    return _by_name(folder, [n for n in names if n.endswith(_ENDING) and not n.startswith(".")], mistakes)


def _by_name(folder: Path, file_names: Sequence[str], mistakes: list[Mistake]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for file_name in file_names:
        path = os.path.join(folder, file_name)  # noqa: PTH118 - a thousand of them: a Path each costs more than reading
        name = proper_name(file_name.removesuffix(_ENDING))
        if name is None:
            mistakes.append(Mistake(path, None, "", f"{wrong_name('route')} Rename the file."))
        elif name in found:
            mistakes.append(Mistake(path, None, "", f'{found[name]} makes the route "{name}" too. Rename one of them.'))
        else:
            found[name] = path
    return found


def _of_file(name: str, path: str, overrides: Sequence[Layer], mistakes: list[Mistake]) -> RouteEntries:
    return RouteEntries(name, (*overrides, read_env_file(path, mistakes)), path, in_file=True)


def _meant(name: str, files: Mapping[str, str]) -> str:
    """Shells know no hyphen in a name, so `SOC_DISCORD` also overrides the file `soc-discord.env`."""
    if name in files:
        return name
    return next((known for known in files if known.replace("-", "_") == name), name)


def _origin(layers: Sequence[Layer]) -> str:
    return next((value.where for layer in reversed(layers) for value in layer.values()), ENVIRONMENT)

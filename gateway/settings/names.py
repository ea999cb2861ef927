"""Which of the `GATEWAY_…` names is a setting, a source's credential or a route's key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.settings.envfile import Layer, Value
from gateway.settings.gateway import GatewaySettings, setting_of
from gateway.settings.keys import unknown_keys
from gateway.settings.mistakes import Mistake, nearest, or_nearest

PREFIX = "GATEWAY_"
SETTINGS = tuple(sorted(setting_of(name) for name in GatewaySettings.model_fields if name != "sources"))
SOURCE_KEYS = ("AUTH_HEADER", "AUTH_VALUES")

_SOURCES, _ROUTES = "GATEWAY_SOURCES", "GATEWAY_ROUTES"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
# Kubernetes tells every container of every service in its namespace by such names, also of one called "gateway":
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK = re.compile(
    r"GATEWAY_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_LINK_URL = re.compile(r"(tcp|udp|sctp)://.*")

_NAME_RULE = "Names have up to 63 of a-z, 0-9, _ and -, and begin with a letter or digit."


@dataclass(slots=True)
class Named:
    """All layers taken apart, the strongest first: `sources` and `routes` hold one tuple of layers for each name."""

    settings: list[Layer] = field(default_factory=list)
    sources: dict[str, list[Layer]] = field(default_factory=lambda: defaultdict(list))
    routes: dict[str, list[Layer]] = field(default_factory=lambda: defaultdict(list))


def take_apart(layers: Sequence[Layer], mistakes: list[Mistake]) -> Named:
    named = Named()
    for layer in layers:
        plain: dict[str, Value] = {}
        sources: dict[str, dict[str, Value]] = defaultdict(dict)
        routes: dict[str, dict[str, Value]] = defaultdict(dict)
        for key, value in layer.items():
            head, name, rest = _parts(key)
            if head == _SOURCES and _is_named(value, name, rest, mistakes):
                sources[name][rest] = value
            elif head == _ROUTES and _is_named(value, name, rest, mistakes):
                routes[name][rest] = value
            elif head not in (_SOURCES, _ROUTES) and not _is_service_link(value):
                plain[key] = value
        _add(named, plain, sources, routes)
    mistakes += [_unknown_setting(value) for value in unknown_keys(named.settings, SETTINGS)]
    return named


def proper_name(text: str) -> str | None:
    """The name of a source or route, in lower case; None when it cannot be one."""
    name = text.casefold()
    return name if _NAME.fullmatch(name) else None


def wrong_name(noun: str) -> str:
    return f"this cannot be the name of a {noun}. {_NAME_RULE}"


def _add(named: Named, plain: Layer, sources: dict[str, dict[str, Value]], routes: dict[str, dict[str, Value]]) -> None:
    named.settings.append(plain)
    for name, keys in sources.items():
        named.sources[name].append(keys)
    for name, keys in routes.items():
        named.routes[name].append(keys)


def _parts(key: str) -> tuple[str, str, str]:
    """`GATEWAY_ROUTES__SOC__URL` -> `GATEWAY_ROUTES`, `soc`, `URL`; the latter two are "" where they are missing."""
    head, separator, rest = key.partition("__")
    if not separator:
        return (key, "", "")
    name, _, last = rest.rpartition("__")
    return head, name.casefold(), last


def _is_named(value: Value, name: str, key: str, mistakes: list[Mistake]) -> bool:
    head = value.key.partition("__")[0]
    noun = head.removeprefix(PREFIX).lower().removesuffix("s")
    if not name or not key:
        mistakes.append(value.mistake(f"not the name of a setting. Write {head}__<NAME>__<KEY>."))
    elif not proper_name(name):
        mistakes.append(value.mistake(wrong_name(noun)))
    else:
        return True
    return False


def _is_service_link(value: Value) -> bool:
    is_port = value.key.endswith("_PORT") and _LINK_URL.fullmatch(value.text)
    return bool(is_port or _SERVICE_LINK.fullmatch(value.key))


def _unknown_setting(value: Value) -> Mistake:
    head, separator, rest = value.key.partition("__")
    known, tail = ((_SOURCES, _ROUTES), f"__{rest}") if separator else (SETTINGS, "")
    # All names begin alike, so only what follows is compared.
    near = nearest(head.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in known])
    full = [f"{PREFIX}{near}{tail}"] if near else []
    return value.mistake(or_nearest("there is no such setting", value.key, full))

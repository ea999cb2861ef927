from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.authenticate import Source
from gateway.domain.condition import Match
from gateway.domain.window import WhenMuted
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.database import PostgresUrl
from gateway.settings.envfile import read_layers
from gateway.settings.gateway import GatewaySettings
from gateway.settings.mistakes import ConfigurationMistakes, Mistake
from gateway.settings.names import PREFIX, take_apart
from gateway.settings.revision import revision_of
from gateway.settings.routefiles import gather_routes
from gateway.settings.routes import read_routes
from gateway.settings.serving import read_serving
from gateway.settings.sources import make_sources


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything an operator decided, checked. `routes` are sorted by name. `revision`: 12 hex digits that change with
    whatever decides about an alert, but not with a secret. `warnings`: lawful, yet hardly meant.
    """

    gateway: GatewaySettings
    sources: Mapping[str, Source]
    routes: tuple[ConfiguredRoute, ...]
    revision: str
    warnings: tuple[str, ...] = ()

    def secrets(self) -> set[str]:
        """Everything that must never be printed."""
        found = {value.get_secret_value() for c in self.gateway.credentials().values() for value in c.auth_values}
        if self.gateway.ops_token:
            found.add(self.gateway.ops_token.get_secret_value())
        if self.gateway.approval_key:
            found.add(self.gateway.approval_key.get_secret_value())
        for url in (self.gateway.database, self.gateway.database_direct):
            found.update(url.secrets() if isinstance(url, PostgresUrl) else ())
        for route in self.routes:
            found.update(route.settings.secrets())
        return found


def read_configuration(
    environ: Mapping[str, str], env_files: Sequence[Path] = (), *, need_sources: bool = True
) -> Configuration:
    """Process environment before `env_files` (the last wins) before defaults. Raises ConfigurationMistakes with all of
    them. `need_sources` False: it is no mistake that nobody may send.
    """
    mistakes: list[Mistake] = []
    named = take_apart(read_layers(environ, env_files, mistakes, PREFIX), mistakes)
    settings = read_serving(named, mistakes, need_sources=need_sources)
    entries = gather_routes(settings.routes_dir, named.routes, mistakes)
    routes = read_routes(entries, mistakes)
    if mistakes:
        raise ConfigurationMistakes(mistakes)
    warnings = tuple(_warnings(settings, routes, datetime.now(UTC)))
    return Configuration(settings, make_sources(settings), routes, revision_of(routes), warnings)


def _warnings(settings: GatewaySettings, routes: Sequence[ConfiguredRoute], now: datetime) -> Iterator[str]:
    if not routes:
        yield "no route: alerts are stored and go nowhere"
    for route in routes:
        for name in _unknown_sources(route, settings):
            yield f'route "{route.name}": SOURCES names "{name}", and there is no such source'
        if route.schedule and route.schedule.opens_at(now) is None:
            fate = "waits for good" if route.when_muted is WhenMuted.HOLD else "is not sent"
            yield f'route "{route.name}": ACTIVE and MUTE leave it no hour from now on, so what it takes {fate}'
    yield from _untold_requests(routes)
    if settings.allow_unauthenticated:
        yield f"GATEWAY_ALLOW_UNAUTHENTICATED: whoever reaches {settings.listen} can send alerts"
    if settings.ops_listen and not settings.ops_listen.is_loopback and not settings.ops_token:
        place = f"the ops listener on {settings.ops_listen}"
        yield f"{place} has no GATEWAY_OPS_TOKEN: its page and API refuse everyone"


def _untold_requests(routes: Sequence[ConfiguredRoute]) -> Iterator[str]:
    off = {route.name for route in routes if not route.policy.enabled}
    for route in routes:
        if route.approval and route.approval.notify in off:
            named = f'APPROVAL_NOTIFY names "{route.approval.notify}", which has ENABLED=false'
            fate = "nobody is told of its requests until that is enabled, and what nobody approves in time is cancelled"
            yield f'route "{route.name}": {named}: {fate}'


def _unknown_sources(route: ConfiguredRoute, settings: GatewaySettings) -> Iterator[str]:
    known = settings.credentials()
    for condition in route.filter.conditions:
        if isinstance(condition, Match) and condition.name == "SOURCES":
            yield from (name for name in condition.written if name.casefold() not in known)

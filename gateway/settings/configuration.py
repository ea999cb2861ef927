from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.authenticate import Source
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.gateway import GatewaySettings


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


def read_configuration(
    environ: Mapping[str, str], env_files: Sequence[Path] = (), *, need_sources: bool = True
) -> Configuration:
    """Process environment before `env_files` (the last wins) before defaults. Raises ConfigurationMistakes with all of
    them. `need_sources` False: it is no mistake that nobody may send.
    """
    raise NotImplementedError

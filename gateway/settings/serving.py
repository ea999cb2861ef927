"""The gateway's own settings and its sources: from entries with origins to checked values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway.settings.database import POSTGRES_MISSING, PostgresUrl, postgres_is_installed
from gateway.settings.envfile import read_layers
from gateway.settings.gateway import DEFAULT_SOURCE, Address, GatewaySettings
from gateway.settings.keys import Keys, unknown_keys
from gateway.settings.mistakes import ENVIRONMENT, ConfigurationMistakes, Mistake, or_nearest
from gateway.settings.names import PREFIX, SETTINGS, SOURCE_KEYS, Named, take_apart
from gateway.settings.sentences import sentence
from gateway.settings.units import items

_SECRETS = frozenset(
    {"GATEWAY_AUTH_VALUES", "GATEWAY_OPS_TOKEN", "GATEWAY_APPROVAL_KEY", "GATEWAY_DATABASE", "GATEWAY_DATABASE_DIRECT"}
)
_EMPTY_MEANS_OFF = "GATEWAY_OPS_LISTEN"

_NO_CREDENTIALS = (
    "no source has credentials, so nobody could send alerts. Set GATEWAY_AUTH_HEADER and GATEWAY_AUTH_VALUES to the"
    " Authentication Key and the Authentication Value of the webhook in Cloud Optix; or, to take alerts from anyone,"
    " GATEWAY_ALLOW_UNAUTHENTICATED=true."
)


@dataclass(frozen=True, slots=True)
class _Given:
    """What was given for the gateway, and for each further source."""

    own: Keys
    sources: Mapping[str, Keys]

    def of_source(self, name: str) -> tuple[Keys, str]:
        """A source's keys, and what its keys' names begin with there."""
        return (self.own, "GATEWAY_") if name == DEFAULT_SOURCE else (self.sources[name], "")

    def at(self, place: tuple[int | str, ...]) -> tuple[Keys, str]:
        """Where pydantic's `place` was given: ("GATEWAY_SOURCES", "tenant", "auth_values", 0)."""
        if place[0] == "GATEWAY_SOURCES":
            return self.sources[str(place[1])], str(place[2]).upper()
        return self.own, str(place[0])

    def arguments(self) -> dict[str, object]:
        sources = {name: {k.lower(): v for k, v in _usable(keys).items()} for name, keys in self.sources.items()}
        return {**_usable(self.own), "GATEWAY_SOURCES": sources}


def read_settings(environ: Mapping[str, str], env_files: Sequence[Path] = ()) -> GatewaySettings:
    """The gateway's own settings alone, for whoever talks to one that runs: routes and their secrets are not read, and
    it is no mistake that nobody may send. Raises ConfigurationMistakes.
    """
    mistakes: list[Mistake] = []
    named = take_apart(read_layers(environ, env_files, mistakes, PREFIX), mistakes)
    settings = read_serving(named, mistakes, need_sources=False)
    if mistakes:
        raise ConfigurationMistakes(mistakes)
    return settings


def read_serving(named: Named, mistakes: list[Mistake], *, need_sources: bool) -> GatewaySettings:
    """With the default in place of every wrong value, so that all the rest can be checked too."""
    given = _Given(_own(named, mistakes), _sources(named, mistakes))
    settings = _build(given)
    _check_pairs(given.own)
    _check_database(settings, given.own)
    _check_addresses(settings, given.own)
    _check_links(settings, given.own)
    incomplete = _check_credentials(settings, given)
    if need_sources and not incomplete and not _anybody_may_send(settings):
        mistakes.append(Mistake(ENVIRONMENT, None, "GATEWAY_AUTH_VALUES", _NO_CREDENTIALS))
    return settings


def _own(named: Named, mistakes: list[Mistake]) -> Keys:
    keys = Keys(mistakes=mistakes)
    for name in SETTINGS:
        keys.take(name, named.settings, known=SETTINGS, secret=name in _SECRETS)
        value = keys.values.get(name)
        # Compose files hand over empty texts for what is not set.
        if value is not None and not value.text.strip() and name != _EMPTY_MEANS_OFF:
            del keys.values[name]
    return keys


def _sources(named: Named, mistakes: list[Mistake]) -> Mapping[str, Keys]:
    found: dict[str, Keys] = {}
    for name, layers in named.sources.items():
        if name == DEFAULT_SOURCE:
            taken = (value for layer in layers for key, value in layer.items())
            remedy = "Use GATEWAY_AUTH_HEADER and GATEWAY_AUTH_VALUES."
            mistakes += [v.mistake(f'the source "{name}" is the default one. {remedy}') for v in taken]
            continue
        known = "the keys of a source are AUTH_HEADER and AUTH_VALUES, not this"
        for value in unknown_keys(layers, SOURCE_KEYS):
            mistakes.append(value.mistake(or_nearest(known, value.key.rpartition("__")[2], SOURCE_KEYS)))
        keys = found[name] = Keys(mistakes=mistakes)
        for key in SOURCE_KEYS:
            keys.take(key, layers, known=SOURCE_KEYS, secret=key == "AUTH_VALUES")
    return found


def _usable(keys: Keys) -> dict[str, object]:
    """The texts that are not known to be wrong; lists taken apart."""
    found: dict[str, object] = {}
    for key, value in keys.values.items():
        if key in keys.broken:
            continue
        if not key.endswith("AUTH_VALUES"):
            found[key] = value.text
            continue
        try:
            found[key] = items(value.text, from_file=value.from_file)
        except ValueError as error:
            keys.refuse(key, str(error))
    return found


def _build(given: _Given) -> GatewaySettings:
    try:
        return GatewaySettings.model_validate(given.arguments())
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            keys, key = given.at(detail["loc"])
            if key not in keys.broken:
                secret = key in _SECRETS or key == "AUTH_VALUES"
                keys.refuse(key, sentence(detail, keys.values[key].text, secret=secret))
        return GatewaySettings.model_validate(given.arguments())


_PAIRS = {
    ("GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"): "TLS needs both, or neither.",
    ("GATEWAY_APPROVAL_URL", "GATEWAY_APPROVAL_KEY"): "Links for approval need both, or neither.",
}


def _check_pairs(keys: Keys) -> None:
    for pair, why in _PAIRS.items():
        for present, absent in (pair, pair[::-1]):
            if present in keys.values and absent not in keys.values and absent not in keys.broken:
                keys.mistakes.append(keys.values[present].mistake(f"{absent} is missing. {why}"))


def _check_database(settings: GatewaySettings, keys: Keys) -> None:
    if isinstance(settings.database, PostgresUrl):
        if not postgres_is_installed():
            keys.refuse("GATEWAY_DATABASE", POSTGRES_MISSING)
    elif settings.database_direct and "GATEWAY_DATABASE" not in keys.broken:
        keys.refuse("GATEWAY_DATABASE_DIRECT", "a way past a pooler is for PostgreSQL. Set GATEWAY_DATABASE to it too.")


def _check_addresses(settings: GatewaySettings, keys: Keys) -> None:
    if settings.listen.port and settings.listen == settings.ops_listen:
        key = next((k for k in ("GATEWAY_OPS_LISTEN", "GATEWAY_LISTEN") if k in keys.values), "")
        if key and key not in keys.broken:
            keys.refuse(key, f"webhooks and the ops page cannot both listen on {settings.listen}. Choose another port.")


def _check_links(settings: GatewaySettings, keys: Keys) -> None:
    """That whoever follows a link in a request for approval is answered."""
    if not settings.approval_url or not settings.approval_key:
        return
    if settings.ops_listen is None:
        keys.refuse("GATEWAY_APPROVAL_URL", "GATEWAY_OPS_LISTEN is empty, so nothing answers there. Set that as well.")
        return
    reached = Address(urlsplit(settings.approval_url).hostname or "", 0)
    if not settings.ops_token and not reached.is_loopback and "GATEWAY_OPS_TOKEN" not in keys.broken:
        keys.refuse("GATEWAY_APPROVAL_URL", _REFUSED_LINKS)


_REFUSED_LINKS = (
    "without GATEWAY_OPS_TOKEN the ops listener answers to loopback names only, and to every such link with 403."
    " Set GATEWAY_OPS_TOKEN too; who follows a link needs no token."
)


def _check_credentials(settings: GatewaySettings, given: _Given) -> bool:
    """Whether some source's credentials are wrong or incomplete, which is a mistake by then."""
    wrong = False
    for name, credentials in settings.credentials().items():
        keys, prefix = given.of_source(name)
        header, values = f"{prefix}AUTH_HEADER", f"{prefix}AUTH_VALUES"
        beside = prefix or f"GATEWAY_SOURCES__{name.upper()}__"
        if {header, values} & keys.broken:
            wrong = True
        elif credentials.auth_values and not credentials.auth_header:
            keys.refuse(values, f"the name of the header with these values is missing. Set {beside}AUTH_HEADER too.")
            wrong = True
        elif credentials.auth_header and not credentials.auth_values and not settings.allow_unauthenticated:
            keys.refuse(header, f"the values that this header may have are missing. Set {beside}AUTH_VALUES too.")
            wrong = True
    return wrong


def _anybody_may_send(settings: GatewaySettings) -> bool:
    return settings.allow_unauthenticated or any(c.auth_values for c in settings.credentials().values())

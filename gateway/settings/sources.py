from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from gateway.domain.authenticate import Source, digest_of
from gateway.settings.gateway import Credentials, GatewaySettings


def make_sources(settings: GatewaySettings) -> Mapping[str, Source]:
    """Every source that lets somebody in. Without credentials that is none, or everybody where the operator says so."""
    found = {name: _source(name, c, settings) for name, c in sorted(settings.credentials().items())}
    return {name: source for name, source in found.items() if source.accepted or source.open_to_all}


def _source(name: str, credentials: Credentials, settings: GatewaySettings) -> Source:
    accepted = tuple(d for value in credentials.auth_values for d in _digests(value)) if credentials.auth_header else ()
    open_to_all = settings.allow_unauthenticated and not credentials.auth_values
    return Source(name, credentials.auth_header, accepted, open_to_all=open_to_all)


def _digests(value: SecretStr) -> tuple[bytes, ...]:
    """Of the value as UTF-8 and as Latin-1: beyond ASCII, senders differ in how they write it into a header."""
    text = value.get_secret_value()
    as_latin_1 = text.encode("latin-1").decode("utf-8", "surrogateescape")
    return tuple(dict.fromkeys((digest_of(text), digest_of(as_latin_1))))

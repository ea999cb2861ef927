"""The receiver of a plan, and the settings of what it is sent: as texts that an id is made of, and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

from pydantic import SecretStr

from gateway.destinations import DestinationSettings, SecretAddress
from gateway.domain.alert import JSON
from gateway.domain.text import delimited
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import MASK, mask, masked_url

_LONGEST = 60
_FEW_DIGITS = 4
"""Enough to see that something is another, and too few to find out by trying what it is."""


def receiver_name(route: ConfiguredRoute) -> str:
    """`webhook (hooks.example.com)`."""
    receiver = mask(route.settings.receiver(), route.settings.secrets())
    return f"{route.kind} ({receiver})" if receiver else route.kind


def receiver_texts(route: ConfiguredRoute) -> Iterator[str]:
    """Who would do it, and how. A setting at its default does not take part, so that a newer version that has more of
    them finds what was approved unchanged; nor does a secret, which may be rotated, unless it says where to send or
    what to do there.
    """
    yield route.kind
    yield route.settings.model_dump_json(exclude_defaults=True, exclude=set(route.settings.rotated))
    yield json.dumps(route.settings.addresses())
    yield json.dumps(route.settings.instructions())


def receiver_settings(settings: DestinationSettings) -> str:
    """The same for people, in one line: `URL=https://host/****(sha256:1a2b) FORMAT=template BODY=sha256:3c4d`. What is
    long or masked is told apart by the beginning of its SHA-256.
    """
    given = settings.model_dump(mode="json", exclude_defaults=True, exclude=set(settings.rotated))
    return " ".join(f"{name.upper()}={_shown(settings, name, value)}" for name, value in given.items())


def _shown(settings: DestinationSettings, name: str, value: JSON) -> str:
    secret, told = getattr(settings, name), settings.instructions().get(name)
    if told is not None:
        return ",".join(f"{header}({_fingerprint(said)})" if said else header for header, said in told) or MASK
    if isinstance(secret, SecretAddress):
        return _address(secret.get_secret_value())
    if isinstance(secret, SecretStr):
        return MASK
    text = value if isinstance(value, str) else json.dumps(value)
    if not type(settings).model_fields[name].repr or len(text) > _LONGEST or mask(text, settings.secrets()) != text:
        return _fingerprint(text)
    return _address(text) if "://" in text else delimited(text)


def _address(text: str) -> str:
    """Who may be told of it is not asked: of an address, path and query are often a credential."""
    shown = masked_url(text)
    return shown if shown == text else f"{shown}({_fingerprint(text)})"


def _fingerprint(text: str) -> str:
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_FEW_DIGITS]}"

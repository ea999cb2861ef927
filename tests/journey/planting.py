"""Secrets that are planted, and a route for every kind of destination with one wherever its own example takes one."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

from dotenv import dotenv_values
from pydantic import ValidationError

from gateway import samples
from gateway.destinations import Context
from gateway.domain.alert import Alert
from gateway.domain.message import (
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    Notification,
    Publication,
    SyslogRecord,
)
from gateway.domain.optix import parse
from gateway.settings.kinds import Kind

Keys = dict[str, str]

HERE = "127.0.0.1"
SPECIAL = '+/%&="\\é'
"""Signs that are written differently in URLs, JSON and logs."""

_IN_AWS = {
    "ACCESS_KEY_ID": "AKIAEXAMPLEKEYID0000",
    "SECRET_ACCESS_KEY": "example-secret",
    "SESSION_TOKEN": "example-token",
    "ENDPOINT_URL": "https://service.example.com",
    "STS_ENDPOINT_URL": "https://sts.example.com",
}
"""Keys that every kind in AWS has, and that an example may leave out."""


class Planted:
    """Makes secrets and remembers them. `special`: with signs that have several spellings."""

    def __init__(self) -> None:
        self.markers: dict[str, str] = {}

    def word(self, where: str) -> str:
        number = len(self.markers)
        self.markers[where] = f"Planted{number:03}zQ7vK{number * 7919 % 10007:05}Wx"
        return self.markers[where]

    def special(self, where: str) -> str:
        return self.word(where) + SPECIAL

    def found_in(self, text: bytes) -> set[str]:
        """Where the secrets were planted that stand in it, plainly or encoded."""
        return {where for where, marker in self.markers.items() if any(form in text for form in _forms(marker))}


def _forms(marker: str) -> Iterator[bytes]:
    plain = marker.encode()
    yield plain
    yield from (spell(marker).encode() for spell in (quote, quote_plus))
    yield plain.hex().encode()
    for shift in range(3):
        whole = b"." * shift + plain
        core = whole[3 if shift else 0 : len(whole) // 3 * 3]
        yield b64encode(core)
        yield urlsafe_b64encode(core)


@dataclass(frozen=True, slots=True)
class Receivers:
    """The ports of this machine where something answers. `http`: how -> port; the first part of the path is `how`,
    too. `mail` refuses every login; at `closed` nobody listens.
    """

    mail: int
    closed: int
    http: Mapping[str, int] = field(default_factory=dict)

    def of(self, message: Message, example: Keys) -> Iterator[tuple[str, Keys]]:
        """How a receiver of such messages answers, and the keys of the example that are changed to reach it."""
        match message:
            case HttpRequest():
                for how, port in self.http.items():
                    yield how, {key: _moved(url, port, how) for key, url in example.items() if _is_url(url)}
            case Mail():
                for how, port in (("refusing", self.mail), ("unreachable", self.closed)):
                    yield how, {"HOST": HERE, "PORT": str(port), "SECURITY": "none"}
            case SyslogRecord():
                yield "unreachable", {"HOST": HERE, "PORT": str(self.closed), "TRANSPORT": "tcp"}
            case Publication():
                yield "unreachable", {"URL": f"{urlsplit(message.url).scheme}://{HERE}:{self.closed}"}
            case Notification():
                for how, port in self.http.items():
                    yield how, {"URL": f"json://optix:exampletoken@{HERE}:{port}/{how}/x"}
            case Line():
                yield "written", {"PATH": os.devnull} if message.path else {}


def planted_routes(kind: Kind, planted: Planted, receivers: Receivers) -> dict[str, Keys]:
    """Name -> keys of a route for each way to be answered, made from the kind's own example."""
    values = dotenv_values(stream=StringIO(kind.destination.example), interpolate=False)
    example = _usual_places(kind) | {key: value for key, value in values.items() if key in kind.keys and value}
    if "SESSION_TOKEN" in kind.secrets:
        example = {key: value for key, value in _IN_AWS.items() if key in kind.keys} | example
    routes: dict[str, Keys] = {}
    for how, moved in receivers.of(_message(kind, example), example):
        keys = _with_secrets(kind, example | moved, how, planted)
        assert _goes_here(_message(kind, keys)), f"no key of the example of {kind.name} moves its receiver to {HERE}"
        routes[f"{kind.name}_{how}"] = {"DESTINATION": kind.name} | keys | _named_targets(kind, values)
    return routes


def _named_targets(kind: Kind, example: Mapping[str, str | None]) -> Keys:
    """What a kind that changes things wants to have named."""
    names = ("ENVIRONMENTS", "RULES") if kind.destination.changes else ()
    return {name: value for name in names if (value := example.get(name))}


def _usual_places(kind: Kind) -> Keys:
    """Where it sends unless a route says otherwise; an example need not repeat that."""
    fields = kind.destination.settings.model_fields
    usual = {key: fields[name].default for key, name in kind.keys.items() if name in fields}
    return {key: value for key, value in usual.items() if isinstance(value, str) and _is_url(value)}


def _with_secrets(kind: Kind, keys: Keys, how: str, planted: Planted) -> Keys:
    for key in sorted(kind.secrets & keys.keys()):
        candidates = _candidates(keys[key], f"{key} of {kind.name}, {how}", planted)
        accepted = next((value for value in candidates if _loads(kind, keys | {key: value})), None)
        assert accepted is not None, f"{key} of {kind.name} takes no planted secret in the form of its example"
        keys = keys | {key: accepted}
    return keys


def _candidates(value: str, where: str, planted: Planted) -> Iterator[str]:
    """The most demanding first."""
    if value.startswith("{"):
        yield _file_with_secrets(value, where, planted)
        return
    if "://" in value:
        yield _url_with_secrets(value, where, planted)
        return
    secret = planted.special(where)
    before = re.sub(r"\S+$", "", value)
    for text in (secret, secret.encode("ascii", "ignore").decode(), planted.markers[where]):
        yield before + text


def _file_with_secrets(text: str, where: str, planted: Planted) -> str:
    """The JSON of a credentials file, with another key in it."""
    begin, end = "-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----\n"
    return json.dumps(json.loads(text) | {"private_key": begin + planted.special(where) + end})


def _url_with_secrets(url: str, where: str, planted: Planted) -> str:
    """In the last part of the path and in the query."""
    parts = urlsplit(url)
    path = f"{parts.path.rpartition('/')[0]}/{planted.word(f'{where}, path')}"
    names = [name for name, _ in parse_qsl(parts.query)] or ["key"]
    query = urlencode([(name, planted.word(f"{where}, {name}")) for name in names])
    return parts._replace(path=path, query=query).geturl()


def _is_url(value: str) -> bool:
    return value.startswith(("http://", "https://"))


def _moved(url: str, port: int, how: str) -> str:
    parts = urlsplit(url)
    return parts._replace(scheme="http", netloc=f"{HERE}:{port}", path=f"/{how}{parts.path}").geturl()


def _loads(kind: Kind, keys: Keys) -> bool:
    try:
        kind.destination.settings.model_validate(_named(kind, keys))
    except ValidationError:
        return False
    return True


def _named(kind: Kind, keys: Keys) -> Keys:
    return {kind.keys[key]: value for key, value in keys.items()}


def _message(kind: Kind, keys: Keys) -> Message:
    body = samples.load(samples.DOCUMENTED)
    alert = parse("optix", body)
    assert isinstance(alert, Alert)
    context = Context("a-1.planted", "planted", body, datetime(2026, 1, 2, tzinfo=UTC))
    destination = kind.destination
    return destination.format(alert, context, destination.settings.model_validate(_named(kind, keys)))


def _goes_here(message: Message) -> bool:
    if isinstance(message, HttpRequests):
        return all(map(_goes_here, message.requests))
    if isinstance(message, Line):
        return message.path in ("", os.devnull)
    if isinstance(message, HttpRequest | Notification | Publication):
        return urlsplit(message.url).hostname == HERE
    return message.host == HERE

"""What README and docs name exists, and what exists is named there."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main

from gateway.cli.app import app
from gateway.destinations import kinds
from gateway.domain.filter import FILTER_KEYS
from gateway.pipeline.operations import Operations
from gateway.settings.configuration import Configuration, read_configuration
from gateway.settings.gateway import GatewaySettings
from gateway.settings.guards import GUARD_KEYS
from gateway.settings.kinds import COMMON_KEYS, kind_of
from gateway.settings.names import SETTINGS, SOURCE_KEYS
from gateway.settings.policies import POLICY_KEYS
from gateway.settings.serving import read_settings
from gateway.settings.telling import TELLING_KEYS
from gateway.telemetry.events import EVENTS
from gateway.telemetry.metrics import Metrics, StoreReads
from gateway.web.ops import ops_application
from gateway.web.query import ALERT_WORDS, DELIVERY_WORDS, INCIDENT_WORDS
from gateway.wiring import SystemClock

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

# Capitals in code that are no keys: values, verbs and places to fill in.
WORDS = {
    "PLAIN",
    "POST",
    "PUT",
    "PATCH",
    "GET",
    "ALERT",
    "OPEN",
    "SUPPRESS",
    "FILE",
    "ID",
    "NAME",
    "ROUTE",
    "KEY",
    "COMMAND",
    "NOT_",
    "X_FILE",
    "_FILE",
}
EXAMPLES = {"config/routes/soc-discord.env"}
"""Files that a reader is told to write."""


def text() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)


@cache
def code() -> tuple[str, ...]:
    """Every piece of code: spans, and lines of blocks."""
    whole = text()
    blocks = re.findall(r"^```\w*\n(.*?)^```$", whole, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```\w*\n.*?^```$", "", whole, flags=re.MULTILINE | re.DOTALL))
    return (*spans, *(line for block in blocks for line in block.splitlines()))


def named(pattern: str) -> set[str]:
    return {found for piece in code() for found in re.findall(pattern, piece)}


@cache
def options() -> Mapping[str, frozenset[str]]:
    """`deliveries list` -> its options."""
    return dict(_options(typer.main.get_command(app), ()))


def _options(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, frozenset[str]]]:
    inner = getattr(command, "commands", {})
    for name, found in inner.items():
        yield from _options(found, (*path, name))
    if not inner:
        names = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        yield " ".join(path), frozenset(names | {"--help"})


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """What is called, with the rest of the line."""
    for piece in code():
        called = piece.partition("#")[0].strip().removesuffix("|")
        if not called.startswith("optix-gateway ") or called == "optix-gateway COMMAND --help":
            continue
        words = shlex.split(called)[1:]
        size = 1 if words[0] in options() else 2
        yield " ".join(words[:size]), words[size:]


def test_every_command_and_option_that_is_named_exists() -> None:
    for command, rest in command_lines():
        assert command in options()
        assert {word for word in rest if word.startswith("--")} <= options()[command], command
    every = frozenset().union(*options().values())
    assert named(r"^(--[a-z-]+)") <= every


def test_every_command_and_option_is_named() -> None:
    assert {command for command, _ in command_lines()} == set(options())
    every = frozenset().union(*options().values())
    assert {option for option in every if option not in text()} == set()


def test_every_setting_that_is_named_exists() -> None:
    for name in set(re.findall(r"\bGATEWAY_[A-Z_]*[A-Z](?:__<?[A-Z]+>?__<?[A-Z_]+>?)?", text())):
        head, *rest = name.split("__")
        if head == "GATEWAY_SOURCES":
            assert rest[1] in SOURCE_KEYS
        elif head == "GATEWAY_ROUTES":
            assert rest in (["<NAME>", "<KEY>"], ["<ROUTE>", "<KEY>"])
        else:
            assert name in SETTINGS or name.removesuffix("_FILE") in SETTINGS


def test_every_setting_is_in_the_readme_with_its_default(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`GATEWAY_[^|]*) \| ([^|]*) \|", README.read_text(), re.MULTILINE)
    told = {name: default for names, defaults in rows for name, default in _pairs(names, defaults)}
    assert set(SETTINGS) <= told.keys()
    file = tmp_path / "defaults.env"
    file.write_text("\n".join(f"{name}={told[name]}" for name in SETTINGS if told[name] != "none"))
    assert read_settings({}, [file]) == GatewaySettings()


def _pairs(names: str, defaults: str) -> Iterator[tuple[str, str]]:
    found, values = re.findall(r"`([^`]+)`", names), re.findall(r"`([^`]+)`", defaults) or ["none"]
    yield from zip(found, values if len(values) == len(found) else values * len(found), strict=True)


def test_the_defaults_of_the_policy_keys_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| `(?!GATEWAY_)([A-Z_]+)` \| (`[^|`]+`|by destination) \|", README.read_text(), re.MULTILINE)
    assert {key for key, _ in rows} == set(POLICY_KEYS)
    own = {key: default.strip("`") for key, default in rows if default.startswith("`")}
    told, left_out = (_a_route(keys).routes[0].policy for keys in (own, {}))
    assert told == left_out


def _a_route(keys: Mapping[str, str]) -> Configuration:
    given = {"DESTINATION": "webhook", "URL": "https://receiver.example/", **keys}
    environ = {f"GATEWAY_ROUTES__A__{key}": value for key, value in given.items()}
    return read_configuration(environ | {"GATEWAY_ROUTES_DIR": str(ROOT / "config/routes")}, need_sources=False)


def test_every_key_that_is_named_exists() -> None:
    known = set(COMMON_KEYS).union(*(kind_of(kind).keys for kind in kinds()))
    keys = named(r"^(?!GATEWAY_)([A-Z][A-Z_]+)(?:=|$)") - WORDS
    assert {key for key in keys if key not in known and key.removesuffix("_FILE") not in known} == set()


def test_every_filter_and_policy_key_is_named() -> None:
    assert {*FILTER_KEYS, *POLICY_KEYS, *TELLING_KEYS, *GUARD_KEYS} <= named(r"^([A-Z][A-Z_]+)$")


def test_the_kinds_of_destination_that_are_named_exist() -> None:
    """`optix-gateway destinations` lists all of them: what a kind is and takes stands in its own file."""
    section = README.read_text().partition("## Destinations")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert {kind for row in listed for kind in re.findall(r"`([a-z0-9-]+)`", row)} <= set(kinds())
    assert len(listed) >= 5


def test_the_metrics_are_those_that_exist() -> None:
    scraped = asyncio.run(Metrics(version="1", sources=["optix"], routes=["soc"]).scrape(StoreReads())).decode()
    exist = set(re.findall(r"^# TYPE (optix_gateway_\w+)", scraped, re.MULTILINE))
    exist = {name for name in exist if not name.endswith("_created")}
    assert set(re.findall(r"\boptix_gateway_\w+", text())) == exist


def test_the_log_events_are_those_that_exist_with_their_meaning() -> None:
    assert dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.*) \|$", text(), re.MULTILINE)) == EVENTS
    nouns = "|".join({name.partition(".")[0] for name in EVENTS})
    assert named(rf"^((?:{nouns})\.(?!env$)[a-z_]+)$") == EVENTS.keys()


def api() -> set[tuple[str, str]]:
    """Method and path of everything that the ops listener serves to programs."""
    nobody = cast("Operations", None)  # nothing is asked of it here

    async def scrape() -> bytes:
        return b""

    application = ops_application(nobody, clock=SystemClock(), scrape=scrape, token=None, max_bytes=1)
    found = {(route.method, route.resource.canonical) for route in application.router.routes() if route.resource}
    probes = {"/healthz", "/readyz", "/metrics"}
    return {(m, path) for m, path in found if m != "HEAD" and (path.startswith("/api/") or path in probes)}


def test_the_api_is_the_one_that_exists() -> None:
    rows = re.findall(r"^\| `(GET|POST|DELETE) ([^`]+)` \|", text(), re.MULTILINE)
    assert set(rows) == api()
    for path in named(r"(?<!\w)(/api/v1/[^\s`?\"]+)"):
        assert path.replace("<", "{").replace(">", "}") in {known for _, known in api()}


def test_the_parameters_of_the_api_are_those_that_exist() -> None:
    for path, words in (("alerts", ALERT_WORDS), ("deliveries", DELIVERY_WORDS), ("incidents", INCIDENT_WORDS)):
        (told,) = re.findall(rf"^\| `GET /api/v1/{path}` \|.*`\?([^`]*)` \|$", text(), re.MULTILINE)
        assert {word.removesuffix("=") for word in told.split()} == set(words)


def test_every_file_and_make_target_that_is_named_exists() -> None:
    paths = named(r"^((?:config|gateway|tests|docs)/[\w./-]*)$") - EXAMPLES
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for page in PAGES:
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named(r"\bmake ([a-z]+)") <= targets
    assert {link.lower() for link in re.findall(r"\]\(#([^)]+)", README.read_text())} <= _headings()


def _headings() -> set[str]:
    found = re.findall(r"^#+ (.*)$", README.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first = README.read_text().splitlines()[:20]
    assert [line.split("#")[0].strip() for line in first if line.startswith("make ")] == ["make run", "make test"]


SECRETS = {
    "GATEWAY_AUTH_VALUES_FILE": "a-long-value",
    "GATEWAY_OPS_TOKEN_FILE": "a-long-token",
    "URL_FILE": "https://receiver.example/hook",
}


@pytest.mark.parametrize("example", fences("env"))
def test_every_example_of_settings_loads_as_it_stands(example: str, tmp_path: Path) -> None:
    for key, path in re.findall(r"^([A-Z_]+)=(/run/secrets/\w+)$", example, re.MULTILINE):
        (tmp_path / Path(path).name).write_text(SECRETS[key])
    (tmp_path / "routes").mkdir()
    is_route = "DESTINATION=" in example
    file = tmp_path / ("routes/example.env" if is_route else "gateway.env")
    file.write_text(example.replace("/run/secrets", str(tmp_path)))
    environ = {"GATEWAY_ROUTES_DIR": str(tmp_path / "routes")}
    configuration = read_configuration(environ, () if is_route else [file], need_sources=not is_route)
    assert bool(configuration.routes) is is_route
    assert bool(configuration.sources) is not is_route

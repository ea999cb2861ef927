from __future__ import annotations

import re
from pathlib import Path

import gateway
from gateway.telemetry.events import EVENTS

_LOGGED = re.compile(r'(?:\.(?:debug|info|warning|error|exception)|report)\(\s*"([a-z_]+\.[a-z_]+)"')
_NAMED = re.compile(r'"((?:delivery|deliveries)\.[a-z_]+)"')


def logged_names() -> set[str]:
    sources = [path.read_text("utf-8") for path in Path(gateway.__file__).parent.rglob("*.py")]
    return {name for source in sources for name in _LOGGED.findall(source)}


def test_every_event_that_is_logged_is_in_the_list() -> None:
    assert logged_names() - EVENTS.keys() == set()


def test_the_list_names_no_event_that_is_never_logged() -> None:
    observer = Path(gateway.__file__).parent / "telemetry" / "observer.py"
    chosen_by_state = set(_NAMED.findall(observer.read_text("utf-8")))
    assert EVENTS.keys() - logged_names() - chosen_by_state == set()


def test_event_names_are_a_noun_and_a_past_verb_joined_by_a_point() -> None:
    assert [name for name in EVENTS if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []

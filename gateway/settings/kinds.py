from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import SecretStr

from gateway.destinations import Destination, load
from gateway.domain.filter import FILTER_KEYS
from gateway.settings.guards import GUARD_KEYS
from gateway.settings.policies import POLICY_KEYS
from gateway.settings.telling import TELLING_KEYS

COMMON_KEYS = ("DESTINATION", *FILTER_KEYS, *POLICY_KEYS, *TELLING_KEYS, *GUARD_KEYS)


@dataclass(frozen=True, slots=True)
class Kind:
    """A destination as route files see it.

    `keys`: its own, each with the name that its model knows it by. `secrets`: the credentials among them; `hidden`:
    all whose values are not shown. `lists`: those that hold several values. `known`: every key that a route to it may
    have.
    """

    name: str
    destination: Destination[Any]
    keys: dict[str, str]
    secrets: frozenset[str]
    hidden: frozenset[str]
    lists: frozenset[str]
    known: frozenset[str]

    def example_of(self, key: str) -> str:
        """The line of the kind's example that gives this key, "" without one."""
        match = re.search(rf"^#?\s*({key}(?:_FILE)?=\S.*)$", self.destination.example, re.MULTILINE)
        return match[1].strip() if match else ""


@cache
def kind_of(name: str) -> Kind:
    """Imports the destination. KeyError when there is none of that name."""
    destination = load(name)
    fields = destination.settings.model_fields
    by_key = {(field.alias or field_name).upper(): field for field_name, field in fields.items()}
    keys = {key: key.lower() for key in by_key}
    secrets = frozenset(key for key, field in by_key.items() if _holds_secret(field.annotation))
    hidden = secrets | {key for key, field in by_key.items() if not field.repr}
    lists = frozenset(key for key, field in by_key.items() if get_origin(field.annotation) in (tuple, list))
    return Kind(name, destination, keys, secrets, hidden, lists, frozenset(keys) | frozenset(COMMON_KEYS))


def _holds_secret(annotation: object) -> bool:
    is_one = isinstance(annotation, type) and issubclass(annotation, SecretStr)
    return is_one or any(_holds_secret(part) for part in get_args(annotation))

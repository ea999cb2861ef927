"""What a remediation is: a destination that looks at each resource, plans, and writes where something has to change.

All of it is pure, so that a plan can be tested without anything to change. `gateway/pipeline/remedy.py` carries it out:
it looks, asks for the plan, puts what is to be replaced on disk, and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from gateway.destinations import DestinationSettings
from gateway.domain.message import Answer, Message
from gateway.domain.outcome import Outcome
from gateway.domain.remediation import Step

S_contra = TypeVar("S_contra", bound=DestinationSettings, contravariant=True)


class Target(NamedTuple):
    """`resource`: its name, as the alert says it. `environment`: whose it has to be. `rule`: what is wrong with it.
    `place`: where it is found, "" for where it is looked for first. `unsure`: whose it is was not what was asked for.
    """

    resource: str
    environment: str
    rule: str
    place: str = ""
    unsure: bool = False


class Plan(NamedTuple):
    """`said`: what changes, "" where nothing does. `after`: the setting as it is to be written."""

    said: str
    after: str


class Found(NamedTuple):
    """What an answer says: the `setting` as it is, or how it `ended` with that resource, or where to ask `next`.
    `outcome`: of the answer. `refused`: of a request to write: nothing was written, and that is certain.
    """

    outcome: Outcome
    setting: str = ""
    ended: Step | None = None
    next: Target | None = None
    refused: bool = False


class Remedy(Protocol[S_contra]):
    @property
    def rules(self) -> Sequence[str]:
        """The vendor's rules that it is about, as in AR-251; a route that names another one does not start. Empty where
        it is about any.
        """

    def asks(self, target: Target, settings: S_contra) -> str:
        """What is asked for, in one line for people, without looking."""

    def refuses(self, target: Target) -> str:
        """Why nothing can be asked about that resource, "" when it can."""

    def look(self, target: Target, settings: S_contra) -> Message: ...

    def read(self, target: Target, answer: Answer, now: datetime) -> Found:
        """`now`: for dates in headers."""

    def plan(self, target: Target, setting: str, settings: S_contra) -> Plan: ...

    def write(self, target: Target, setting: str, settings: S_contra) -> Message: ...

    def wrote(self, target: Target, answer: Answer, now: datetime) -> Found:
        """`ended` None: it was written."""

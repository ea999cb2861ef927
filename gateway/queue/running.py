"""Who runs the statements of the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from gateway.queue.book import Book

A = TypeVar("A")
R = TypeVar("R")


class Writing(Protocol):
    async def write(self, work: Callable[[Book, Sequence[A]], Sequence[R]], argument: A, size: int | None = None) -> R:
        """The answer once it is on disk. `size`: bytes of an alert to be stored; None for everything else."""


class Reading(Protocol):
    async def read(self, query: Callable[[Book], R]) -> R:
        """What the query finds in one snapshot."""

"""What every machine over a store has: an engine of its own in a folder of its own, and a loop to run it on."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.queue.store_world import Engine, SqliteEngine

T = TypeVar("T")


class EngineMachine(RuleBasedStateMachine):
    make: Callable[[Path], Engine] = SqliteEngine

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.engine = self.make(self.folder)
        self.clock = self.engine.clock
        self.store = self.run(self.engine.open())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def drain(self) -> None:
        """What a machine finishes and looks at before its store is closed."""

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.run(self.engine.close())
            self.runner.close()
            shutil.rmtree(self.folder)

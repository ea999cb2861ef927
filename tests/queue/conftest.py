from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.ports import Store
from tests.queue.store_world import Engine, FakeClock, SqliteEngine

ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SqliteEngine}


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    await engine.close()


@pytest.fixture
async def store(engine: Engine) -> Store:
    return await engine.open()


@pytest.fixture
def clock(engine: Engine) -> FakeClock:
    return engine.clock

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.journey.s3_world import Door, a_door
from tests.outbound.aws_world import Aws, moto_server


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as server:
        yield server


@pytest.fixture
async def door(aws: Aws) -> AsyncIterator[Door]:
    async with a_door(aws) as made:
        yield made

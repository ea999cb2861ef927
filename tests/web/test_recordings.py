from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from gateway.domain.query import AlertSelection, Page
from gateway.domain.recording import Recording, RecordingPage, from_json
from gateway.domain.silence import parse_silence
from gateway.pipeline.operations import Operations
from gateway.ports import UnknownCursor
from gateway.web.ops import ops_application
from tests.web.conftest import Serve
from tests.web.ops_world import MOMENT_US, TOKEN, HandClock, scrape

ROW = Recording("a-1", "optix", MOMENT_US, b"\xff{}", ("soc",), (("b", "muted", "by MUTE"),), stood=True)


SILENCE = replace(
    parse_silence(
        {"reason": "work", "author": "me", "lasts_us": 5, "all": True}, silence_id="5e1", now_us=MOMENT_US - 9
    ),
    ended_us=MOMENT_US - 7,
)


@dataclass(slots=True)
class FakeSilences:
    asked: list[tuple[int, int, str]] = field(default_factory=list)

    async def past(self, since_us: int, *, limit: int, cursor: str = "") -> Page:
        if cursor == "nowhere":
            raise UnknownCursor(cursor)
        self.asked.append((since_us, limit, cursor))
        return Page(silences=(SILENCE,), next="" if cursor else "5e1")


@dataclass(slots=True)
class FakeRecordings:
    asked: list[tuple[AlertSelection, int, str]] = field(default_factory=list)
    silences: FakeSilences = field(default_factory=FakeSilences)

    async def recordings(self, selection: AlertSelection, *, limit: int, after: str = "") -> RecordingPage:
        if after == "nowhere":
            raise UnknownCursor(after)
        self.asked.append((selection, limit, after))
        return RecordingPage((ROW,), "" if after else "a-1")


@pytest.fixture
def operations() -> FakeRecordings:
    return FakeRecordings()


@pytest.fixture
async def url(operations: FakeRecordings, serve: Serve) -> str:
    application = ops_application(
        cast("Operations", operations), clock=HandClock(), scrape=scrape, token=TOKEN, max_bytes=1000
    )
    return f"{await serve(application)}/api/v1/recordings"


async def get(session: ClientSession, url: str, token: str = TOKEN) -> tuple[int, Any]:
    async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status, await answer.json()


async def test_recordings_are_told_with_what_to_ask_for_next(
    operations: FakeRecordings, url: str, session: ClientSession
) -> None:
    status, first = await get(session, url + "?since=2h&environment=4441&source=optix&limit=1")
    assert (status, first["next"], [from_json(row) for row in first["recordings"]]) == (200, "a-1", [ROW])
    assert (await get(session, url + "?after=a-1"))[1]["next"] is None
    assert operations.asked == [
        (AlertSelection(source="optix", environment="4441", since_us=MOMENT_US - 7_200_000_000), 1, ""),
        (AlertSelection(), 1000, "a-1"),
    ]


async def test_the_silences_of_that_time_are_told_with_what_to_ask_for_next(
    operations: FakeRecordings, url: str, session: ClientSession
) -> None:
    status, first = await get(session, url + "/silences?since=2h&limit=1")
    assert (status, first["next"], [from_json(row) for row in first["recordings"]]) == (200, "5e1", [SILENCE])
    assert (await get(session, url + "/silences?after=5e1"))[1]["next"] is None
    assert operations.silences.asked == [(MOMENT_US - 7_200_000_000, 1, ""), (0, 1000, "5e1")]
    for asked in ("limit=0", "after=nowhere", "since=soon", "source=optix"):
        assert (await get(session, f"{url}/silences?{asked}"))[0] == 400


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("limit=0", "limit is '0'"),
        ("limit=1001", "limit is '1001'"),
        ("limit=many", "limit is 'many'"),
        ("after=nowhere", "after is 'nowhere'"),
        ("cursor=a-1", "there is no parameter 'cursor'"),
        ("since=soon", "since is 'soon'"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_hint(
    url: str, session: ClientSession, asked: str, said: str
) -> None:
    status, answer = await get(session, f"{url}?{asked}")
    assert (status, answer["error"]) == (400, said)
    assert answer["hint"]


async def test_nobody_reads_recordings_without_the_token(
    operations: FakeRecordings, url: str, session: ClientSession
) -> None:
    assert (await get(session, url, "wrong"))[0] == 401
    assert operations.asked == []

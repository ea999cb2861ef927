"""A disk that fills up and is freed again, on a real file system that is small enough."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.journey.journey_world import Client, Receiver, a_body, a_gateway, a_route, environment, until
from tests.services import require

MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    )
    require("a file system of one's own", mounted, "run this test as root where mounting is allowed")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def fill(disk: Path, leaving: int = 0) -> Path:
    """A file that takes all the room there is."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        size = MIB
        while size:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), size)
                file.seek(0, os.SEEK_END)
            except OSError:
                size //= 2
    if leaving:
        os.truncate(path, max(0, path.stat().st_size - leaving))
    return path


async def post_until_refused(client: Client, padding: int) -> tuple[list[str], int]:
    """Ids of the alerts that were taken until one was not, and how many were posted."""
    taken: list[str] = []
    for number in range(2000):
        status, answer = await client.post(a_body(f"alert-{number}", padding="x" * padding))
        if status == 503:
            assert answer["error"].startswith("the disk is "), answer
            return taken, number + 1
        assert status == 200
        taken.append(answer["id"])
    raise AssertionError("it never filled up")


@pytest.mark.parametrize("reserve", ["0", "2MiB"])
async def test_a_full_disk_is_a_503_that_loses_nothing_and_ends_when_there_is_room_again(
    tmp_path: Path, disk: Path, receiver: Receiver, reserve: str
) -> None:
    environ = environment(tmp_path, GATEWAY_DISK_RESERVE=reserve, **a_route("soc", URL=receiver.url()))
    environ["GATEWAY_DATABASE"] = f"sqlite:///{disk / 'gateway.db'}"
    async with a_gateway(environ) as (gateway, client):
        filler = fill(disk, leaving=6 * MIB)
        taken, _ = await post_until_refused(client, padding=100_000)
        assert taken
        assert await client.status("/healthz") == 200
        filler.unlink()
        await until(lambda: _accepts(client))
        assert await client.status("/readyz") == 200
        await client.until_state("delivered", *((alert, "soc") for alert in taken))
        assert gateway.broken.reason == ""
    async with a_gateway(environ) as (_, client):
        for alert in taken:
            assert (await client.delivery(alert, "soc"))["state"] == "delivered"


async def test_what_was_delivered_while_the_disk_was_full_is_written_down_and_not_sent_again(
    tmp_path: Path, disk: Path, receiver: Receiver
) -> None:
    environ = environment(tmp_path, GATEWAY_DISK_RESERVE="0", **a_route("soc", URL=receiver.url()))
    environ["GATEWAY_DATABASE"] = f"sqlite:///{disk / 'gateway.db'}"
    async with a_gateway(environ) as (_, client):
        receiver.shut()
        alert = await client.accepted(a_body("in-flight"))
        await receiver.until(1)
        filler = fill(disk)
        await post_until_refused(client, padding=50_000)
        receiver.open()
        assert await client.status("/readyz") in {200, 503}
        filler.unlink()
        await client.until_state("delivered", (alert, "soc"))
    sent = [received.headers["webhook-id"] for received in receiver.got]
    assert sent.count(f"{alert}.soc") == 1


async def _accepts(client: Client) -> bool:
    return (await client.post(a_body("afterwards")))[0] == 200

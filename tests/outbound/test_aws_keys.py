"""Credentials for AWS: kept, renewed in good time, and looked for in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from gateway.domain.message import AwsAccess, Declined
from gateway.outbound import aws_keys
from gateway.outbound.aws_keys import AwsKeys, NoKeys
from tests.journey.journey_world import until


@pytest.fixture
async def vault() -> AsyncIterator[AwsKeys]:
    made = AwsKeys()
    yield made
    made.close()


def lasting(seconds: float, number: int) -> dict[str, str]:
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"access_key": f"key-{number}", "secret_key": "s", "token": "t", "expiry_time": end.isoformat()}


class Issuer:
    """Gives out keys that last as long as it is told, the next ones each time; `open` lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
        self._seconds = list(seconds)
        self.asked, self.threads = 0, set[str]()
        self.open = threading.Event()
        self.open.set()
        first = lasting(-1, 0)
        source: Any = RefreshableCredentials.create_from_metadata
        monkeypatch.setattr(aws_keys, "_source", lambda _access: source(first, self._give, "test"))

    def _give(self) -> dict[str, str]:
        self.asked += 1
        self.threads.add(threading.current_thread().name)
        assert self.open.wait(20)
        return lasting(self._seconds[self.asked - 1], self.asked)


ACCESS = AwsAccess("eu-west-1")


async def test_keys_are_kept_until_shortly_before_they_end(vault: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(monkeypatch, 3600)
    found = {(await vault.of(ACCESS)).access_key for _ in range(5)}
    assert (found, issuer.asked) == ({"key-1"}, 1)
    assert all(name.startswith("aws-credentials") for name in issuer.threads)


async def test_keys_that_end_soon_are_used_while_new_ones_are_looked_for(
    vault: AwsKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer(monkeypatch, 300, 3600)
    assert (await vault.of(ACCESS)).access_key == "key-1"
    issuer.open.clear()
    assert [(await vault.of(ACCESS)).access_key for _ in range(3)] == ["key-1"] * 3
    issuer.open.set()

    async def renewed() -> bool:
        return (await vault.of(ACCESS)).access_key == "key-2"

    await until(renewed)
    assert issuer.asked == 2


async def test_keys_that_have_ended_are_not_used(vault: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(monkeypatch, 30, 3600)
    assert (await vault.of(ACCESS)).access_key == "key-1"
    assert (await vault.of(ACCESS)).access_key == "key-2"
    assert issuer.asked == 2


async def test_what_fails_is_told_to_all_who_wait_and_asked_anew_the_next_time(
    vault: AwsKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AwsAccess] = []

    def refuse(access: AwsAccess) -> Any:
        asked.append(access)
        raise NoKeys(Declined("credentials", "none"))

    monkeypatch.setattr(aws_keys, "_source", refuse)
    for times in (1, 2):
        told = await asyncio.gather(*(vault.of(ACCESS) for _ in range(4)), return_exceptions=True)
        assert all(isinstance(error, NoKeys) for error in told)
        assert len(asked) == times

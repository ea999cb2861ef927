"""What keeps a gateway from running is said in one sentence, before anything was sent."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.settings.configuration import read_configuration
from gateway.web.listening import CannotStart
from gateway.wiring import running
from tests.journey.journey_world import Process, a_gateway, environment


@pytest.mark.parametrize("setting", ["GATEWAY_LISTEN", "GATEWAY_OPS_LISTEN"])
async def test_a_port_in_use_keeps_the_gateway_from_starting_and_is_named(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotStart, match=f"{setting}={address}: .*Is another program using it"):
            async with running(read_configuration(environment(tmp_path, **{setting: address}))):
                pass


async def test_a_fault_of_what_surrounds_a_gateway_comes_through_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running(read_configuration(environment(tmp_path))):
            raise ZeroDivisionError


async def test_two_gateways_cannot_share_a_database(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    async with a_gateway(environ):
        with pytest.raises(CannotStart, match="another gateway already uses this database"):
            async with running(read_configuration(environ)):
                pass


async def test_the_command_says_why_it_cannot_start_and_exits_with_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with Process(environment(tmp_path, GATEWAY_LISTEN=address)) as process:
            assert await process.ended() == 1
    assert process.lines == [
        f"optix-gateway cannot start: GATEWAY_LISTEN={address}: Address already in use. Is another program using it?"
    ]

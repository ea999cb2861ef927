"""Who does not answer: nobody there, or somebody who is still at it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import typer

from gateway.cli import remediation
from gateway.cli.client import call
from gateway.pipeline import remediations
from tests.cli.conftest import Run
from tests.load.program import free_port


@pytest.fixture
def mute() -> Iterator[str]:
    """Where somebody takes what is sent and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_who_does_not_answer_in_time_is_told_from_who_is_not_there(
    mute: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        call("GET", mute, timeout_s=0.05)
    assert capsys.readouterr().err.splitlines() == [
        f"{mute} did not answer within 0.05 s.",
        "It may still be at it: look what became of it before you ask again.",
    ]
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(typer.Exit):
        call("GET", nobody)
    assert capsys.readouterr().err.startswith(f"No gateway answers at {nobody}: connection refused.\nIs it running")


def test_an_undo_is_waited_for_longer_than_the_gateway_gives_itself(
    run: Run, environment: dict[str, str], mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remediation.UNDONE_WITHIN_S > remediations._WITHIN_S
    monkeypatch.setattr(remediation, "UNDONE_WITHIN_S", 0.05)
    result = run("remediation", "undo", "1", "--url", mute, env=environment)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{mute} did not answer within 0.05 s.")

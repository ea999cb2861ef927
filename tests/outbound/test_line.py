from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.domain.message import Line, NoAnswer, Written
from gateway.outbound.line import LineTransport


async def send(*lines: Line) -> list[Written | NoAnswer]:
    transport = LineTransport()
    try:
        return [await transport.send(line, 5) for line in lines]
    finally:
        await transport.close()


async def test_each_line_stands_at_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    answers = await send(Line(str(path), b'{"n":1}'), Line(str(path), b'{"n":2}'))
    assert answers == [Written(8), Written(8)]
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


async def test_a_renamed_file_is_left_alone_and_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    await send(Line(str(path), b"1"))
    path.rename(tmp_path / "alerts.jsonl.1")
    await send(Line(str(path), b"2"))
    assert (tmp_path / "alerts.jsonl.1").read_bytes() == b"1\n"
    assert path.read_bytes() == b"2\n"


async def test_a_torn_line_is_closed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"n":1}\n{"n')
    await send(Line(str(path), b'{"n":2}'))
    assert path.read_bytes() == b'{"n":1}\n{"n\n{"n":2}\n'


async def test_others_cannot_read_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    await send(Line(str(path), b"1"))
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/alerts.jsonl", "no such file or directory"),
        (".", "is a directory"),
        ("a\0b", "there can be no such file"),
    ],
)
async def test_a_file_that_cannot_be_written_says_why(tmp_path: Path, name: str, reason: str) -> None:
    assert await send(Line(f"{tmp_path}/{name}", b"1")) == [NoAnswer(reason)]


async def test_a_line_without_a_path_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert await send(Line("", b"{}")) == [Written(3)]
    assert capfdbinary.readouterr().out == b"{}\n"

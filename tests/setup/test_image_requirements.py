from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def printed(*extras: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "config/image_requirements.py"), *extras]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def pins(text: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9._-]+==\S+", text, re.MULTILINE))


def test_the_usual_extras_make_the_very_lock_that_make_run_installs() -> None:
    usual = re.search(r"^ARG EXTRAS=(\S+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert usual
    assert pins(printed(usual[1]).stdout) == pins((PROJECT / "requirements.lock").read_text())


@pytest.mark.parametrize(
    ("extras", "inside", "outside"), [("kafka,mqtt", "paho-mqtt", "pytest"), ("", "aiohttp", "botocore")]
)
def test_what_is_named_is_in_with_hashes_and_nothing_else(extras: str, inside: str, outside: str) -> None:
    text = printed(extras).stdout
    names = {pin.partition("==")[0] for pin in pins(text)}
    assert inside in names
    assert outside not in names
    assert text.count("==") == len(re.findall(r"^\S+==\S+ \\\n    --hash=sha256:", text, re.MULTILINE))


def test_an_unknown_extra_is_named_with_those_that_there_are() -> None:
    ran = printed("kafak")
    assert ran.returncode == 1
    assert "no extra kafak. There are: a" in ran.stderr
    assert "dev" not in ran.stderr.partition("There are:")[2]

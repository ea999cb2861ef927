from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
RECEIVERS = ("tests/receivers/requirements-synapse.lock", "tests/receivers/requirements-alerta.lock")
LOCKS = ("requirements.lock", "requirements-dev.lock", *RECEIVERS)
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(.*)$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _pins(lock: str) -> dict[str, str]:
    """Name -> the rest of its first line."""
    return dict(_PIN.findall((PROJECT / lock).read_text()))


def _wanted(*extras: str) -> set[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {match[0].lower() for line in lines if (match := _NAME.match(line))}


def test_every_dependency_is_pinned() -> None:
    assert _wanted() <= _pins("requirements.lock").keys()
    assert _wanted("dev") <= _pins("requirements-dev.lock").keys()


def test_what_runs_is_what_was_tested() -> None:
    assert _pins("requirements.lock").items() <= _pins("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", RECEIVERS)
def test_a_receiver_that_tests_install_is_pinned_too(lock: str) -> None:
    asked = (PROJECT / lock.replace("requirements-", "")).with_suffix(".in").read_text().split()
    assert set(asked) <= _pins(lock).keys()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_followed_by_its_hashes(lock: str) -> None:
    assert [name for name, rest in _pins(lock).items() if not rest.endswith(" \\")] == []


@pytest.mark.parametrize(
    "name",
    [*LOCKS, "Makefile", "Dockerfile", ".ci/run", "pyproject.toml", "config/compose.yaml", ".pre-commit-config.yaml"],
)
def test_no_file_names_a_package_index(name: str) -> None:
    """Where packages come from is the business of the machine that installs them."""
    text = (PROJECT / name).read_text()
    assert re.findall(r"pypi|pythonhosted|file://|(?<!--no-emit-)(?:index-url|find-links|trusted-host)", text) == []

"""What a new kind of destination costs: its file and its golden file, and no test or page has to hear of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway.destinations
from gateway.destinations import kinds, load
from tests.destinations.legible import check_golden

ROOT = Path(__file__).parents[2]
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "data")
TRIAL = '''
from pydantic import Field, SecretStr

from gateway.destinations import Destination, DestinationSettings
from gateway.domain.message import HttpRequest
from gateway.domain.wording import title


class TrialSettings(DestinationSettings):
    url: SecretStr = Field(description="where to send")
    api_key: SecretStr | None = Field(None, description="is sent along")


def format_message(alert, context, settings):
    headers = (("X-Key", settings.api_key.get_secret_value()),) if settings.api_key else ()
    body = f"{title(alert, test=context.test)} {context.news(alert)}"
    return HttpRequest(settings.url.get_secret_value(), body.encode(), headers=headers)


DESTINATION = Destination(
    summary="A trial",
    settings=TrialSettings,
    format=format_message,
    example="""\\
DESTINATION=trial
URL=https://trial.example/secret-path
API_KEY=example
""",
)
'''


@pytest.fixture
def trial_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "trial.py").write_text(TRIAL, "utf-8")
    monkeypatch.setattr(gateway.destinations, "__path__", [*gateway.destinations.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("gateway.destinations.trial", None)


def test_a_golden_file_that_is_missing_fails_with_how_to_make_it(trial_folder: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"trial\.json is missing.*--update-golden"):
        check_golden("trial", trial_folder, update=False)


def test_a_golden_file_that_differs_fails_with_the_lines_that_differ(trial_folder: Path) -> None:
    check_golden("trial", trial_folder, update=True)
    check_golden("trial", trial_folder, update=False)
    path = trial_folder / "trial.json"
    path.write_text(path.read_text("utf-8").replace("POST", "PUT"), "utf-8")
    with pytest.raises(pytest.fail.Exception, match=r'(?s)-.*"PUT".*\+.*"POST"'):
        check_golden("trial", trial_folder, update=False)


def test_an_underscore_in_the_name_of_the_file_is_a_hyphen_in_that_of_the_kind(trial_folder: Path) -> None:
    (trial_folder / "trial_of_two.py").write_text(TRIAL, "utf-8")
    try:
        assert "trial-of-two" in kinds()
        assert load("trial-of-two").summary == "A trial"
        with pytest.raises(KeyError):
            load("trial_of_two")
    finally:
        sys.modules.pop("gateway.destinations.trial_of_two", None)


@pytest.mark.slow
def test_with_two_new_files_every_test_that_looks_at_the_kinds_passes(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
    before = files(copy)
    (copy / "gateway/destinations/trial.py").write_text(TRIAL, "utf-8")
    run_tests(copy, "tests/destinations/test_contract.py", "--update-golden", "-k", "golden and trial")
    assert files(copy) - before == {"gateway/destinations/trial.py", "tests/golden/trial.json"}
    subprocess.run((sys.executable, "-m", "tests.docs.destinations_page"), cwd=copy, check=True)  # as `make docs` does
    others = (path for path in (copy / "tests").rglob("test_*.py") if path.name != Path(__file__).name)
    concerned = sorted(str(path) for path in others if "kinds()" in path.read_text("utf-8"))
    assert len(concerned) > 5
    said = run_tests(copy, *concerned, "-m", "not slow", "-k", f"not ({' or '.join(kinds())})")
    assert "trial" in said


def files(folder: Path) -> set[str]:
    """Without what tools leave behind."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if not path.parts[0].startswith(".")}


def run_tests(folder: Path, *arguments: str) -> str:
    """Tests of that copy, which have to pass; what pytest said."""
    command = (sys.executable, "-m", "pytest", "-v", "-n", "0", "-p", "no:cacheprovider", *arguments)
    environ = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout

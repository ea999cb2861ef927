from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.settings.configuration import Configuration, read_configuration
from gateway.settings.mistakes import ConfigurationMistakes

CREDENTIALS = {"GATEWAY_AUTH_HEADER": "X-Optix", "GATEWAY_AUTH_VALUES": "s3cret-value"}


@dataclass(frozen=True)
class Site:
    """A working directory with configuration in it."""

    folder: Path

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def route(self, name: str, *lines: str) -> None:
        self.write(f"config/routes/{name}.env", "\n".join(lines))

    def read(
        self, environ: Mapping[str, str] | None = None, *env_files: str, need_sources: bool = True
    ) -> Configuration:
        files = [Path(name) for name in env_files]
        return read_configuration({**CREDENTIALS, **(environ or {})}, files, need_sources=need_sources)

    def mistakes(self, environ: Mapping[str, str] | None = None, *env_files: str) -> list[str]:
        with pytest.raises(ConfigurationMistakes) as found:
            self.read(environ, *env_files)
        return [str(mistake) for mistake in found.value.mistakes]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)

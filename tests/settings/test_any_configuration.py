from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import kinds
from gateway.settings.configuration import read_configuration
from gateway.settings.kinds import kind_of
from gateway.settings.mistakes import ConfigurationMistakes
from gateway.settings.names import SETTINGS

KEYS = sorted({key for kind in kinds() for key in kind_of(kind).known} - {"DESTINATION"})
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(
        [
            "10s",
            "1",
            "-1",
            "true",
            "https://a.example/x",
            "[",
            '["a"]',
            "{{ x }}",
            "a@b.example",
            "²",
            ".",
            "\0",
            "a\0b",
        ]
    ),
)
LINES = st.builds("{}{}={}".format, st.sampled_from(KEYS), st.sampled_from(["", "", "", "_FILE"]), VALUES)
ENVIRON = st.dictionaries(
    st.one_of(
        st.sampled_from(SETTINGS),
        st.builds("GATEWAY_ROUTES__A__{}".format, st.sampled_from(KEYS)),
        st.builds("GATEWAY_{}".format, st.text("ASR_-é", max_size=9)),
    ),
    VALUES,
    max_size=4,
)


@given(st.sampled_from(kinds()), st.lists(LINES, max_size=6), ENVIRON)
def test_whatever_is_configured_is_read_or_answered_with_mistakes_that_can_be_printed(
    tmp_path_factory: pytest.TempPathFactory, kind: str, lines: list[str], environ: dict[str, str]
) -> None:
    folder = Path(tmp_path_factory.getbasetemp())
    (folder / "a.env").write_bytes("\n".join([f"DESTINATION={kind}", *lines]).encode())
    # A file of settings that is not there is a mistake at least.
    with pytest.raises(ConfigurationMistakes) as found:
        read_configuration({"GATEWAY_ROUTES_DIR": str(folder), "GATEWAY_LOG_LEVEL": "wrong", **environ}, [Path("no")])
    assert found.value.mistakes
    for mistake in found.value.mistakes:
        assert str(mistake).encode()
        assert "\n" not in str(mistake)
    with contextlib.suppress(ConfigurationMistakes):
        read_configuration(environ, [folder / "a.env"], need_sources=False)

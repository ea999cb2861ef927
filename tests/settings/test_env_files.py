from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.envfile import read_env_file
from gateway.settings.mistakes import Mistake


def read(folder: Path, content: str | bytes, prefix: str = "") -> tuple[dict[str, tuple[str, int | None]], list[str]]:
    """Texts and lines by key, and the mistakes with the folder left out."""
    file = folder / "a.env"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    mistakes: list[Mistake] = []
    layer = read_env_file(file, mistakes, prefix=prefix)
    found = {key: (value.text, value.line) for key, value in layer.items()}
    return found, [str(m).removeprefix(f"{folder}/") for m in mistakes]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A = b", "b"),
        ("A='b # c'", "b # c"),
        ('A="b\\nc"', "b\nc"),
        ("A=b # said", "b"),
        ("A=b#c", "b#c"),
        ("A= # said", ""),
        ("A=", ""),
        ("A=it's", "it's"),
        ("A=${HOME}$B", "${HOME}$B"),
        ("A='${HOME}'", "${HOME}"),
        ("\ufeffA=b", "b"),
        ('A="{\n  1\n}"', "{\n  1\n}"),
    ],
)
def test_quotes_comments_and_export_are_understood_and_nothing_is_interpolated(
    tmp_path: Path, content: str, text: str
) -> None:
    assert read(tmp_path, content) == ({"A": (text, 1)}, [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_are_counted_over_blank_lines_comments_and_long_values(tmp_path: Path, end: str, quote: str) -> None:
    content = end.join(["", "# it's a comment", f"A={quote}1{quote}", "", "", "B=2", "C='x", "y'", "D=4"])
    found, _ = read(tmp_path, content)
    assert {key: line for key, (_, line) in found.items()} == {"A": 3, "B": 6, "C": 7, "D": 9}


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("A=1\nB=2\nA=3", "a.env:3: A: given twice, first in line 1. Keep one of the two."),
        (
            "\nA='open",
            (
                "a.env:2: this line cannot be read. Write KEY=value; a value with quotes or line ends needs a pair of"
                " quotes around it."
            ),
        ),
        ("A=1\nB\n", 'a.env:2: B: has no "=". Write KEY=value.'),
        (b"A=1\nB=\xff", "a.env:2: is not UTF-8. Save the file in that encoding."),
    ],
)
def test_a_line_that_cannot_be_used_is_a_mistake(tmp_path: Path, content: str | bytes, mistake: str) -> None:
    assert read(tmp_path, content)[1] == [mistake]


def test_entries_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, "PATH=1\nPATH=2\nHOME\nGATEWAY_A=3", "GATEWAY_") == ({"GATEWAY_A": ("3", 4)}, [])


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    mistakes: list[Mistake] = []
    read_env_file(tmp_path / "none.env", mistakes)
    assert [str(m) for m in mistakes] == [f"{tmp_path}/none.env: cannot be read: no such file or directory."]


PIECES = st.text(st.sampled_from("A=#'\" \t\n\rx\\\x0b\x85\u2028"), max_size=12) | st.sampled_from(
    ["A=b", "export ", "KEY= v # c", "# it's", "\n", "A='x'", "= #"]
)


@given(st.lists(PIECES, max_size=5).map("".join))
def test_every_file_reads_as_python_dotenv_reads_it(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    expected = [(b.key, b.value) for b in parse_stream(StringIO(content)) if b.key is not None and b.value is not None]
    found, _ = read(tmp_path_factory.getbasetemp(), content)
    assert {key: text for key, (text, _) in found.items()} == dict(reversed(expected))

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from gateway.domain.policy import Pace
from gateway.settings.units import choice, duration_between, duration_s, flag, items, pace, size_bytes, whole_number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50ms", 0.05), ("10s", 10), ("5m", 300), ("2h", 7200), ("3d", 259200), ("1.5h", 5400), (" 10 S ", 10), ("0s", 0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("10MiB", 10 << 20), ("512KiB", 512 << 10), ("1GiB", 1 << 30), ("4096", 4096), ("4096B", 4096), ("10mb", 10**7)],
)
def test_a_size_is_a_number_and_a_unit_or_bytes(text: str, count: int) -> None:
    assert size_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/s", Pace(10, 1)),
        ("30/m", Pace(0.5, 1)),
        ("1800/h", Pace(0.5, 1)),
        ("10/s:20", Pace(10, 20)),
        ("2.5 / S", Pace(2.5, 1)),
        ("off", None),
    ],
)
def test_a_rate_counts_messages_by_second_minute_or_hour(text: str, expected: Pace | None) -> None:
    assert pace(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b", ("a", "b")),
        (" a , b ,", ("a", "b")),
        ("", ()),
        ('["a,b", "c"]', ("a,b", "c")),
        ("[ab]*,c", ("[ab]*", "c")),
        ("a\nb", ("a\nb",)),
    ],
)
def test_a_list_is_separated_by_commas_or_written_as_json(text: str, expected: tuple[str, ...]) -> None:
    assert items(text) == expected


def test_a_list_in_a_file_may_have_one_value_on_each_line() -> None:
    assert items("a\r\nb,c\n\nd", from_file=True) == ("a", "b", "c", "d")


@pytest.mark.parametrize("text", ["true", "Yes", "ON", "1"])
def test_words_for_true(text: str) -> None:
    assert flag(text)


@pytest.mark.parametrize("text", ["false", "No", "OFF", "0"])
def test_words_for_false(text: str) -> None:
    assert not flag(text)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (duration_s, "10", '"10" has no unit; did you mean "10s"?'),
        (duration_s, "1w", '"1w" is not a duration. Write a number and a unit, as in 50ms, 10s, 5m, 2h or 3d.'),
        (duration_s, "-1s", '"-1s" is not a duration. Write a number and a unit, as in 50ms, 10s, 5m, 2h or 3d.'),
        (partial(duration_between, low="1s", high="5m"), "6m", '"6m" is out of range. Choose from 1s to 5m.'),
        (size_bytes, "10Mi", '"10Mi" is not a size. Write a number and a unit, as in 512KiB, 10MiB or 1GiB.'),
        (pace, "10", '"10" is not a rate. Write 10/s, 30/m or 500/h, with a burst as in 10/s:20, or off.'),
        (pace, "0/s", '"0/s" is not a rate. Write 10/s, 30/m or 500/h, with a burst as in 10/s:20, or off.'),
        (flag, "maybe", '"maybe" is neither true nor false.'),
        (partial(whole_number, low=1, high=9), "10", '"10" is not a whole number from 1 to 9.'),
        (partial(whole_number, low=1, high=9), "²", '"²" is not a whole number from 1 to 9.'),
        (
            partial(choice, known=("auto", "json")),
            "jsn",
            '"jsn" is not a known value; did you mean "json"? One of auto, json.',
        ),
        (partial(choice, known=("auto", "json")), "xyz", '"xyz" is not a known value. One of auto, json.'),
        (
            items,
            '["a"',
            'this begins like a JSON list but is none. Write ["first", "second"], or separate by commas.',
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_would_be_right(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=r".+") as found:
        parse(text)
    assert str(found.value) == message

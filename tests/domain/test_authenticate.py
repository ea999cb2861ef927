from __future__ import annotations

import pytest
from multidict import CIMultiDict

from gateway.domain.authenticate import Source, authenticate, digest_of

ONE = Source("optix", "X-Optix-Key", (digest_of("right"),))
SEVERAL = Source("several", "Authorization", (digest_of("old"), digest_of("new")))
CLOSED = Source("closed", "X-Optix-Key")
OPEN = Source("open", open_to_all=True)
EMPTY = Source("empty", "X-Optix-Key", (digest_of(""),))
FOREIGN = Source("foreign", "X-Key", (digest_of("schlüssel-🔑"), digest_of("\udce9"), digest_of("\ud800")))
SOURCES = {source.name: source for source in (ONE, SEVERAL, CLOSED, OPEN, EMPTY, FOREIGN)}


@pytest.mark.parametrize(
    ("name", "header", "value", "known"),
    [
        ("optix", "X-Optix-Key", "right", True),
        ("optix", "x-optix-key", "right", True),
        ("optix", "X-Optix-Key", "Right", False),
        ("optix", "X-Optix-Key", "right ", False),
        ("optix", "X-Optix-Key", "", False),
        ("optix", "Authorization", "right", False),
        ("several", "Authorization", "old", True),
        ("several", "Authorization", "new", True),
        ("several", "Authorization", "oldnew", False),
        ("closed", "X-Optix-Key", "", False),
        ("closed", "X-Optix-Key", "right", False),
        ("open", "Anything", "at all", True),
        ("empty", "X-Optix-Key", "", False),
        ("foreign", "X-Key", "schlüssel-🔑", True),
        ("nobody", "Authorization", "right", False),
        ("", "Authorization", "", False),
    ],
)
def test_a_source_is_known_by_one_of_its_values_alone(name: str, header: str, value: str, known: bool) -> None:  # noqa: FBT001
    assert authenticate(name, CIMultiDict({header: value}), SOURCES) is (SOURCES[name] if known else None)


@pytest.mark.parametrize(("code", "known"), [(0xDCE9, True), (0xD800, True), (0xD801, False)])
def test_a_value_that_is_no_utf_8_is_compared_like_any_other(code: int, known: bool) -> None:  # noqa: FBT001
    assert authenticate("foreign", CIMultiDict({"X-Key": chr(code)}), SOURCES) is (FOREIGN if known else None)


@pytest.mark.parametrize(("name", "known"), [("optix", False), ("empty", False), ("nobody", False), ("open", True)])
def test_a_request_without_the_header_is_let_in_only_where_all_are(name: str, known: bool) -> None:  # noqa: FBT001
    assert authenticate(name, CIMultiDict[str](), SOURCES) is (SOURCES[name] if known else None)


def test_digests_have_one_length_and_never_show() -> None:
    assert len(digest_of("")) == len(digest_of("x" * 1000)) == 32
    assert "accepted" not in repr(ONE)

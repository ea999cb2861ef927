from __future__ import annotations

import pytest

from gateway.domain.gelf import DATAGRAM, LARGEST, MAX_CHUNKS, TooLong, chunks


def test_what_fits_a_datagram_goes_as_it_is() -> None:
    assert chunks(b"x" * DATAGRAM) == (b"x" * DATAGRAM,)


@pytest.mark.parametrize("length", [DATAGRAM + 1, 2 * (DATAGRAM - 12), 2 * (DATAGRAM - 12) + 1, LARGEST])
def test_what_is_longer_goes_in_numbered_chunks_with_one_id(length: int) -> None:
    data = bytes(n % 251 for n in range(length))
    found = chunks(data)
    assert all(len(chunk) <= DATAGRAM for chunk in found)
    assert len({chunk[:10] for chunk in found}) == 1
    assert found[0].startswith(b"\x1e\x0f")
    assert [(chunk[10], chunk[11]) for chunk in found] == [(number, len(found)) for number in range(len(found))]
    assert b"".join(chunk[12:] for chunk in found) == data
    assert len(found) <= MAX_CHUNKS


def test_messages_have_ids_of_their_own_and_a_repeat_has_the_same() -> None:
    one, other = b"x" * 9000, b"y" * 9000
    assert chunks(one)[0][:10] != chunks(other)[0][:10]
    assert chunks(one) == chunks(bytes(one))


def test_what_is_longer_than_all_chunks_is_a_mistake() -> None:
    with pytest.raises(TooLong, match=str(LARGEST)):
        chunks(b"x" * (LARGEST + 1))

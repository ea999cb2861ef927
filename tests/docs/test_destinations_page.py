from __future__ import annotations

from tests.docs.destinations_page import PAGE, page


def test_the_page_of_destinations_is_what_they_say_of_themselves() -> None:
    assert PAGE.read_text("utf-8") == page(), "make docs writes it anew"

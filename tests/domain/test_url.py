from __future__ import annotations

import pytest

from gateway.domain.url import host_of, is_http, with_parameter


@pytest.mark.parametrize(
    ("url", "longer"),
    [
        ("https://h/p", "https://h/p?wait=true"),
        ("https://h/p?", "https://h/p?wait=true"),
        ("https://h/p?a=%2F+%20", "https://h/p?a=%2F+%20&wait=true"),
        ("https://h/p?a=1&", "https://h/p?a=1&wait=true"),
        ("https://h/p?a=1#x", "https://h/p?a=1&wait=true#x"),
        ("https://h/p?wait=false", "https://h/p?wait=false"),
        ("https://h/p?waiter=1", "https://h/p?waiter=1&wait=true"),
    ],
)
def test_a_parameter_is_added_and_nothing_else_changes(url: str, longer: str) -> None:
    assert with_parameter(url, "wait", "true") == longer


def test_a_value_is_encoded() -> None:
    assert with_parameter("https://h/", "q", "a b&c") == "https://h/?q=a%20b%26c"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://h", True),
        ("HTTP://h:80/x?y#z", True),
        ("https://", False),
        ("https:///x", False),
        ("ftp://h", False),
        ("https://h/a b", False),
        ("https://h\n", False),
        ("h/x", False),
        ("", False),
    ],
)
def test_only_whole_urls_are_requested(url: str, good: bool) -> None:  # noqa: FBT001
    assert is_http(url) is good


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com:8443/services/x?y=z", "hooks.example.com:8443"),
        ("https://ann:planted@hooks.example.com/", "hooks.example.com"),
        ("http://[::1]:9/", "[::1]:9"),
        ("http://[::1", ""),
        ("topic", ""),
        ("", ""),
    ],
)
def test_a_host_is_shown_without_who_signs_in(url: str, host: str) -> None:
    assert host_of(url) == host

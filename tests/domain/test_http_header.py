from __future__ import annotations

import pytest

from gateway.domain.http_header import instructions, read_headers

SECRET = "planted-header-value"


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "PROXY-AUTHORIZATION", "X-Api-Key", "x-functions-key", "X-Auth", "X-Optix-Auth"),
        *("X-Auth-Token", "PRIVATE-TOKEN", "X_Access_Token", "Cookie", "X-Amz-Security-Token", "Client-Secret"),
        *("X-Hub-Signature", "X-Password", "apikey", "X-ApiKey", "X-Session-Id", "X-Auth-Email", "X-Pwd"),
    ],
)
def test_of_a_credential_only_the_name_is_an_instruction(name: str) -> None:
    assert instructions(read_headers(f"{name}: {SECRET}")) == ((name.lower(), ""),)


@pytest.mark.parametrize("value", [f"Bearer {SECRET}", f"basic {SECRET}", f"Token {SECRET}"])
def test_what_signs_in_is_a_credential_under_any_name(value: str) -> None:
    assert instructions(read_headers(f"X-Custom: {value}")) == (("x-custom", ""),)


@pytest.mark.parametrize("name", ["X-Action", "X-Keyword", "Content-Type", "X-Tenant", "X-Secretary"])
def test_what_is_to_be_done_is_an_instruction(name: str) -> None:
    assert instructions(read_headers(f"{name}: close")) == ((name.lower(), "close"),)


def test_neither_order_nor_case_of_names_makes_other_instructions() -> None:
    one, two = "X-Action: close | X-Team: soc", "x-team: soc | x-action: close"
    assert instructions(read_headers(one)) == instructions(read_headers(two))

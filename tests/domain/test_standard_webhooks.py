from __future__ import annotations

import pytest

from gateway.domain.standard_webhooks import key_of, signature, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_specification_is_signed_as_printed_there() -> None:
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
    signed = signature(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_three_headers_carry_id_time_and_signature() -> None:
    headers = dict(signed_headers(b"key", "id-1", 7, b"body"))
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("id-1", "7")
    assert headers["webhook-signature"] == signature(b"key", "id-1", 7, b"body")


@pytest.mark.parametrize(
    ("secret", "key"), [("whsec_YWJj", b"abc"), ("whsec_YWI", b"ab"), ("ünusual", "ünusual".encode())]
)
def test_a_secret_is_base64_after_its_prefix_and_text_without(secret: str, key: bytes) -> None:
    assert key_of(secret) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_YW J", "whsec_!!!!"])
def test_a_secret_that_is_none_is_refused_unseen(secret: str) -> None:
    with pytest.raises(ValueError, match=r"empty|not base64") as found:
        key_of(secret)
    assert "!!!!" not in str(found.value)

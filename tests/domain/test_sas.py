from __future__ import annotations

import pytest

from gateway.domain.sas import shared_access_signature

KEY = "bm90LWEtcmVhbC1rZXktYnV0LWxvbmctZW5vdWdo"


@pytest.mark.parametrize(
    ("resource", "expires_at_s", "address", "signature"),
    [
        # Made by: printf '%s\n%s' ADDRESS SECOND | openssl dgst -sha256 -hmac KEY -binary | base64
        (
            "https://contoso.servicebus.windows.net/alerts",
            1767225600,
            "https%3A%2F%2Fcontoso.servicebus.windows.net%2Falerts",
            "Juzc9fclO3bY83Mit3LqYW0fbqJoymHGocpdXnUlQXc%3D",
        ),
        (
            "http://127.0.0.1:5/a b",
            1,
            "http%3A%2F%2F127.0.0.1%3A5%2Fa%20b",
            "3bPlpOZ0umXKXJR%2B3fbsR4OpFggYKxQLkA2dqJE2waQ%3D",
        ),
    ],
)
def test_a_signature_is_what_openssl_makes_of_the_same(
    resource: str, expires_at_s: int, address: str, signature: str
) -> None:
    header = shared_access_signature(resource, "send/only", KEY, expires_at_s)
    assert header == f"SharedAccessSignature sr={address}&sig={signature}&se={expires_at_s}&skn=send%2Fonly"

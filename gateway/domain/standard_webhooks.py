"""Signatures of outgoing webhooks by the Standard Webhooks specification, symmetric scheme v1.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64

KEY_PREFIX = "whsec_"
HEADER_NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")


def key_of(secret: str) -> bytes:
    """The signing key: what follows `whsec_` decoded from base64 (padded or not), any other text as its own bytes.

    ValueError when it is empty or no base64; the message does not repeat the secret.
    """
    if not secret.startswith(KEY_PREFIX):
        key = secret.encode("utf-8")
    else:
        digits = secret.removeprefix(KEY_PREFIX)
        try:
            key = b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        except NotBase64:
            raise ValueError(f"what follows {KEY_PREFIX} is not base64.") from None
    if not key:
        raise ValueError("the secret is empty.")
    return key


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, timestamp and body, joined by full stops."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def signed_headers(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """The three headers. The id stays the same over all attempts; receivers refuse a timestamp older than 5 minutes."""
    values = (message_id, str(timestamp_s), signature(key, message_id, timestamp_s, body))
    return tuple(zip(HEADER_NAMES, values, strict=True))

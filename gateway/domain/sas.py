"""Shared access signatures of Azure Event Hubs and Service Bus.

https://learn.microsoft.com/en-us/rest/api/eventhub/generate-sas-token: HMAC-SHA256 with the key as it is written (not
decoded) over the encoded address, a line feed and the second at which it expires.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from urllib.parse import quote


def shared_access_signature(resource: str, key_name: str, key: str, expires_at_s: int) -> str:
    """The value of the Authorization header. `expires_at_s`: seconds since 1970."""
    address = quote(resource, safe="")
    signed = hmac.digest(key.encode(), f"{address}\n{expires_at_s}".encode(), "sha256")
    signature = quote(b64encode(signed).decode("ascii"), safe="")
    return f"SharedAccessSignature sr={address}&sig={signature}&se={expires_at_s}&skn={quote(key_name, safe='')}"

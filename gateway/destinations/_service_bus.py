"""What Event Hubs and Service Bus have in common: namespaces, entities, and two ways in."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field

from gateway.destinations._azure import EntraSettings
from gateway.destinations._content import ContentSettings
from gateway.destinations._http import Token, base_url
from gateway.domain.grant import Grant, SasGrant
from gateway.domain.message import GrantedRequest

_ENTITY = r"^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$"


def _namespace(url: str) -> str:
    """As connection strings have it (`sb://`), or as HTTP needs it."""
    return base_url(f"https://{url.removeprefix('sb://')}" if url.startswith("sb://") else url)


Namespace = Annotated[str, AfterValidator(_namespace)]
Entity = Annotated[str, Field(max_length=260, pattern=_ENTITY)]


class NamespaceSettings(EntraSettings, ContentSettings):
    """By a key of a shared access policy that may send, or by Entra ID."""

    url: Namespace = Field(description="the namespace, as in https://contoso.servicebus.windows.net")
    key_name: str = Field("", max_length=256, description="SharedAccessKeyName of the connection string")
    key: Token | None = Field(None, description="SharedAccessKey of the connection string")

    def ways(self) -> dict[str, bool]:
        if (self.key is None) != (not self.key_name):
            raise ValueError("KEY_NAME and KEY go together")
        return {"KEY": self.key is not None, **super().ways()}


def request(
    settings: NamespaceSettings, entity: str, body: bytes, headers: tuple[tuple[str, str], ...]
) -> GrantedRequest:
    address = f"{settings.url}/{quote(entity, safe='/')}"
    # Without it the service repeats a send by itself, and its time-out of 60 s is longer than ours.
    marked = (*headers, ("x-ms-retrypolicy", "NoRetry"))
    return GrantedRequest(
        f"{address}/messages", body, headers=marked, tls=settings.tls, grant=_grant(settings, address)
    )


def _grant(settings: NamespaceSettings, address: str) -> Grant:
    if settings.key is None:
        return settings.entra
    return SasGrant(address, settings.key_name, settings.key.get_secret_value())

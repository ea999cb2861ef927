"""What the destinations in Azure have in common: signing in to Microsoft Entra ID, and how errors are worded.

The ways in: https://learn.microsoft.com/en-us/azure/developer/intro/passwordless-overview. A certificate instead of a
secret, and the identity of Azure Arc, are not among them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gateway.destinations._http import explained, json_object
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.grant import EntraGrant
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass

_DETAIL = re.compile(r"<Detail>\s*(.*?)\s*</Detail>", re.DOTALL | re.IGNORECASE)
_TOO_LARGE = re.compile(r"too large|exceed\w* the (?:maximum|size|limit)|larger than|size limit", re.IGNORECASE)

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]*$")]
"""A GUID, or a domain of the tenant."""


class EntraSettings(Server):
    """Every kind says its own `scope`."""

    tenant: Id = Field("", description="the directory (tenant) of the app registration")
    client_id: Id = Field(
        "", description="the app registration, or the user-assigned identity; the machine's own identity unless set"
    )
    client_secret: SecretStr | None = Field(None, min_length=1, description="a secret of the app registration")
    identity: Literal["managed", "workload"] | None = Field(
        None, description="sign in as this machine (managed identity), or as this Kubernetes workload"
    )
    authority: BaseUrl = Field(
        "https://login.microsoftonline.com", description="the login server; another one in sovereign clouds"
    )
    scope: str = Field(min_length=1, pattern=r"^\S*$", description="what the token is for")

    @property
    def entra(self) -> EntraGrant:
        secret = self.client_secret.get_secret_value() if self.client_secret is not None else ""
        return EntraGrant(
            scope=self.scope,
            way=self.identity or "secret",
            authority=self.authority,
            tenant=self.tenant,
            client_id=self.client_id,
            client_secret=secret,
        )

    def ways(self) -> dict[str, bool]:
        """How one can sign in, and which of it is chosen: one of them has to be."""
        return {"CLIENT_SECRET": self.client_secret is not None, "IDENTITY": self.identity is not None}

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = self.ways()
        if sum(ways.values()) != 1:
            raise ValueError(f"set one of {', '.join(ways)}")
        if self.client_secret is not None and not (self.tenant and self.client_id):
            raise ValueError("CLIENT_SECRET needs TENANT and CLIENT_ID")
        return self


def said(outcome: Outcome, answer: HttpAnswer) -> Outcome:
    """With the words of the error: JSON in the newer APIs, XML in those of Event Hubs and Service Bus."""
    found = json_object(answer)
    error = found.get("error")
    if isinstance(error, dict):
        return explained(outcome, error.get("code"), error.get("message"))
    return explained(outcome, found.get("Message") or detail_of(answer))


def detail_of(answer: HttpAnswer) -> str:
    match = _DETAIL.search(answer.body.decode("utf-8", "replace"))
    return match[1] if match else ""


def sized(outcome: Outcome, *statuses: int) -> Outcome:
    """Too large, where one of these statuses comes with words that say so."""
    if outcome.status in statuses and _TOO_LARGE.search(outcome.reason):
        return replace(outcome, kind=OutcomeClass.TOO_LARGE)
    return outcome

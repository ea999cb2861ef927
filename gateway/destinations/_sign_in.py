"""Settings for those who sign in at a server of the operator's own: by a token or by name."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.destinations import DestinationSettings
from gateway.destinations._http import Token, base_url
from gateway.domain.message import Tls

BaseUrl = Annotated[str, AfterValidator(base_url)]


class Server(DestinationSettings):
    """`tls` is how its certificate is looked at."""

    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    @property
    def tls(self) -> Tls:
        return Tls(self.ca_file, self.tls_verify)


class SignIn(Server):
    token: Token | None = Field(None, description="sent as Authorization: Bearer …")
    username: str | None = Field(None, min_length=1, description="sign in by name, together with PASSWORD")
    password: SecretStr | None = Field(None, description="goes with USERNAME")

    def secrets(self) -> tuple[str, ...]:
        pair = self._basic()
        return (pair, *super().secrets()) if pair else super().secrets()

    def credentials(self) -> tuple[tuple[str, str], ...]:
        if self.token is not None:
            return (("Authorization", f"Bearer {self.token.get_secret_value()}"),)
        return (("Authorization", f"Basic {pair}"),) if (pair := self._basic()) else ()

    def _basic(self) -> str:
        if self.username is None or self.password is None:
            return ""
        return b64encode(f"{self.username}:{self.password.get_secret_value()}".encode()).decode("ascii")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("USERNAME and PASSWORD go together")
        if self.token is not None and self.username is not None:
            raise ValueError("TOKEN or USERNAME and PASSWORD, not both")
        return self

"""What the destinations at Google have in common: who signs in, and how errors are worded."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import FormatFault
from gateway.destinations._content import ContentSettings
from gateway.destinations._extra import Samples
from gateway.destinations._http import explained, json_object
from gateway.destinations._sign_in import Server
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import Outcome

_SHORTEST_SECRET = 8
_SERVICE_ACCOUNT = ("client_email", "private_key", "token_uri")
_FEDERATED = ("audience", "subject_token_type", "token_url", "credential_source")
_NEEDED = {"service_account": _SERVICE_ACCOUNT, "external_account": _FEDERATED}


def _checked(given: SecretStr) -> SecretStr:
    """The shape alone: whether a key can be read is found when it is used, by a library that takes long to load."""
    try:
        found = json.loads(given.get_secret_value())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("type") not in _NEEDED:
        raise ValueError("must be the JSON of a credentials file, whose type is service_account or external_account")
    missing = [name for name in _NEEDED[found["type"]] if not found.get(name)]
    if missing:
        raise ValueError(f"the credentials file has no {', '.join(missing)}")
    return given


class GoogleSettings(Server, ContentSettings):
    credentials: Annotated[SecretStr, AfterValidator(_checked)] | None = Field(
        None,
        description="JSON of a service account's key or of workload identity federation (needs an extra); "
        "the machine's own identity unless set",
    )

    def secrets(self) -> tuple[str, ...]:
        """Besides the whole, what of it gives access alone."""
        parts = {self._member("private_key"), *self._member("private_key").split("\n"), self._member("private_key_id")}
        found = {part for part in parts if len(part) >= _SHORTEST_SECRET and not part.startswith("-----")}
        return tuple(sorted(found | set(super().secrets()), key=len, reverse=True))

    @property
    def credentials_text(self) -> str:
        return self.credentials.get_secret_value() if self.credentials is not None else ""

    def is_federated(self) -> bool:
        return self._member("type") == "external_account"

    def _member(self, name: str) -> str:
        value = json.loads(self.credentials_text).get(name) if self.credentials is not None else ""
        return value if isinstance(value, str) else ""


def verify(settings: GoogleSettings, _samples: Samples) -> None:
    """A credentials file needs a library; it is looked for without being loaded."""
    if settings.credentials is not None and (find_spec("google") is None or find_spec("google.auth") is None):
        raise FormatFault("CREDENTIALS needs a package that is not installed: pip install 'optix-gateway[google]'")


def said(outcome: Outcome, answer: HttpAnswer) -> Outcome:
    """https://cloud.google.com/apis/design/errors: a status in words, and a message."""
    error = json_object(answer).get("error")
    return explained(outcome, error.get("status"), error.get("message")) if isinstance(error, dict) else outcome

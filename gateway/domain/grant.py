"""What a request has to be granted before a cloud takes it, as plain values. Outbound knows how to come by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class EntraGrant:
    """An access token of Microsoft Entra ID for `scope` (`https://monitor.azure.com/.default`).

    `way`: by the client secret of an app registration, by the managed identity of the machine, or by the token file
    that Kubernetes gives a workload. `authority`: the login server. `tenant` and `client_id` may be "" where the
    environment knows them (workload), and `client_id` where the machine has one identity of its own (managed).
    """

    scope: str
    way: Literal["secret", "managed", "workload"]
    authority: str
    tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GoogleGrant:
    """An access token for `scope`, or an ID token for `audience`: one of the two is "".

    `credentials`: the JSON text of a credentials file; "" for what the machine has to offer (Application Default
    Credentials).
    """

    scope: str = ""
    audience: str = ""
    credentials: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SasGrant:
    """A shared access signature for `resource`, an address without its query. It is made here, and nobody is asked."""

    resource: str
    key_name: str
    key: str = field(repr=False)


Grant: TypeAlias = EntraGrant | GoogleGrant | SasGrant

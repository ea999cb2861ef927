from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.domain.url import is_http
from gateway.settings.database import PostgresUrl, database_at, postgres_url
from gateway.settings.mistakes import quoted
from gateway.settings.units import choice, duration_between, flag, size_bytes

DEFAULT_SOURCE = "optix"
DEFAULT_ROUTES_DIR = Path("config/routes")

# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/\[\]]+):(\d{1,5})")
# Latin-1 without its control characters: what a header can carry and a vendor's form can hold.
_SHORTEST_KEY = 20
_PRINTABLE = re.compile(r"[\x20-\x7e\xa0-\xff]+")


class Address(NamedTuple):
    """`host` without brackets. `port` 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host.lower() == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(text: str) -> Address:
    match = _ADDRESS.fullmatch(text.strip())
    if not match or int(match[2]) > 65535:
        raise ValueError(f"{quoted(text)} is not an address. Write host:port, as in 0.0.0.0:8080 or [::]:8080.")
    return Address(match[1].strip("[]"), int(match[2]))


def _address_or_off(text: str) -> Address | None:
    return _address(text) if text.strip() else None


def _header_name(text: str) -> str:
    name = text.strip()
    if name and not _TOKEN.fullmatch(name):
        raise ValueError("this is not the name of an HTTP header. Letters, digits and hyphens, as in Authorization.")
    return name


def _auth_value(value: str) -> SecretStr:
    if not value or value != value.strip():
        raise ValueError("an accepted value is empty, or begins or ends with a blank.")
    if not _PRINTABLE.fullmatch(value):
        raise ValueError("an accepted value holds a character that no HTTP header can carry.")
    return SecretStr(value)


def _ops_token(text: str) -> SecretStr | None:
    token = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        raise ValueError("a token consists of letters, digits and signs of ASCII, without blanks.")
    return SecretStr(token) if token else None


def _signing_key(text: str) -> SecretStr | None:
    key = text.strip()
    if key and len(key) < _SHORTEST_KEY:
        raise ValueError(f"a key needs at least {_SHORTEST_KEY} characters, chosen by chance.")
    return SecretStr(key) if key else None


def _base_url(text: str) -> str:
    url = text.strip().rstrip("/")
    if url and (not is_http(url) or any(sign in url for sign in "@?#")):
        raise ValueError(f"{quoted(text)} is not an address. Write it as in https://optix.example.com.")
    return url


def _file(text: str) -> Path | None:
    path = Path(text.strip())
    if text.strip() and not path.is_file():
        raise ValueError(f"there is no file {quoted(text.strip())}. Give the path of a PEM file.")
    return path if text.strip() else None


def _read(parse: Callable[[str], object]) -> BeforeValidator:
    """Parses texts and lets values that are typed already pass."""
    return BeforeValidator(lambda given: parse(given) if isinstance(given, str) else given)


HeaderName = Annotated[str, _read(_header_name)]
AuthValues = Annotated[tuple[Annotated[SecretStr, _read(_auth_value)], ...], Field(repr=False)]


class Credentials(BaseModel):
    """What a source's webhooks must carry: the header's name and every accepted value of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    auth_header: HeaderName = ""
    auth_values: AuthValues = ()


_STANDS_UNDER = {"retention_s": "RETENTION", "max_body_bytes": "MAX_BODY"} | {
    "shutdown_grace_s": "SHUTDOWN_GRACE",
    "disk_reserve_bytes": "DISK_RESERVE",
}


def setting_of(field: str) -> str:
    """`listen` -> `GATEWAY_LISTEN`."""
    return f"GATEWAY_{_STANDS_UNDER.get(field, field.upper())}"


class GatewaySettings(BaseSettings):
    """Every `GATEWAY_…` setting, read and checked. Paths are as given, relative to the working directory."""

    model_config = SettingsConfigDict(
        alias_generator=setting_of,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

    listen: Annotated[Address, _read(_address)] = Field(
        Address("0.0.0.0", 8080),  # noqa: S104 - a container is reached from outside
        description="where webhooks arrive",
    )
    ops_listen: Annotated[Address | None, _read(_address_or_off)] = Field(
        Address("127.0.0.1", 8081), description="ops API, metrics and health; empty switches it off"
    )
    ops_token: Annotated[SecretStr | None, _read(_ops_token)] = Field(
        None, description="required by page and API unless the ops listener is loopback"
    )
    database: Annotated[Path | PostgresUrl, _read(database_at)] = Field(
        Path("data/gateway.db"), description="where alerts and deliveries are stored"
    )
    database_direct: Annotated[PostgresUrl | None, _read(postgres_url)] = Field(
        None, description="the same database past a pooler"
    )
    auth_header: HeaderName = Field("", description="name of the header that Cloud Optix sends")
    auth_values: AuthValues = Field((), description="accepted values of that header")
    sources: Mapping[str, Credentials] = Field(default_factory=dict, description="further sources by name")
    allow_unauthenticated: Annotated[bool, _read(flag)] = Field(
        False, description="take alerts from anyone where no credentials are set"
    )
    routes_dir: Path = Field(DEFAULT_ROUTES_DIR, description="each *.env file in it is a route")
    max_body_bytes: Annotated[int, _read(size_bytes), Field(ge=1)] = Field(
        10 << 20, description="larger webhook bodies get 413"
    )
    retention_s: Annotated[float, _read(partial(duration_between, low="1m", high="36500d"))] = Field(
        30 * 86400.0, description="how long finished alerts are kept"
    )
    shutdown_grace_s: Annotated[float, _read(partial(duration_between, low="0s", high="1h"))] = Field(
        10.0, description="how long attempts under way may take to finish at shutdown"
    )
    approval_url: Annotated[str, _read(_base_url)] = Field(
        "", description="where people reach the ops listener, for links in requests for approval"
    )
    approval_key: Annotated[SecretStr | None, _read(_signing_key)] = Field(
        None, description="signs those links; without it there are none"
    )
    disk_reserve_bytes: Annotated[int, _read(size_bytes)] = Field(
        64 << 20, description="with less free disk than this no alerts are taken in"
    )
    log_format: Annotated[
        Literal["auto", "json", "console"], _read(partial(choice, known=("auto", "json", "console")))
    ] = Field("auto", description="auto picks by terminal")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _read(partial(choice, known=("debug", "info", "warning", "error"))),
    ] = Field("info", description="the least important lines that are written")
    tls_cert: Annotated[Path | None, _read(_file)] = Field(None, description="PEM file: serve webhooks over TLS")
    tls_key: Annotated[Path | None, _read(_file)] = Field(None, description="PEM file with the key of it")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls by these names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what we collected ourselves, because a mistake must be reported with its file and line."""
        return (init_settings,)

    def credentials(self) -> Mapping[str, Credentials]:
        """Of every source by name, the default one too; some may hold no values."""
        default = Credentials(auth_header=self.auth_header, auth_values=self.auth_values)
        return {DEFAULT_SOURCE: default, **self.sources}

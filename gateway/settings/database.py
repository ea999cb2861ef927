"""Where alerts and deliveries are stored: a file, or a server that several gateways share."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

POSTGRES_MISSING = "PostgreSQL needs packages that are not installed: pip install 'optix-gateway[postgres]'"
_SCHEMES = ("postgresql", "postgres")
_WRONG = (
    "this is not a database URL. Write sqlite:/// and a file, as in sqlite:///data/gateway.db, with a fourth slash"
    " for an absolute path; or postgresql://user:password@host/name."
)


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """`shown`: without login and options."""

    url: SecretStr
    shown: str

    def __str__(self) -> str:
        return self.shown

    def secrets(self) -> set[str]:
        """The whole, and the password in it."""
        whole = self.url.get_secret_value()
        login, at, _ = urlsplit(whole).netloc.rpartition("@")
        passwords = {login.partition(":")[2]} if at else set()
        passwords |= {value for name, value in parse_qsl(urlsplit(whole).query) if name == "password"}
        return {whole} | (passwords - {""})

    def without_password(self) -> str:
        """For other programs, which ask for it or find it where they look for it."""
        parts = urlsplit(self.url.get_secret_value())
        login, at, host = parts.netloc.rpartition("@")
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "password"]
        return urlunsplit(parts._replace(netloc=login.partition(":")[0] + at + host, query=urlencode(kept)))


def database_at(text: str) -> Path | PostgresUrl:
    """`sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`. Nothing of the text is shown: such URLs hold
    passwords.
    """
    scheme, _, rest = text.strip().partition("://")
    if scheme.lower() in _SCHEMES:
        return postgres_url(text)
    path = rest.removeprefix("/")
    if scheme.lower() != "sqlite" or path == rest or path in ("", ":memory:") or path.endswith("/") or "?" in path:
        raise ValueError(_WRONG)
    return Path(path)


def postgres_url(text: str) -> PostgresUrl:
    url = text.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_WRONG) from None
    if parts.scheme.lower() not in _SCHEMES or any(sign.isspace() for sign in url):
        raise ValueError("this is not a database URL. Write postgresql://user:password@host/name.")
    return PostgresUrl(SecretStr(url), f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}")


def postgres_is_installed() -> bool:
    return find_spec("asyncpg") is not None and find_spec("greenlet") is not None

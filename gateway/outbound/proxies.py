from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.request import getproxies_environment

from yarl import URL


class Proxies:
    """HTTP_PROXY, HTTPS_PROXY and NO_PROXY as they were when this was made; names in lower case win.

    `settings` is what `urllib.request.getproxies_environment` gives: scheme -> proxy, and "no" -> the exceptions. These
    are hosts or domains (with what is below them), `*`, and networks (`10.0.0.0/8`) for receivers given as an address.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(getproxies_environment() if settings is None else settings)
        self._chosen: dict[tuple[str, str], URL | None] = {}
        self._none = not self._settings.keys() & {"http", "https", "all"}

    def of(self, url: URL) -> URL | None:
        """The proxy to go through; None to go straight."""
        if self._none:
            return None
        key = (url.scheme, url.raw_host or "")
        if key not in self._chosen:
            self._chosen[key] = self._choose(*key)
        return self._chosen[key]

    def _choose(self, scheme: str, host: str) -> URL | None:
        proxy = self._settings.get(scheme) or self._settings.get("all")
        exceptions = (name.strip() for name in self._settings.get("no", "").split(","))
        if not proxy or any(_covers(exception, host) for exception in exceptions if exception):
            return None
        return URL(proxy if "://" in proxy else f"http://{proxy}")


def _covers(exception: str, host: str) -> bool:
    if "/" in exception:
        return _in_network(host, exception)
    domain = exception.casefold().lstrip(".")
    return exception == "*" or f".{host.casefold()}".endswith(f".{domain}")


def _in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False

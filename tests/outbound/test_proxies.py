from __future__ import annotations

import pytest
from yarl import URL

from gateway.outbound.proxies import Proxies

SETTINGS = {
    "http": "http://plain.example:3128",
    "https": "secure.example:3129",
    "no": "localhost, .cluster.local,10.0.0.0/8 ,fd00::/8,intern.example",
}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://a.example/", "http://plain.example:3128"),
        ("https://a.example/", "http://secure.example:3129"),
        ("http://localhost:8080/", None),
        ("http://LocalHost/", None),
        ("http://loki.cluster.local/", None),
        ("http://intern.example/", None),
        ("http://a.intern.example/", None),
        ("http://notintern.example/", "http://plain.example:3128"),
        ("http://10.1.2.3/", None),
        ("http://[fd00::1]/", None),
        ("http://11.1.2.3/", "http://plain.example:3128"),
    ],
)
def test_a_proxy_is_chosen_by_scheme_unless_the_host_is_an_exception(url: str, proxy: str | None) -> None:
    assert Proxies(SETTINGS).of(URL(url)) == (URL(proxy) if proxy else None)


@pytest.mark.parametrize(
    ("settings", "proxy"),
    [
        ({}, None),
        ({"no": "*"}, None),
        ({"https": "http://p.example"}, None),
        ({"all": "http://p.example"}, "http://p.example"),
        ({"http": "http://p.example", "no": "*"}, None),
        ({"http": ""}, None),
    ],
)
def test_without_a_fitting_setting_the_way_is_straight(settings: dict[str, str], proxy: str | None) -> None:
    assert Proxies(settings).of(URL("http://a.example/")) == (URL(proxy) if proxy else None)


def test_the_environment_is_read_when_nothing_else_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://from-environment.example:8")
    monkeypatch.setenv("NO_PROXY", "direct.example")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    proxies = Proxies()
    assert proxies.of(URL("https://a.example/")) == URL("http://from-environment.example:8")
    assert proxies.of(URL("https://direct.example/")) is None

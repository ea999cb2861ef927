"""Alerts that nobody would wish for, and the switch that rewrites the golden files.

`pytest tests/destinations --update-golden` writes what the destinations send now; read the diff before committing it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.optix import incident_key
from gateway.domain.severity import severity_of
from gateway.domain.snapshot import encode, snapshot_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is sent now")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden", default=False))


_HOSTILE = (
    "@everyone", "@here", "@channel", "<!channel>", "<@1234>", "<@&99>", "<users/all>", "<http://evil|bank>", "~town",
    "[bank](http://evil)", "`", "```", "\\", "*", "**", "_", "__", "~~", "||", "> ", "# ", "- ", "-# x", "1. ", "<b>",
    "</b>", "<a href='http://evil'>x</a>", "&lt;", "&", "http://evil", "www.evil.example", '"', "'", "\r\n", "\n", "\t",
    "\u202e", "\u200b", "\u200d", "\ufeff", "\x00", "\x1b[31m", "]", "|", "=", "{{ 7*7 }}", "${x}", "%s", "🪣",
    "👩‍👩‍👧",
    "é", "خادم", "שרת", "漢字", "\U0001f3f3\ufe0f\u200d\U0001f308", "$x$", "^", ":smile:", "\u3164",
)  # fmt: skip

_words = st.one_of(st.sampled_from(_HOSTILE), st.text(max_size=12), st.just(" "))
_short = st.lists(_words, max_size=6).map("".join)
_long = st.builds(lambda text, times: text * times, _short, st.sampled_from([1, 40, 400]))
_texts = st.one_of(_short, _long)
_details: st.SearchStrategy[JSON] = st.one_of(
    st.none(), _short, st.lists(_short, max_size=3).map(list), st.dictionaries(_short, _short, max_size=3).map(dict)
)
_resources = st.builds(
    Resource,
    info=st.one_of(_short, _short.map(lambda text: text * 40)),
    state=st.sampled_from(["OPEN", "SUPPRESS", "RESOLVED", "", "@here"]),
    details=_details,
)
_lists = st.builds(
    lambda some, times: tuple(some) * times, st.lists(_resources, max_size=4), st.sampled_from([1, 1, 1, 60])
)
_scores = st.one_of(st.none(), st.integers(0, 100), st.floats(0, 100))


@st.composite
def any_alert(draw: st.DrawFn) -> Alert:
    """Composite for its short name in a failure's report."""
    environment, alert_id, score = draw(_texts), draw(_texts), draw(_scores)
    return Alert(
        source="optix",
        event_type="ALERT",
        environment=environment,
        alert_id=alert_id,
        key=incident_key("optix", environment, alert_id),
        severity=severity_of(score),
        score=score,
        summary=draw(_texts),
        alert_type=draw(_texts),
        provider=draw(_short),
        rule=draw(_texts),
        details=draw(_texts),
        last_seen=draw(_short),
        seen_at=draw(st.one_of(st.none(), st.just(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))),
        policy_labels=tuple(draw(st.lists(_short, max_size=30))),
        resources=draw(_lists),
    )


def _known(score: float | None, resources: tuple[Resource, ...]) -> bytes:
    told = Alert("optix", "ALERT", "", "", "", severity_of(score), score=score, resources=resources)
    return encode(snapshot_of(told))


_thousands = _short.map(lambda text: tuple(Resource(f"{n} {text * 20}", "OPEN") for n in range(3000)))


@pytest.fixture(scope="session")
def befores() -> st.SearchStrategy[bytes | None]:
    """What a receiver was told before (see `Context.before`): anything from nothing to thousands of resources."""
    return st.one_of(st.none(), st.just(b""), st.builds(_known, _scores, st.one_of(_lists, _thousands)))


@pytest.fixture(scope="session")
def known() -> Callable[..., bytes]:
    """The state that a receiver was told before: a score, and names of open resources."""

    def make(score: float | None = 80, /, *names: str, state: str = "OPEN") -> bytes:
        return _known(score, tuple(Resource(name, state) for name in names))

    return make


@pytest.fixture(scope="session")
def alerts() -> st.SearchStrategy[Alert]:
    """Any alert: hostile, empty and huge texts, emoji, right-to-left, hundreds of resources."""
    return any_alert()


@pytest.fixture(scope="session")
def alert_of() -> Callable[..., Alert]:
    """An ordinary alert with some of its fields said by the test."""

    def make(**fields: object) -> Alert:
        ordinary: dict[str, object] = {
            "source": "optix",
            "event_type": "ALERT",
            "environment": "444123456789",
            "alert_id": "A-1",
            "key": "optix-" + "0" * 32,
            "severity": severity_of(80),
            "score": 80,
            "summary": "A bucket is public",
            "alert_type": "Policy",
            "provider": "AWS",
            "rule": "AR-251",
            "resources": (Resource("bucket-1", "OPEN"),),
        }
        return Alert(**(ordinary | fields))  # type: ignore[arg-type]  # a test names fields that exist

    return make

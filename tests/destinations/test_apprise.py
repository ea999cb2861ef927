"""Texts for services that only Apprise knows, and what its yes and no mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import samples
from gateway.destinations import Context, SecretAddress, load
from gateway.destinations.apprise import AppriseSettings
from gateway.domain import optix
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import Answer, Declined, NoAnswer, Notification, Published
from gateway.domain.outcome import OutcomeClass as Class
from gateway.outbound.apprise import fitted
from gateway.pipeline.mask import mask, shown

AlertOf = Callable[..., Alert]
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
URL = "slack://botname@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23general?footer=n%C3%B6"


def settings(url: str = URL) -> AppriseSettings:
    return AppriseSettings(url=SecretAddress(url))


def worded(alert: Alert, *, shrink: bool = False) -> Notification:
    message = load("apprise").format(alert, Context("a-1.soc", "soc", b"{}", NOW, shrink=shrink), settings())
    assert isinstance(message, Notification)
    return message


def test_texts_get_shorter_and_each_counts_what_it_leaves_out(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{number}", "OPEN") for number in range(3000)))
    texts = worded(alert).bodies
    assert [len(text) for text in texts] == sorted((len(text) for text in texts), reverse=True)
    limits = (20_000, 9500, 6100, 3900, 1900, 900, 450, 140)
    assert all(len(text) <= most for text, most in zip(texts, limits, strict=True))
    assert all("more" in text for text in texts)


@given(title_maxlen=st.integers(0, 300), body_maxlen=st.integers(1, 40_000))
def test_what_is_sent_is_within_the_limits_of_the_service(title_maxlen: int, body_maxlen: int) -> None:
    alert = optix.parse("optix", samples.load("iac-many-branches"))
    assert isinstance(alert, Alert)
    title, body = fitted(worded(alert), title_maxlen, body_maxlen)
    assert body
    assert len(body) + (0 if title_maxlen else len(title)) <= body_maxlen
    assert not title_maxlen or len(title) <= title_maxlen


def test_hostile_text_mentions_nobody_and_hides_no_link() -> None:
    alert = optix.parse("optix", samples.load("hostile-text"))
    assert isinstance(alert, Alert)
    message = worded(alert)
    for text in (message.title, *message.bodies):
        assert not [trap for trap in ("@everyone", "@here", "<!", "<@", "<script", "](") if trap in text]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Published(), Class.OK),
        (NoAnswer("no answer within 30 s"), Class.RETRY),
        (Declined("failed", "Apprise does not tell why"), Class.RETRY),
        (Declined("url", "Apprise knows no service for this URL"), Class.GONE),
        (Declined("401", "refused"), Class.AUTH),
        (Declined("404", "refused"), Class.GONE),
        (Declined("413", "refused"), Class.TOO_LARGE),
        (Declined("429", "refused"), Class.RATE_LIMITED),
        (Declined("503", "refused"), Class.RETRY),
        (Declined("204", "refused"), Class.RETRY),
    ],
)
def test_a_no_is_read_by_its_status_where_there_is_one(answer: Answer, expected: Class) -> None:
    assert load("apprise").read(answer, NOW).kind is expected


@pytest.mark.parametrize("url", ["", "slack", "slack://", "slack:// a", "://x", "slack://a\nb"])
def test_what_is_no_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(url)
    assert "input_value" not in str(refused.value)


def test_every_part_of_the_url_is_a_secret(alert_of: AlertOf) -> None:
    made = settings()
    said = f"refused {URL}: T1JJ3T3L2 A1BRTD4JD TIiajkdnlazkcOXrIdevi7FQ #general"
    assert mask(said, made.secrets()) == "refused ****: **** **** **** ****"
    assert shown(worded(alert_of()), made.secrets())["to"] == "slack://****"
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in repr(worded(alert_of())) + repr(made)

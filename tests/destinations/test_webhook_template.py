"""Bodies that an operator words by a template: what it knows, what it may do, and what is said of a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import samples
from gateway.destinations import FormatFault
from gateway.destinations import _template as template
from gateway.domain.alert import Alert
from gateway.domain.digest import Member, digest_of
from gateway.domain.grouping import Grouping
from tests.destinations.webhooks import DELIVERY, EVERY_SAMPLE, KIND, KNOWN, context, made, sample, worded


def rendered(body: str, name: str = samples.DOCUMENTED, *, before: bytes | None = None, **keys: str) -> str:
    alert, received = sample(name)
    return worded(alert, context(received, before=before), made(format="template", body=body, **keys)).body.decode()


def fault(body: str, **keys: str) -> str:
    assert KIND.verify is not None
    with pytest.raises(FormatFault) as found:
        KIND.verify(made(format="template", body=body, **keys), EVERY_SAMPLE)
    return str(found.value)


def test_a_template_knows_the_alert_the_event_and_the_delivery() -> None:
    body = "[{{ alert.summary|tojson }}, {{ event.payloadData.ruleNumber|tojson }}, {{ delivery|tojson }}]"
    summary, rule, delivery = json.loads(rendered(body))
    assert summary == "Ensure S3 buckets do not allow public read/list permission"
    assert rule == "AR-251"
    assert delivery == {"id": DELIVERY, "route": "soc", "sent_at": "2026-05-04T03:02:01Z", "test": False}


def test_a_template_knows_what_changed() -> None:
    body = "[{{ news|tojson }}, {{ change.reasons|tojson }}, {{ change.went|tojson }}]"
    assert json.loads(rendered(body)) == ["", ["new"], []]
    news = "2 new of 2 open, 1 gone, score 70 -> 80 (medium -> high)"
    assert json.loads(rendered(body, before=KNOWN)) == [news, ["grew", "shrank", "raised"], ["old"]]
    assert json.loads(rendered(body, before=b"")) == ["nothing changed", ["unchanged"], []]


def test_a_template_that_asks_a_digest_what_changed_finds_nothing() -> None:
    members = [Member(alert, alert.alert_id) for alert, _ in EVERY_SAMPLE]
    digest = digest_of(members, Grouping(("source",)), "optix")
    body = "[{{ news|tojson }}, {{ change.reasons|tojson }}, {{ change.words|tojson }}, {{ change.came|length }}]"
    message = worded(digest, context(before=KNOWN), made(format="template", body=body))
    assert json.loads(message.body) == ["", [], "", 0]


def test_a_template_is_tried_on_follow_ups_too() -> None:
    assert "'nope' is undefined" in fault("{% if news %}{{ nope }}{% endif %}1")
    assert "'nope' is undefined" in fault("{% if not news %}{{ nope }}{% endif %}1")


@pytest.mark.parametrize("name", samples.names())
def test_tojson_keeps_every_text_inside_its_string(name: str) -> None:
    body = '{"list": [{% for r in alert.resources %}{{ r.info|tojson }}{{ "," if not loop.last }}{% endfor %}]}'
    alert, _ = sample(name)
    assert json.loads(rendered(body, name))["list"] == [resource.info for resource in alert.resources]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_hostile_texts_stay_data_in_a_template(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    body = '{"text": {{ ("Alert: " ~ alert.summary)|tojson }}}'
    message = worded(alert, context(), made(format="template", body=body))
    assert json.loads(message.body) == {"text": f"Alert: {alert.summary}"}


def test_a_template_of_another_type_is_taken_as_it_is() -> None:
    assert rendered("{{ alert.alert_id }} is bad", content_type="text/plain") == "A-000001 is bad"


def test_an_event_with_a_byte_order_mark_is_read_too() -> None:
    alert, body = sample(samples.DOCUMENTED)
    keys = made(format="template", body="{{ event.eventType|tojson }}")
    for encoded in (b"\xef\xbb\xbf" + body, body.decode().encode("utf-16")):
        assert worded(alert, context(encoded), keys).body == b'"ALERT"'


FAULTS = [
    ('{"a": {{ alert.nope|tojson }}}', "line 1: 'dict object' has no attribute 'nope'"),
    ("{\n{{ nope }}}", "line 2: 'nope' is undefined"),
    ('{"a": "{{ alert.details }}"}', "does not make JSON"),
    ("{{ alert.alert_id }}", "does not make JSON"),
    ('{"score": NaN}', "NaN is not JSON"),
    ("\n\n{% if %}", "line 3: "),
    ("{{ alert|upside_down }}", "No filter named"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ alert.__class__ }}", "unsafe"),
    ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ("{{ alert.update({}) }}", "unsafe"),
    ("{% include 'x' %}", "no loader"),
    ("{{ 9 ** 9 }}", "** is not available"),
    ("{{ 'a' * 1000001 }}", "* makes too much"),
    ("{{ [0] * 1000001 }}", "* makes too much"),
    ("{% for i in range(400) %}{% for j in range(400) %}{% endfor %}{% endfor %}", "more than 100000 numbers"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
]


@pytest.mark.parametrize(("body", "said"), FAULTS)
def test_a_template_fault_says_the_sample_the_line_and_what_is_wrong(body: str, said: str) -> None:
    text = fault(body)
    assert said in text
    assert text.startswith("BODY with the sample alert A-")


def test_verifying_accepts_what_renders_for_every_sample() -> None:
    assert KIND.verify is not None
    KIND.verify(made(format="template", body="{{ alert|tojson }}"), EVERY_SAMPLE)
    KIND.verify(made(), EVERY_SAMPLE)


def test_a_rendering_may_be_as_large_as_the_limit_and_no_larger() -> None:
    pieces = template.MAX_OUTPUT_BYTES // 524_288
    loop = f"{{% for i in range({pieces}) %}}{{{{ 'x' * 524288 }}}}{{% endfor %}}"
    assert len(rendered(loop, content_type="text/plain")) == template.MAX_OUTPUT_BYTES
    assert "more than 10 MiB" in fault(loop + "x", content_type="text/plain")


def test_loops_may_take_as_many_steps_as_the_limit() -> None:
    assert rendered("{{ range(100000)|length }}") == "100000"
    assert "100000 numbers" in fault("{{ range(100001)|length }}")


def test_jinja_is_not_loaded_where_no_template_is_used() -> None:
    program = "import sys; from gateway.destinations import load; load('webhook'); assert 'jinja2' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_one_more_alert_of_the_same_text_compiles_nothing(alert_of: Callable[..., Any]) -> None:
    keys = made(format="template", body="{{ alert.alert_id|tojson }}")
    for number in range(3):
        worded(alert_of(alert_id=f"A-{number}"), context(), keys)
    assert template._compiled(keys.body) is template._compiled(keys.body)

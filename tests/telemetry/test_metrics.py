from __future__ import annotations

import gc
import time
import tracemalloc

from prometheus_client.parser import text_string_to_metric_families

from gateway.domain.delivery import RouteStatus, State
from gateway.domain.telling import Decision, Word
from gateway.telemetry.metrics import ANSWERS, GIVEN_UP, OUTCOMES, UNTOLD, Metrics, StoreReads


def metrics(routes: tuple[str, ...] = ("soc", "mail")) -> Metrics:
    return Metrics(version="1.2.3", sources=("optix",), routes=routes)


async def samples(found: Metrics, reads: StoreReads | None = None) -> dict[tuple[str, ...], float]:
    """(name, label values…) -> value, by prometheus_client's own parser."""
    text = (await found.scrape(reads)).decode()
    return {
        (sample.name.removeprefix("optix_gateway_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_series_of_a_configured_source_and_route_is_there_from_the_start_at_nought() -> None:
    found = await samples(metrics())
    for route in ("soc", "mail"):
        expected: set[tuple[str, ...]] = {("attempts_total", route, outcome) for outcome in OUTCOMES}
        expected |= {("given_up_total", route, reason) for reason in GIVEN_UP}
        expected |= {("untold_total", route, word) for word in UNTOLD}
        expected |= {("deliveries_total", route, state.value) for state in State}
        expected |= {("delivery_seconds_count", route), ("breaker_state", route)}
        assert {series for series in expected if found.get(series) != 0} == set()
    assert {found["webhooks_total", "optix", answer] for answer in ANSWERS} == {0}
    assert found["alerts_total", "optix", "critical"] == 0


def test_every_word_that_makes_no_delivery_has_its_series_and_no_other() -> None:
    assert {Word(word) for word in UNTOLD} == {word for word in Word if not Decision("soc", word).makes_delivery}


async def test_counters_count_and_histograms_are_cumulative() -> None:
    counted = metrics()
    counted.attempts.add("soc", "ok")
    counted.attempts.add("soc", "ok", 2)
    for seconds in (0.05, 0.3, 1_000_000.0):
        counted.delivery_seconds.observe("soc", seconds)
    found = await samples(counted)
    assert found["attempts_total", "soc", "ok"] == 3
    assert [found["delivery_seconds_bucket", "soc", le] for le in ("0.1", "0.5", "259200.0", "+Inf")] == [1, 2, 2, 3]
    assert found["delivery_seconds_count", "soc"] == 3
    assert found["delivery_seconds_sum", "soc"] == 1_000_000.35


async def test_names_that_nobody_configured_make_no_new_series() -> None:
    counted = metrics()
    before = len(await samples(counted, StoreReads()))
    for number in range(100):
        counted.webhooks.add(f"attacker-{number}", "401")
        counted.attempts.add(f"gone-{number}", "ok")
        counted.delivery_seconds.observe(f"gone-{number}", 1)
        counted.set_status(f"gone-{number}", RouteStatus.OPEN)
    found = await samples(counted, StoreReads({"gone-1": 5.0, "gone-2": 7.0}, held=2))
    assert len(found) == before + 1
    assert found["webhooks_total", "unknown", "401"] == 100
    assert found["oldest_due_age_seconds", "unknown"] == 7.0


async def test_what_only_the_store_knows_is_left_out_when_it_does_not_answer() -> None:
    found = await samples(metrics(), StoreReads({"soc": 12.5}, held=4))
    assert (found["oldest_due_age_seconds", "soc"], found["oldest_due_age_seconds", "mail"]) == (12.5, 0)
    assert found["held",] == 4
    assert not {name for name, *_ in await samples(metrics(), None)} & {"held", "oldest_due_age_seconds"}


async def test_breakers_commits_and_the_build_are_shown() -> None:
    counted = metrics()
    counted.set_status("soc", RouteStatus.OPEN)
    counted.set_status("mail", RouteStatus.PAUSED)
    counted.committed(0.004, 12)
    found = await samples(counted)
    assert (found["breaker_state", "soc"], found["breaker_state", "mail"]) == (1, 2)
    assert found["commit_seconds_count",] == 1
    assert found["commit_items_sum",] == 12
    assert found["build_info", "1.2.3"] == 1
    assert found["process_resident_memory_bytes",] > 0


async def test_label_values_are_escaped() -> None:
    found = await samples(metrics(('a"b\\c\nd',)))
    assert found["attempts_total", 'a"b\\c\nd', "ok"] == 0


async def test_a_thousand_routes_cost_little_to_start_and_to_scrape() -> None:
    routes = tuple(f"route-{number}" for number in range(1000))
    tracemalloc.start()
    made = metrics(routes)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 3 * 2**20
    gc.collect()  # what other tests left behind is not this one's cost
    gc.disable()
    try:
        started = time.thread_time()
        made = metrics(routes)
        built = time.thread_time()
        await made.scrape(StoreReads())
        scraped = time.thread_time()
    finally:
        gc.enable()
    assert built - started < 0.15
    assert scraped - built < 0.5

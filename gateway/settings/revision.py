from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from gateway.domain.notify import written
from gateway.pipeline.configured import ConfiguredRoute

_DIGITS = 12


def revision_of(routes: Iterable[ConfiguredRoute]) -> str:
    """12 hex digits over what decides about an alert. Secrets do not take part: their masks do."""
    digest = sha256()
    for route in routes:
        settings = route.settings.model_dump_json()
        said = (route.name, route.kind, route.filter.describe(), repr(route.policy), settings, *_telling(route))
        digest.update("\x00".join(said).encode("utf-8", "surrogatepass") + b"\x01")
    return digest.hexdigest()[:_DIGITS]


def _telling(route: ConfiguredRoute) -> Iterator[str]:
    """Nothing of it depends on the process, as the order of a set would."""
    terms, schedule = route.terms, route.schedule
    yield written(terms.notify)
    yield repr((terms.remind_after_us, terms.grouping, terms.flap, route.chain))
    yield repr([(link.wide.pattern, link.narrow.pattern) for link in terms.inhibitor.links])
    yield schedule.active.describe() if schedule and schedule.active else ""
    yield schedule.mute.describe() if schedule and schedule.mute else ""
    yield route.when_muted
    yield route.when.text if route.when else ""
    yield repr((route.approval, route.guard))

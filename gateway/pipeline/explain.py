"""Why an alert reaches a route or not: of any payload, with what exactly would be sent, and of one that came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import JSON, Alert
from gateway.domain.change import Reason
from gateway.domain.delivery import NewDelivery
from gateway.domain.notify import written
from gateway.domain.optix import NotNarrowed, Unreadable, parse
from gateway.domain.query import DeliveryRow
from gateway.domain.remediation import narrowed, narrowed_body, passing
from gateway.domain.route import RouteTable, Verdict
from gateway.domain.telling import Decision, Word
from gateway.pipeline.choosing import Chooser
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask, shown
from gateway.pipeline.message import format_message
from gateway.pipeline.plan import plan_of
from gateway.pipeline.waiting import Silencing

REFUSED, UNRECORDED = "refused", "unrecorded"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`unreadable`: why the body is no alert; "" when it is one. `verdicts`: of the filters. `decisions`: of the routes
    whose filter takes it and that nevertheless get no delivery, or one that waits. `routes`: those that get a delivery.
    `stand_ins`: route -> the route in whose stead it would be told. `open_questions`: of `routes`, those of which the
    store would still ask what is remembered of the incident, and what: that cannot be answered here. `requests`:
    route -> what would be sent, secrets masked; a route whose wording fails has {"fault": why} instead. `plans`: route
    -> what would be done, of those that change something or ask somebody first.
    """

    alert: Alert | None
    unreadable: str = ""
    verdicts: tuple[Verdict, ...] = ()
    requests: Mapping[str, dict[str, JSON]] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    routes: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    open_questions: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)


def explain(
    body: bytes,
    source: str,
    routes: Sequence[ConfiguredRoute],
    table: RouteTable,
    now_us: int,
    silencing: Silencing | None = None,
) -> Explanation:
    """As things would go at that moment. `silencing` None: the silences are not known here."""
    read = parse(source, body)
    if isinstance(read, Unreadable):
        return Explanation(None, read.reason)
    choice = Chooser(routes, table, silencing).choose(read, now_us)
    stand_ins = {
        made.route: ",".join(p.route for p in made.stands_in_for) for made in choice.deliveries if made.stands_in_for
    }
    told = tuple(made.route for made in choice.deliveries if not made.stands_in_for)
    named = {route.name: route for route in routes}
    return Explanation(
        read,
        verdicts=table.explain(read),
        requests={name: _request(named[name], read, body, now_us) for name in (*told, *stand_ins)},
        decisions=choice.decisions,
        plans={name: plan_of(named[name], read).text for name in told if named[name].approval or named[name].guard},
        routes=told,
        stand_ins=stand_ins,
        open_questions={made.route: said for made in choice.deliveries if (said := _open_question(made))},
    )


def _open_question(made: NewDelivery) -> str:
    """On what of the store's memory such a route depends; "" when on nothing."""
    terms = made.terms
    if terms is None or not made.is_decided:
        return ""
    parts = [f"it is told {written(terms.notify)} only (NOTIFY)"] if Reason.UNCHANGED not in terms.notify else []
    parts += ["another finding may mute this one (INHIBIT)"] if terms.inhibitor else []
    parts += ["it may be flapping (FLAP_MAX)"] if terms.flap else []
    return ", ".join(parts)


def _request(route: ConfiguredRoute, alert: Alert, body: bytes, now_us: int) -> dict[str, JSON]:
    context = Context(f"example-1.{route.name}", route.name, body, datetime.fromtimestamp(now_us / 1_000_000, UTC))
    secrets = route.settings.secrets()
    try:
        if route.guard:
            passes = passing(alert, route.filter)
            alert, context = narrowed(alert, passes), replace(context, body=narrowed_body(body, passes))
        return shown(format_message(route, alert, context), secrets)
    except (FormatFault, NotNarrowed) as fault:
        return {"fault": mask(str(fault), secrets)}


@dataclass(frozen=True, slots=True)
class Account:
    """Why an alert that was taken in reached one route, or did not.

    `told`: a delivery was made; `state` says what became of it. `word`: as in `Word`, or `refused` by the route's
    filter, or `unrecorded`. `recorded` False: nothing was recorded of this route when the alert came, as of every route
    whose filter refuses; `reason` is what its filter says today. `delivery`: its id; "" when there is none.
    """

    route: str
    told: bool
    word: str
    reason: str
    recorded: bool
    delivery: str = ""
    state: str = ""


def accounts(
    decisions: Sequence[Decision], deliveries: Sequence[DeliveryRow], verdicts: Sequence[Verdict]
) -> tuple[Account, ...]:
    """One for each route that is configured or was asked then. `verdicts`: of today."""
    decided: dict[str, list[Decision]] = {}
    for decision in decisions:
        decided.setdefault(decision.route, []).append(decision)
    sent, today = {row.route: row for row in deliveries}, {verdict.route: verdict for verdict in verdicts}
    names = dict.fromkeys([*today, *sorted({*decided, *sent})])
    return tuple(_account(name, decided.get(name, []), sent.get(name), today.get(name)) for name in names)


def _account(route: str, decided: Sequence[Decision], delivery: DeliveryRow | None, today: Verdict | None) -> Account:
    if delivery is not None:
        word, reason = _why_told(decided, delivery)
        return Account(route, True, word, reason, True, delivery.id, delivery.state)
    for decision in decided:
        if not decision.makes_delivery:
            return Account(route, False, decision.word, decision.reason, True)
    if today is not None and not today.taken:
        return Account(route, False, REFUSED, today.reason, False)
    said = "nothing was recorded of it; its filter would take it today"
    return Account(route, False, UNRECORDED, said, False)


def _why_told(decided: Sequence[Decision], delivery: DeliveryRow) -> tuple[str, str]:
    """Two may have decided: the hours of the route, and what its receiver knew."""
    if delivery.stands_in_for:
        return Word.TOLD, f"in case {delivery.stands_in_for} does not deliver it"
    if decided:
        word = next((decision.word for decision in decided if decision.word is not Word.TOLD), Word.TOLD)
        return word, "; ".join(filter(None, (decision.reason for decision in decided)))
    return Word.TOLD, "its filter took it"

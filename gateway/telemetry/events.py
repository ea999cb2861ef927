"""Every event name that can stand in the log, and what it tells: the one list that the documentation is checked by."""

from __future__ import annotations

from collections.abc import Mapping

EVENTS: Mapping[str, str] = {
    "webhook.accepted": "an alert and its deliveries are on disk",
    "webhook.duplicated": "a body that is stored already came again; nothing was added",
    "webhook.held": "a JSON object that cannot be read as an alert was stored for later",
    "webhook.refused": "a request got another answer than 200; `suppressed` counts like ones left out of the log",
    "request.failed": "a request met a fault of ours and was answered with 503",
    "delivery.delivered": "the receiver took it",
    "delivery.delayed": "an attempt failed and another one follows in `wait_s`",
    "delivery.given_up": "no further attempt will be made; it can be replayed",
    "delivery.superseded": "nothing was left to say: the alert closed before its receiver was told of it",
    "delivery.parked": "it waits until its route runs again or the fault is mended",
    "delivery.put_off": "a silence or the hours of its route began while it waited; it waits for `wait_s` more",
    "delivery.lease_lost": "an attempt ended after its lease; its result was not written",
    "delivery.crashed": "a fault of ours met one attempt; the delivery is parked, or tried again after its lease",
    "lease.expired": "attempts that did not end in time were taken back",
    "route.opened": "the receiver keeps failing; deliveries wait while single ones probe",
    "route.recovered": "the receiver takes deliveries again",
    "route.paused": "nothing is sent until an operator resumes the route",
    "route.resumed": "an operator resumed the route",
    "route.held_back": "the receiver asked for silence for `wait_s`",
    "route.stumbled": "a fault of ours met one route; it goes on a second later",
    "route.missed": "deliveries wait for a route that is not configured",
    "job.ended": "a change of many deliveries was carried out",
    "deliveries.replayed": "an operator made deliveries pending again",
    "deliveries.cancelled": "an operator cancelled deliveries",
    "approval.decided": "somebody approved or rejected deliveries",
    "approval.expired": "deliveries ended because nobody approved them in time",
    "remediation.ended": "something was changed out there, or would be with DRY_RUN=false; with its outcome",
    "remediation.undone": "somebody put back what a remediation had replaced",
    "alerts.purged": "finished alerts older than the retention were deleted",
    "configuration.doubted": "the configuration works, but one thing of it is probably not meant so",
    "gateway.started": "it listens; with its addresses and its version",
    "gateway.stopping": "no new webhooks are taken; what is under way is finished",
    "gateway.stopped": "everything is on disk",
    "gateway.broken": "it ends because of a fault that only a new start can mend",
    "task.crashed": "a fault of ours ended work in the background; the gateway ends so that it is started anew",
    "library.reported": "a warning or an error of a library we use",
}

"""A run of the demo's script, and what it left behind, in a form that two runs can be compared in."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alerts.notify.delays import BY_NEWER
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.rules.transition import Transition
from collector.demo.account import Account
from collector.demo.house import House
from collector.opening import open_store
from collector.stores.port import Point, Series, Store

SITE = "linjiang"
FAR_MS = 10**9  # beyond both ends of the script

# Rules on silence judge arrival, which a killed watch delays; all others judge observed time.
ARRIVAL_RULES = frozenset({"riv-offline", "eb-offline", "eb-outage", "eb-smoke-silent"})

Mark = tuple[str, str, str, int, int, float | None]


@dataclass(frozen=True, slots=True)
class Left:
    """What one run left: its account, every stored reading of the places, every transition."""

    account: Account
    readings: frozenset[tuple[Any, ...]]
    transitions: Counter[Mark]
    told: frozenset[tuple[str, str, str, str]]
    """(rule, subject, reason, person) of every notice that reached somebody told at once."""
    live: list[Transition]


async def left_by(house: House, account: Account) -> Left:
    """Read both ends; times are counted from the script's begin."""
    store = open_store(house.config, read_only=True)
    try:
        await store.set_up()
        points = await _all_points(store, house.begin_ms)
    finally:
        await store.close()
    transitions = house.operations.transitions()
    return Left(
        account=account,
        readings=frozenset(
            (point.series, point.at_ms - house.begin_ms, point.value) for point in points
        ),
        transitions=Counter(
            (
                t.rule,
                str(t.subject),
                t.change.value,
                int(t.severity),
                t.at_ms - house.begin_ms,
                t.value,
            )
            for t in transitions
            if t.rule not in ARRIVAL_RULES and t.subject.kind != "device"
        ),
        told=frozenset(_told_at_once(house)),
        live=list(transitions),
    )


def _told_at_once(house: House) -> Iterator[tuple[str, str, str, str]]:
    """Who climbed into an incident depends on how long it lasted while somebody was awake; who is
    told at once, and then of all that follows, does not.

    A watch that was down for long finds the news and its end together. What it then takes back is
    told by the newer news, if its person got that.
    """
    incidents = {i.id: i for i in house.operations.incidents(limit=500)}
    notices = house.operations.notices(limit=500)
    newest: dict[tuple[int, str], int] = {}
    for notice in notices:
        if notice.state is NoticeState.ACCEPTED:
            whose = (notice.incident, notice.person)
            newest[whose] = max(newest.get(whose, 0), notice.id)
    heard = [
        n
        for n in notices
        if n.state is NoticeState.ACCEPTED
        or (n.detail == BY_NEWER and newest.get((n.incident, n.person), 0) > n.id)
    ]
    at_once = {(n.incident, n.person) for n in heard if n.reason is NoticeReason.OPENED}
    for notice in heard:
        incident = incidents[notice.incident]
        if (notice.incident, notice.person) in at_once and incident.rule not in ARRIVAL_RULES:
            yield incident.rule, str(incident.subject), notice.reason.value, notice.person


async def _all_points(store: Store, begin_ms: int) -> list[Point]:
    found: list[Point] = []
    series: Series
    for series in await store.series(SITE):
        if not series.place:
            continue  # a device about itself: its load and memory are never the same twice
        points = await store.points(series, begin_ms - FAR_MS, begin_ms + FAR_MS)
        found += [
            Point(series, at_ms, value, quality)
            for at_ms, value, quality in zip(
                points.at_ms, points.value, points.quality, strict=True
            )
        ]
    return found

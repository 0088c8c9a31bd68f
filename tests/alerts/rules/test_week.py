"""A week of recorded charging in a shed, from the rules to the people: nobody is woken.

Each evening the recorded batteries are charged. One is left in its socket till noon, and a large one
on a small charger, made up, takes 13 hours: what people do, and no danger.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.incidents import lifecycle, who
from alerts.incidents.lifecycle import Event
from alerts.notify.notice import NoticeReason
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Person, PlaceKind, PostRole, Registry
from alerts.replay import replay
from alerts.rules.inputs import Tick, What
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass
from tests.alerts.rules import worlds
from tests.alerts.rules.test_recordings import HOUR_MS, night

SHANGHAI = ZoneInfo("Asia/Shanghai")
EVENING = datetime(2026, 11, 16, 18, 0, tzinfo=SHANGHAI)  # a Monday
DAYS = 7
STEP_MS = 300_000  # as the batteries were recorded
LEFT_IN, SLOW = (
    "lectric_battery_2_w",
    "rad_battery_3_w",
)  # of the second hardly anything is recorded
NOON_H, SLOW_H = 18, 13  # hours after the evening begins

GUARD = Person(
    id="guard",
    site=worlds.SITE,
    name="值班岗",
    role=PostRole.GUARD,
    addresses=(Address(channel=ChannelKind.VOICE, to="13800005501"),),
    is_post=True,
)


def week() -> Iterator[tuple[int, str, float]]:
    """(at ms, plug, watts): the recorded evening seven times, and nothing in the sockets between."""
    recorded = night()
    first_ms = min(at_ms for at_ms, _, _ in recorded)
    last = {plug: (at_ms, watts) for at_ms, plug, watts in sorted(recorded)}
    for day in range(DAYS):
        shift_ms = round((EVENING + timedelta(days=day)).timestamp() * 1000) - first_ms
        for at_ms, plug, watts in recorded:
            if plug != SLOW:
                yield at_ms + shift_ms, plug, watts
        for at_ms in range(first_ms, first_ms + 24 * HOUR_MS, STEP_MS):
            hours = (at_ms - first_ms) / HOUR_MS
            yield at_ms + shift_ms, SLOW, 110 - 5 * hours if hours < SLOW_H else 0.0
        for plug, (end_ms, watts) in last.items():
            if plug == SLOW:
                continue
            for at_ms in range(end_ms + STEP_MS, first_ms + 24 * HOUR_MS, STEP_MS):
                is_in = plug == LEFT_IN and at_ms < first_ms + NOON_H * HOUR_MS
                yield at_ms + shift_ms, plug, watts if is_in else 0.0


def shed(plugs: list[str]) -> Registry:
    spots = [(worlds.PLACE, str(n), "power") for n, _ in enumerate(plugs, 1)]
    plain = worlds.village(PlaceKind.SHED, spots, interval_s=300)
    return Registry(sites=plain.sites, places=plain.places, devices=plain.devices, people=(GUARD,))


def judged(registry: Registry, plugs: list[str]) -> list[Transition]:
    readings = sorted(week())
    whats: list[tuple[int, What]] = [
        (at_ms, worlds.batch((at_ms, watts), metric="power", port=str(plugs.index(plug) + 1)))
        for at_ms, plug, watts in readings
    ]
    whats += [(at_ms, Tick()) for at_ms in range(readings[0][0], readings[-1][0], 60_000)]
    whats.sort(key=lambda what: what[0])
    return replay(worlds.journal(registry, shipped(), whats))


def test_a_week_of_charging_wakes_nobody() -> None:
    plugs = sorted({plug for _, plug, _ in night()})
    registry = shed(plugs)
    found = [one for one in judged(registry, plugs) if one.change is not Change.CLEARED]
    assert {one.rule for one in found} == {"eb-float", "eb-port-long"}
    assert {one.cls for one in found} == {IncidentClass.UPKEEP}
    told = [
        (verdict.due_at - now, verdict.due_at.astimezone(SHANGHAI).strftime("%H:%M"))
        for one in found
        for now in [datetime.fromtimestamp(one.at_ms / 1000, SHANGHAI)]
        for change in [lifecycle.step(None, Event.HELD, now, transition=one)]
        if change is not None
        for verdict in who.consider(change.incident, NoticeReason.OPENED, registry, now)
        if verdict.due_at is not None
    ]
    # What stands for twelve hours comes up before dawn, and waits for the day.
    assert [when for _, when in told] == ["07:00"] * DAYS
    assert min(waited for waited, _ in told) > timedelta(0)

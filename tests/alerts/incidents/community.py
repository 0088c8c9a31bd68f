"""A small community and its transitions, for tests of incidents and of the store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Names,
    Override,
    Person,
    Place,
    PlaceKind,
    Port,
    PostRole,
    Registry,
    Site,
    Source,
    Tier,
    Tiers,
)
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass, Language, Severity
from edge.contract.subject import Subject

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)  # 18:00 in Shanghai
NIGHT = datetime(2026, 5, 4, 18, 10, tzinfo=UTC)  # 02:10 there
WAITS = {Severity.MAJOR: 1800.0, Severity.CRITICAL: 300.0}
SHED = Subject.of_place("riverside", "shed-1")
REACH = Subject.of_place("riverside", "laobakou")


def mail(to: str) -> Address:
    return Address(channel=ChannelKind.EMAIL, to=f"{to}@example.org")


def hook(to: str, *, group: bool = False) -> Address:
    return Address(
        channel=ChannelKind.WEBHOOK,
        to=f"http://127.0.0.1/{to}",
        group=group,
        secret="env:HOOK",
    )


GUARD = Person(
    id="guard",
    site="riverside",
    name="值班岗",
    role=PostRole.GUARD,
    places=("shed-1",),
    phone="13800000001",
    addresses=(hook("guard"), mail("guard")),
    is_post=True,
)
MEI = Person(
    id="mei",
    site="riverside",
    name="梅姐",
    role=PostRole.PROPERTY,
    language=Language.EN,
    addresses=(mail("mei"),),
    quiet_from="22:00",
    quiet_to="07:00",
)
WEN = Person(
    id="wen",
    site="riverside",
    name="文主任",
    role=PostRole.COMMUNITY,
    addresses=(mail("wen"),),
)
CHIEF = Person(
    id="lao-li",
    site="riverside",
    name="老李",
    role=PostRole.RIVER_CHIEF,
    places=("laobakou",),
    addresses=(mail("li"),),
    quiet_from="22:00",
    quiet_to="07:00",
)
TOWN = Person(
    id="town",
    site="riverside",
    name="镇河长办",
    role=PostRole.TOWN_CHIEF,
    addresses=(hook("town", group=True),),
)
ADDRESSLESS = Person(id="village", site="riverside", name="村河长", role=PostRole.COMMUNITY_CHIEF)
ENGINEER = Person(
    id="engineer",
    site="riverside",
    name="小周",
    role=PostRole.ENGINEER,
    addresses=(mail("zhou"),),
)

REGISTRY = Registry(
    cell="demo",
    sites=(Site(id="riverside", names=Names(zh="河畔社区", en="Riverside")),),
    places=(
        Place(
            id="laobakou",
            site="riverside",
            kind=PlaceKind.REACH,
            names=Names(zh="老坝口"),
            latitude=31.2,
            longitude=121.4,
            neighbours=("shed-1",),
        ),
        Place(
            id="shed-1",
            site="riverside",
            kind=PlaceKind.SHED,
            names=Names(zh="一号棚", en="Shed 1"),
            ports=(Port(id="p1", names=Names(zh="1 号插座"), circuit="a"),),
            circuits=(Circuit(id="a", names=Names(zh="甲路"), rating_a=40.0),),
            note="门口",
        ),
    ),
    devices=(
        Device(
            id="box-1",
            site="riverside",
            names=Names(zh="棚盒"),
            source=Source.RECORDED,
            origin="somewhere",
            bindings=(
                Binding(place="shed-1", metrics=("current",), interval_s=10.0),
                Binding(place="shed-1", port="p1", metrics=("power", "energy")),
            ),
        ),
    ),
    people=(GUARD, MEI, WEN, CHIEF, ADDRESSLESS, TOWN, ENGINEER),
    tiers=(
        Tiers(
            kind=PlaceKind.SHED,
            steps=(
                Tier(role=PostRole.GUARD, wait_s=dict(WAITS)),
                Tier(role=PostRole.PROPERTY, wait_s=dict(WAITS)),
                Tier(role=PostRole.COMMUNITY, wait_s={}),
            ),
        ),
        Tiers(
            kind=PlaceKind.REACH,
            steps=(
                Tier(role=PostRole.RIVER_CHIEF, wait_s=dict(WAITS)),
                Tier(role=PostRole.COMMUNITY_CHIEF, wait_s=dict(WAITS)),
                Tier(role=PostRole.TOWN_CHIEF, wait_s={}),
            ),
            classes=(IncidentClass.POLLUTION, IncidentClass.FLOOD),
        ),
    ),
    overrides=(
        Override(
            rule="charging.feeder",
            place="shed-1",
            set={"above": 44.0},
            who="engineer",
            at="2026-05-01",
            why="new cable",
        ),
        Override(
            metric="do",
            place="laobakou",
            set={"spike_suspect": 3.0},
            who="engineer",
            at="2026-05-01",
            why="algae",
        ),
    ),
)

_RAISED = Transition(
    rule="charging.feeder",
    subject=SHED,
    journal="j1",
    position=1,
    nth=0,
    change=Change.RAISED,
    cls=IncidentClass.FIRE,
    severity=Severity.MAJOR,
    at_ms=int(NOW.timestamp() * 1000),
    since_ms=int(NOW.timestamp() * 1000) - 60_000,
    seen_ms=int(NOW.timestamp() * 1000),
    place="shed-1",
    metric="current",
    value=48.0,
    limit=40.0,
    peak=49.5,
    facts={"ratio": 1.2},
)


def says(
    position: int,
    change: Change = Change.RAISED,
    *,
    after: timedelta = timedelta(),
    **fields: Any,
) -> Transition:
    """One word of a rule, ``after`` so long."""
    shift = int(after.total_seconds() * 1000)
    moved = replace(
        _RAISED,
        position=position,
        change=change,
        at_ms=_RAISED.at_ms + shift,
        since_ms=_RAISED.since_ms + shift,
        seen_ms=_RAISED.seen_ms + shift,
    )
    return replace(moved, **fields)


def polluted(position: int, change: Change = Change.RAISED, **fields: Any) -> Transition:
    """The same about the reach."""
    fields = {"cls": IncidentClass.POLLUTION, "rule": "river.ammonia"} | fields
    return says(position, change, subject=REACH, place="laobakou", **fields)

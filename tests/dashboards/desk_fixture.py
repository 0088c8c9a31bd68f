"""A small house for the pages: honest in-memory ports over one afternoon by the river.

``python -m tests.dashboards.desk_fixture [port]`` serves it, so that a person may look at it.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerts.incidents.acts import Conflict, Done, Refusal, Refused, Result
from alerts.incidents.duties import CallOn, SecondLook
from alerts.incidents.model import (
    Duty,
    DutyKind,
    Incident,
    Report,
    State,
    StoryKind,
    StoryLine,
)
from alerts.incidents.precision import Precision
from alerts.incidents.roster import HandOver, Roster
from alerts.incidents.silences import Silence, Snooze
from alerts.messages import notice_words
from alerts.notify.browsers import Browser, Subscription
from alerts.notify.notice import Considered, Notice, NoticeReason, NoticeState
from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Names,
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
from alerts.rules.rule import Mark, RuleSource, Where
from alerts.words import IncidentClass, Language, Severity
from dashboards.ports import (
    Completeness,
    DayOf,
    Desk,
    DeviceSight,
    Gap,
    GapKind,
    HouseFigures,
    Message,
    Part,
    Push,
    Settings,
    WatchStatus,
)
from edge.clock import Clock
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch, Reading
from edge.contract.subject import Subject

NOW = datetime(2026, 11, 22, 10, 36, tzinfo=UTC)  # 18:36 by the river
SITE = "riverside"
STEP_MS = 15 * 60_000
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Series:
    site: str
    device: str
    place: str
    port: str
    metric: str


@dataclass(frozen=True, slots=True)
class Point:
    series: Series
    at_ms: int
    value: float | None
    quality: int = 1
    marks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    at_ms: list[int] = field(default_factory=list)
    min: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    max: list[float] = field(default_factory=list)
    suspect: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    what: str
    why: str
    do: str
    clear: str


BLIND = Names(zh="探头不在的地方。", en="Where no probe is.")
OWN = RuleSource(text="the river's own people", mark=Mark.OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    names: Names
    say: Mapping[Language, Saying]
    metric: str = ""
    cls: IncidentClass = IncidentClass.SAFETY
    source: RuleSource = OWN
    blind_to: Names = BLIND
    kind: PlaceKind = PlaceKind.REACH
    lines: tuple[tuple[Severity, float, str], ...] = ()

    def applies(self, where: Where, port: str) -> bool:
        return where.value == self.kind.value and (self.kind is PlaceKind.SHED) == bool(port)

    def limits(self, registry: Registry, place: Place) -> list[tuple[Severity, float, str]]:
        return list(self.lines)


@dataclass(frozen=True, slots=True)
class Packs:
    rules: Mapping[str, Rule]


def _say(zh: tuple[str, str, str], en: tuple[str, str, str]) -> dict[Language, Saying]:
    return {
        Language.ZH: Saying(what=zh[0], why=zh[1], do=zh[2], clear="{metric}已经回落。"),
        Language.EN: Saying(what=en[0], why=en[1], do=en[2], clear="{metric} is back to normal."),
    }


PACKS = Packs(
    {
        "port-overload": Rule(
            names=Names(zh="插座功率过高", en="Socket overload"),
            metric="power",
            kind=PlaceKind.SHED,
            lines=((Severity.MAJOR, 800.0, "above"),),
            say=_say(
                (
                    "{place} {port}功率 {value} {unit}",
                    "超过报警线 {limit} {unit}，不像普通电动自行车。",
                    "到现场看车和充电器，烫手、冒烟就拉闸。",
                ),
                (
                    "{place} {port}: {value} {unit}",
                    "Over the limit of {limit} {unit}; no ordinary e-bike draws that.",
                    "look at the bike and its charger; if hot or smoking, switch off at the box.",
                ),
            ),
        ),
        "conductivity-rise": Rule(
            names=Names(zh="电导率突升", en="Conductivity rise"),
            metric="conductivity",
            lines=((Severity.MAJOR, 800.0, "above"),),
            say=_say(
                (
                    "{place}电导率最高升到 {peak}",
                    "报警线 {limit}，浊度同时升高，原因待查。",
                    "在岸上看看排口，拍张照就行，不用打字。",
                ),
                (
                    "{place}: conductivity rose to {peak}",
                    "The limit is {limit}; turbidity rose with it, cause unknown.",
                    "look at the outfalls from the bank. A photo is enough, no typing.",
                ),
            ),
        ),
        "device-silent": Rule(
            names=Names(zh="设备失联", en="Device silent"),
            say=_say(
                (
                    "{device} {minutes} 分钟没有数据",
                    "断网期间的数据会补传。",
                    "白天去看看电源和天线。",
                ),
                (
                    "{device}: no data for {minutes} minutes",
                    "What it measures meanwhile comes later.",
                    "look at its power and antenna by day.",
                ),
            ),
        ),
        "port-float": Rule(
            names=Names(zh="充满仍在通电", en="Full, still drawing"),
            metric="power",
            kind=PlaceKind.SHED,
            say=_say(
                ("{place} {port}已充满，仍在通电（{value} {unit}）", "", "不急，明早汇总里提醒。"),
                (
                    "{place} {port}: full, still drawing {value} {unit}",
                    "",
                    "no hurry; in the digest.",
                ),
            ),
        ),
    }
)

PUSH = Push(
    key="BI5TO2-gv3tGJbswZnwB-2B--fi4qA_vWzAGKHAxh7Kjc-sdveAzGDZtBp-DpvWQAFPHNjPLBBshxV4ahsH0ALQ"
)
"""The public half of a key that signs nothing."""

_LOG = Address(channel=ChannelKind.LOG, to="log")
_MAIL = Address(channel=ChannelKind.EMAIL, to="someone@example.org")
_HOOK = Address(channel=ChannelKind.WEBHOOK, to="http://127.0.0.1:1/", group=True, secret="env:X")


def registry() -> Registry:
    """A stretch of river, two sheds, a risk point, six people and a guard post."""

    def shed(number: int, count: int) -> Place:
        return Place(
            id=f"shed-{number}",
            site=SITE,
            kind=PlaceKind.SHED,
            names=Names(zh=f"{number} 号充电棚", en=f"Shed {number}"),
            circuits=(Circuit(id="main", names=Names(zh="总电流", en="Load"), rating_a=40.0),),
            ports=tuple(
                Port(
                    id=f"p{n:02d}", names=Names(zh=f"{n} 号插座", en=f"socket {n}"), circuit="main"
                )
                for n in range(1, count + 1)
            ),
        )

    def reach(place: str, zh: str, en: str) -> Place:
        return Place(id=place, site=SITE, kind=PlaceKind.REACH, names=Names(zh=zh, en=en))

    def box(shed_id: str, count: int, zh: str) -> Device:
        return Device(
            id=f"{shed_id}-box",
            site=SITE,
            names=Names(zh=zh, en=f"{shed_id} box"),
            bindings=(
                Binding(
                    place=shed_id, metrics=("smoke", "shed-temp", "residual-current"), interval_s=60
                ),
                *(
                    Binding(
                        place=shed_id, port=f"p{n:02d}", metrics=("power", "relay"), interval_s=60
                    )
                    for n in range(1, count + 1)
                ),
            ),
            source=Source.INJECTED if shed_id == "shed-2" else Source.RECORDED,
            origin="CHARGED e-bike curves + fault"
            if shed_id == "shed-2"
            else "CHARGED e-bike curves",
            can_cut_power=shed_id == "shed-2",
        )

    def person(id_: str, name: str, role: PostRole, *addresses: Address, **more: object) -> Person:
        return replace(
            Person(
                id=id_, site=SITE, name=name, role=role, addresses=addresses, phone="13800000000"
            ),
            **more,  # type: ignore[arg-type]
        )

    sonde = ("conductivity", "turbidity", "do", "water-level", "ph", "water-temp")
    return Registry(
        cell="riverside",
        revision=3,
        sites=(Site(id=SITE, names=Names(zh="滨河社区", en="Riverside")),),
        places=(
            reach("laobakou", "老坝口河段", "Laobakou reach"),
            reach("jingyang-bridge", "景阳桥", "Jingyang bridge"),
            shed(2, 20),
            shed(5, 20),
            Place(
                id="culvert",
                site=SITE,
                kind=PlaceKind.RISK_POINT,
                names=Names(zh="涵洞", en="Culvert"),
            ),
        ),
        devices=(
            Device(
                id="laoba-01",
                site=SITE,
                names=Names(zh="老坝口多参数探头", en="Laobakou sonde"),
                bindings=(Binding(place="laobakou", metrics=sonde),),
                source=Source.RECORDED,
                origin="Logan River, Main Street 2019",
            ),
            Device(
                id="jingyang-01",
                site=SITE,
                names=Names(zh="景阳桥雨量计", en="Jingyang rain gauge"),
                bindings=(Binding(place="jingyang-bridge", metrics=("do", "ph", "rain")),),
            ),
            box("shed-2", 20, "2 号棚控制箱"),
            box("shed-5", 20, "5 号棚控制箱"),
        ),
        people=(
            person("zhang", "张河长", PostRole.RIVER_CHIEF, _LOG, places=("laobakou",)),
            person("li", "李主任", PostRole.COMMUNITY_CHIEF, _MAIL),
            person("guard", "值班岗", PostRole.GUARD, _HOOK, is_post=True),
            person(
                "wang", "王经理", PostRole.PROPERTY, _MAIL, quiet_from="22:00", quiet_to="07:00"
            ),
            person("xiaoli", "社区小李", PostRole.COMMUNITY, _MAIL),
            person("chen", "Chen Wei", PostRole.ENGINEER, _MAIL, language=Language.EN),
            person("zhou", "周师傅", PostRole.RIVER_CHIEF, places=("jingyang-bridge",)),
        ),
        tiers=(
            Tiers(
                kind=PlaceKind.REACH,
                steps=(
                    Tier(role=PostRole.RIVER_CHIEF, wait_s={Severity.MAJOR: 1800}),
                    Tier(role=PostRole.COMMUNITY_CHIEF, wait_s={Severity.MAJOR: 3600}),
                    Tier(role=PostRole.TOWN_CHIEF),
                ),
            ),
            Tiers(
                kind=PlaceKind.SHED,
                steps=(
                    Tier(role=PostRole.GUARD, wait_s={Severity.MAJOR: 300}),
                    Tier(role=PostRole.PROPERTY, wait_s={Severity.MAJOR: 600}),
                    Tier(role=PostRole.COMMUNITY, wait_s={Severity.MAJOR: 1800}),
                    Tier(role=PostRole.SUBDISTRICT),
                ),
            ),
        ),
    )


class MemoryHistory:
    """Points in lists, as a store would answer."""

    def __init__(self) -> None:
        self.known: dict[Series, list[Point]] = {}
        self.is_stalled = False

    def add(self, point: Point) -> None:
        self.known.setdefault(point.series, []).append(point)

    async def latest(self, site: str) -> Sequence[Point]:
        return [points[-1] for series, points in sorted(self.known.items()) if series.site == site]

    async def series(self, site: str) -> Sequence[Series]:
        return sorted(series for series in self.known if series.site == site)

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Curve:
        span = [
            p
            for p in self.known.get(series, [])
            if since_ms <= p.at_ms < until_ms and p.value is not None and p.quality != Quality.FAIL
        ]
        per = max(1, math.ceil(len(span) / most))
        curve = Curve()
        for at in range(0, len(span), per):
            values = [p.value for p in span[at : at + per] if p.value is not None]
            curve.at_ms.append(span[at].at_ms)
            curve.min.append(min(values))
            curve.mean.append(sum(values) / len(values))
            curve.max.append(max(values))
            curve.suspect.append(sum(p.quality == Quality.SUSPECT for p in span[at : at + per]))
        return curve

    async def points(
        self, series: Series, since_ms: int, until_ms: int, most: int, *, marked: bool
    ) -> Columns:
        if self.is_stalled:
            await asyncio.Event().wait()
        span = [
            p
            for p in self.known.get(series, [])
            if since_ms <= p.at_ms < until_ms and (p.marks or not marked)
        ][:most]
        return Columns(
            at_ms=[p.at_ms for p in span],
            value=[p.value for p in span],
            quality=[p.quality for p in span],
            marks=[p.marks for p in span],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    at_ms: list[int]
    value: list[float | None]
    quality: list[int]
    marks: list[int]


class MemoryOperations:
    """Incidents in dictionaries, with the acts as the operations database does them."""

    def __init__(self, known: Registry) -> None:
        self._registry = known
        self._mark = 0
        self._incidents: dict[int, Incident] = {}
        self._story: dict[int, list[StoryLine]] = {}
        self._notices: list[Notice] = []
        self._considered: list[Considered] = []
        self._duties: dict[int, Duty] = {}
        self.known_browsers: dict[str, Browser] = {}
        self.reached: dict[str, Subscription] = {}
        self._snoozes: list[Snooze] = []

    def put(self, incident: Incident, *story: StoryLine) -> None:
        self._incidents[incident.id] = incident
        self._story.setdefault(incident.id, []).extend(story)
        self._mark += 1

    def tell(
        self,
        incident: Incident,
        person: str,
        reason: NoticeReason,
        at: datetime,
        state: NoticeState,
        **more: object,
    ) -> None:
        who = next(p for p in self._registry.people if p.id == person)
        title, text = notice_words(
            PACKS.rules.get(incident.rule),
            incident,
            self._registry,
            who.language,
            reason,
            f"http://127.0.0.1:8470/incidents/{incident.id}",
            at,
            to=who,
            group=who.addresses[0].group,
            step=incident.step,
        )
        notice = Notice(
            id=len(self._notices) + 1,
            incident=incident.id,
            reason=reason,
            step=incident.step,
            person=person,
            address=who.addresses[0],
            language=who.language,
            cls=incident.cls,
            severity=incident.severity,
            title=title,
            text=text,
            link="",
            created_at=at,
            due_at=at,
            state=state,
            attempts=1,
            settled_at=at + timedelta(seconds=2),
        )
        self._notices.append(replace(notice, **more))  # type: ignore[arg-type]
        self._mark += 1

    def weigh(self, *rows: Considered) -> None:
        self._considered.extend(rows)

    def owe(self, duty: Duty) -> None:
        self._duties[duty.id] = duty

    def registry(self) -> Registry:
        return self._registry

    def mark(self) -> int:
        return self._mark

    def open_incidents(self) -> list[Incident]:
        return self.incidents(open=True, limit=10_000)

    def incidents(
        self,
        *,
        open: bool | None = None,
        place: tuple[str, str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Incident]:
        found = [
            one
            for one in self._incidents.values()
            if (open is None or (one.state is not State.CLOSED) == open)
            and (place is None or (one.subject.site, one.place) == place)
            and (before is None or one.id < before)
        ]
        return sorted(found, key=lambda one: -one.id)[:limit]

    def incident(self, incident: int) -> Incident | None:
        return self._incidents.get(incident)

    def story(self, incident: int) -> list[StoryLine]:
        return sorted(self._story.get(incident, []), key=lambda line: line.at)

    def notice(self, notice_id: int) -> Notice | None:
        return next((one for one in self._notices if one.id == notice_id), None)

    def notices(
        self, *, incident: int | None = None, before: int | None = None, limit: int = 50
    ) -> list[Notice]:
        found = [
            one
            for one in reversed(self._notices)
            if (incident is None or one.incident == incident)
            and (before is None or one.id < before)
        ]
        return found[:limit]

    def considered(self, incident: int) -> list[Considered]:
        return [one for one in self._considered if one.incident == incident]

    def duties(self, *, open: bool | None = None, incident: int | None = None) -> list[Duty]:
        return [
            one
            for one in self._duties.values()
            if (open is None or (one.done_at is None) == open)
            and (incident is None or one.incident == incident)
        ]

    def silences(self, *, now: datetime | None = None, limit: int = 100) -> list[Silence]:
        return []

    def silence(self, wanted: Silence, now: datetime) -> Silence | Refused:
        return Refused(Refusal.NO_WORDS)

    def confirm_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused:
        return Refused(Refusal.UNKNOWN_SILENCE)

    def end_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused:
        return Refused(Refusal.UNKNOWN_SILENCE)

    def event(self, incident: int) -> list[Incident]:
        return []

    def opened(self, incident_id: int, person: str) -> int:
        return 0

    def decline(self, incident_id: int, who: str, origin: str, now: datetime) -> Result:
        return self.comment(incident_id, who, "去不了", origin, now)

    def send_link(self, incident_id: int, who: str, now: datetime) -> Result:
        return Refused(Refusal.NO_ADDRESS)

    def roster(self) -> Roster:
        return Roster(registry=self._registry)

    def hand_over(
        self, post: str, holder: str, who: str, origin: str, now: datetime
    ) -> HandOver | Refused:
        return HandOver(post=post, holder=holder, at=now, who=who)

    def snooze(
        self, who: str, incident: int | None, until: datetime, now: datetime
    ) -> Snooze | Refused:
        wish = Snooze(person=who, incident=incident, until=until)
        self._snoozes = [
            one for one in self._snoozes if (one.person, one.incident) != (who, incident)
        ]
        self._snoozes.append(wish)
        return wish

    def snoozed(self, incident: int, now: datetime) -> list[Snooze]:
        return [one for one in self._snoozes if one.incident == incident and one.until > now]

    def browsers(self, now: datetime) -> list[Browser]:
        return sorted(self.known_browsers.values(), key=lambda one: one.made_at)

    def keep_browser(
        self, who: str, reached: Subscription, label: str, now: datetime, *, replaces: str = ""
    ) -> Browser | Refused:
        self.known_browsers.pop(replaces, None)
        number = f"{len(self.reached) + 1:016x}"
        kept = Browser(id=number, person=who, label=label, made_at=now)
        self.known_browsers[number], self.reached[number] = kept, reached
        self._mark += 1
        return kept

    def remove_browser(self, browser: str, who: str, now: datetime) -> Browser | Refused:
        found = self.known_browsers.pop(browser, None)
        self._mark += 1
        return Refused(Refusal.UNKNOWN_BROWSER) if found is None else replace(found, gone_at=now)

    def reporters(self, incident: int) -> list[Report]:
        return []

    def precision(self, rule: str | None = None) -> dict[str, Precision]:
        found: dict[str, Precision] = {}
        for one in self.incidents(open=False, limit=10_000):
            known = found.get(one.rule, Precision())
            found[one.rule] = known.with_closed(
                1, is_false=one.false_alarm, is_unconfirmed=one.unconfirmed
            )
        return found

    def judged_false(self, rule: str, limit: int = 20) -> list[tuple[Incident, StoryLine]]:
        return [
            (one, line)
            for one in self.incidents(limit=10_000)
            for line in self.story(one.id)
            if one.rule == rule and line.kind is StoryKind.FALSE_ALARM
        ][:limit]

    def assign(
        self,
        incident_id: int,
        who: str,
        to: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        return Refused(Refusal.NOT_OF_THIS_SITE)

    def close_incident(
        self,
        incident_id: int,
        who: str,
        note: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        return Refused(Refusal.STILL_RAISED)

    def record_report(
        self,
        incident_id: int,
        who: str,
        reporter: str,
        phone: str,
        words: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result:
        return Refused(Refusal.NO_WORDS)

    def called_on(
        self,
        duty_id: int,
        who: str,
        outcome: CallOn,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result:
        return Refused(Refusal.UNKNOWN_DUTY)

    def acknowledge(
        self,
        incident_id: int,
        who: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        found = self._incidents.get(incident_id)
        if found is None:
            return Refused(Refusal.UNKNOWN_INCIDENT)
        if version not in (None, found.version):
            return Conflict(found)
        if found.state is not State.OPEN and version is None:
            return Conflict(found)
        taken = replace(
            found,
            state=State.ACKNOWLEDGED,
            acknowledged_by=who,
            acknowledged_at=now,
            acknowledged_until=now + 4 * HOUR,
            next_step_at=None,
            version=found.version + 1,
        )
        line = StoryLine(
            at=now,
            kind=StoryKind.ACKNOWLEDGED,
            who=who,
            on_behalf_of=on_behalf_of,
            origin=origin,
        )
        self.put(taken, line)
        return Done(taken)

    def comment(
        self,
        incident_id: int,
        who: str,
        text: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result:
        found = self._incidents.get(incident_id)
        if found is None:
            return Refused(Refusal.UNKNOWN_INCIDENT)
        line = StoryLine(
            at=now,
            kind=StoryKind.COMMENT,
            who=who,
            on_behalf_of=on_behalf_of,
            facts={"note": text},
        )
        self.put(found, line)
        return Done(found)

    def false_alarm(
        self,
        incident_id: int,
        who: str,
        reason: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        found = self._incidents.get(incident_id)
        if found is None:
            return Refused(Refusal.UNKNOWN_INCIDENT)
        judged = replace(
            found, state=State.ACKNOWLEDGED, false_alarm=True, acknowledged_by=who,
            acknowledged_at=now, next_step_at=None,
        )  # fmt: skip
        self.put(
            judged, StoryLine(at=now, kind=StoryKind.FALSE_ALARM, who=who, facts={"note": reason})
        )
        return Done(judged)

    def confirm_second_look(
        self,
        duty_id: int,
        who: str,
        outcome: SecondLook,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result:
        owed = self._duties.get(duty_id)
        if owed is None:
            return Refused(Refusal.UNKNOWN_DUTY)
        found = self._incidents[owed.incident]
        if owed.done_at is not None:
            return Conflict(found)
        self._duties[duty_id] = replace(
            owed, done_at=now, done_by=who, outcome=outcome.value, note=note
        )
        looked = StoryLine(
            at=now,
            kind=StoryKind.DUTY_DONE,
            who=who,
            facts={"duty": owed.kind.value, "outcome": outcome.value, "note": note},
        )
        if outcome is SecondLook.FINE:
            closed = replace(found, state=State.CLOSED, closed_at=now)
            self.put(closed, looked, StoryLine(at=now, kind=StoryKind.CLOSED, who=who,
                                               facts={"because": "confirmed"}))  # fmt: skip
            return Done(closed)
        again = replace(found, state=State.OPEN, recovered_at=None, relapses=found.relapses + 1)
        self.put(again, looked, StoryLine(at=now, kind=StoryKind.REOPENED))
        return Done(again)


class MemoryLive:
    """Batches that a test puts in."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Batch] = asyncio.Queue()

    async def follow(self) -> AsyncIterator[Batch]:
        while True:
            yield await self.queue.get()


@dataclass(slots=True)
class MemoryWatch:
    status: WatchStatus | None

    def read(self) -> WatchStatus | None:
        return self.status


class MemoryAccounts:
    """What came of some boxes by the river: much, with a bad week behind it; and of a plug."""

    def __init__(self) -> None:
        self.known = {
            "laoba-01": _bad_week("laoba-01"),
            "jingyang-01": replace(_bad_week("jingyang-01"), days=_whole_days(12), gaps=()),
        }

    def of(self, site: str, device: str) -> Completeness | None:
        return self.known.get(device) if site == SITE else None


def _whole_days(count: int) -> list[DayOf]:
    today = (NOW + 8 * HOUR).date()
    return [
        DayOf(day=today - timedelta(days=n), got=960, lost={}, waiting=0, share=1.0)
        for n in range(count)
    ]


def _bad_week(device: str) -> Completeness:
    days = _whole_days(35)

    def mend(n: int, got: int, waiting: int = 0, **lost: int) -> None:
        gone = {GapKind(kind.replace("_", "-")): count for kind, count in lost.items()}
        total = got + waiting + sum(gone.values())
        share = got / total if total else None
        days[n] = replace(days[n], got=got, lost=gone, waiting=waiting, share=share)

    mend(0, 690, waiting=20)
    mend(3, 700, device_space=240, unknown=20)
    mend(4, 400, device_space=560)
    mend(5, 0)
    mend(6, 955, unknown=5)
    mend(20, 930, server_space=30)

    def gap(
        kind: GapKind, hours: float, minutes: float, count: int | None = None, **more: str
    ) -> Gap:
        since = NOW - timedelta(hours=hours)
        first = None if count is None else 1000
        return Gap(kind=kind, run="run-1", first=first, last=first and first + (count or 0) - 1,
                   count=count, since=since, until=since + timedelta(minutes=minutes), **more)  # fmt: skip

    return Completeness(
        site=SITE,
        device=device,
        numbered=True,
        interval_s=None,
        days=days,
        gaps=(
            gap(GapKind.WAITING, 0.4, 20, 20),
            gap(GapKind.POWER_CUT, 70, 12),
            gap(GapKind.UNKNOWN, 73, 30, 20),
            gap(GapKind.DEVICE_SPACE, 96, 1230, 800),
            gap(GapKind.STOPPED, 130, 1500),
            gap(GapKind.DEVICE_OTHER, 150, 8, 5, word="card slow"),
            gap(GapKind.SERVER_SPACE, 480, 45, 30),
            gap(GapKind.END_UNKNOWN, 700, 3),
        ),
    )


@dataclass(frozen=True, slots=True)
class MemoryInbox:
    kept: tuple[Message, ...] = ()

    def messages(self) -> Sequence[Message]:
        return self.kept


class MemoryMeter:
    def text(self) -> str:
        return "# TYPE shouwang_desk_loop_lag_seconds gauge\nshouwang_desk_loop_lag_seconds 0.001\n"


@dataclass(frozen=True, slots=True)
class House:
    """The desk and the parts that a test moves."""

    desk: Desk
    operations: MemoryOperations
    history: MemoryHistory
    live: MemoryLive
    watch: MemoryWatch


def house(*, demo: bool = True, frozen: bool = True, **settings: object) -> House:
    """The afternoon. ``frozen``: the house clock stands still at NOW (as good as)."""
    start = datetime.now(UTC).timestamp()
    clock = Clock(start, NOW.timestamp(), 1e-6 if frozen else 1.0)
    known = registry()
    operations, history, live = MemoryOperations(known), MemoryHistory(), MemoryLive()
    _measure(history)
    _happen(operations)
    watch = MemoryWatch(
        WatchStatus(
            at=NOW,
            parts=tuple(
                Part(name=name, ok=True, since=NOW - 3 * HOUR)
                for name in ("link", "journal", "rules", "store", "operations", "whole-way")
            ),
            house=HouseFigures(
                journal_entries=48_210,
                journal_share=0.4,
                depth={"rules": 0, "store": 2},
                lag_s={"rules": 0.0, "store": 0.2},
                store_delay_s=0.38,
                whole_way_s=0.62,
                disk_free_bytes=21_400_000_000,
                disk_bytes=32_000_000_000,
            ),
            devices=tuple(
                DeviceSight(
                    site=SITE,
                    device=device.id,
                    online=device.id != "jingyang-01",
                    seen_ms=_ms(NOW - (26 * MINUTE if device.id == "jingyang-01" else MINUTE)),
                    cuts_ms=(_ms(NOW - 91 * MINUTE), _ms(NOW - 26 * MINUTE))
                    if device.id == "jingyang-01"
                    else (),
                    clock_s={"laoba-01": -0.1, "jingyang-01": 312.0}.get(device.id),
                )
                for device in known.devices
            ),
        )
    )
    mail = operations.notices()[0]
    inbox = MemoryInbox(
        (Message(at=mail.created_at, channel="email", to="wang@example.org", title=mail.title,
                 text=mail.text),)
    )  # fmt: skip
    desk = Desk(
        operations=operations,
        history=history,
        live=live,
        packs=PACKS,
        watch=watch,
        clock=clock,
        settings=Settings(
            version="0.1.0",
            demo=demo,
            watch_stale_s=1e9 if not frozen else 30.0,
            **settings,  # type: ignore[arg-type]
        ),
        accounts=MemoryAccounts(),
        meter=MemoryMeter(),
        inbox=inbox if demo else None,
        push=PUSH,
    )
    return House(desk, operations, history, live, watch)


def batch(value: float, at: datetime = NOW, metric: str = "conductivity") -> Batch:
    """One reading of the river, as the journal's tail would give it."""
    one = Batch(site=SITE, device="laoba-01", run="r1", first=0, count=1)
    one.add(Reading(place="laobakou", port="", metric=metric, value=value, at_ms=_ms(at)))
    return one


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _measure(history: MemoryHistory) -> None:
    """Thirty-one days by the river: a quiet month with one surge this morning; two sheds tonight."""
    end = _ms(NOW)
    for n in range(31 * 96, -1, -1):
        at, hours = end - n * STEP_MS, n / 4
        surge = math.exp(-(((hours - 6.4) / 0.9) ** 2)) if hours < 12 else 0.0
        day = math.sin(2 * math.pi * hours / 24)
        wobble = math.sin(n * 1.7) + math.sin(n * 0.37)
        river = {
            "conductivity": 400
            + 12 * day
            + 3 * wobble
            + 1040 * surge
            + (60 if 0.5 < hours < 5.5 else 0),
            "turbidity": 4 + abs(wobble) + 268 * surge,
            "do": 11.1 + 0.5 * day - 0.9 * surge,
            "water-level": 0.61 + 0.015 * day + 0.002 * wobble,
            "ph": 8.3 + 0.15 * day,
            "water-temp": 3.6 + 0.5 * day,
        }
        for metric, value in river.items():
            quality, marks = _doubt(metric, n)
            series = Series(SITE, "laoba-01", "laobakou", "", metric)
            history.add(Point(series, at, value, quality, marks))
        if hours > 0.4:
            for metric, value in (("do", 10.8 + 0.6 * day), ("ph", 8.5 + 0.1 * day)):
                series = Series(SITE, "jingyang-01", "jingyang-bridge", "", metric)
                history.add(Point(series, at, value))
    for shed, busy in (("shed-2", 14), ("shed-5", 11)):
        _charge(history, shed, busy)


def _doubt(metric: str, n: int) -> tuple[Quality, int]:
    """What quality control said of the n-th reading before now."""
    if metric == "turbidity" and n in (40, 41, 42, 70):
        spike = Check.SPIKE.suspect | (Check.NEIGHBOUR.suspect if n == 70 else 0)
        return Quality.SUSPECT, spike
    if metric == "ph" and n in range(60, 66):
        return Quality.FAIL, Check.FLAT.fail
    return Quality.GOOD, 0


def _charge(history: MemoryHistory, shed: str, busy: int) -> None:
    box, end = f"{shed}-box", _ms(NOW)
    for n in range(6 * 12, -1, -1):
        at, minute = end - n * 5 * 60_000, -5 * n
        for name, value in (("smoke", 0.0), ("shed-temp", 24 + 2 * math.sin(n / 9)),
                            ("residual-current", 6.0)):  # fmt: skip
            history.add(Point(Series(SITE, box, shed, "", name), at, value))
        for number in range(1, 21):
            here = (number * 7) % 20 < busy
            began = -60 - (number * 37) % 280
            ends = began + 150 + (number * 53) % 200
            watts = 0.0
            if here and began <= minute:
                watts = 120 + (number * 29) % 200 if minute < ends else 21.0
            if shed == "shed-2" and number == 7 and minute > -12:
                watts = 1130.0
            port = f"p{number:02d}"
            history.add(Point(Series(SITE, box, shed, port, "power"), at, watts))
            history.add(Point(Series(SITE, box, shed, port, "relay"), at, 1.0))


def _happen(operations: MemoryOperations) -> None:
    """Four open incidents and two that are over."""
    at = NOW - 9 * 24 * HOUR
    old = _incident(1, "conductivity-rise", "laobakou", State.CLOSED, at, value=820, limit=800,
                    peak=960, closed_at=at + 6 * HOUR, recovered_at=at + 2 * HOUR)  # fmt: skip
    operations.put(old, StoryLine(at=at, kind=StoryKind.OPENED))
    wrong = _incident(2, "port-overload", "shed-5", State.CLOSED, NOW - 50 * HOUR, port="p03",
                      value=860, limit=800, peak=860, false_alarm=True,
                      closed_at=NOW - 49 * HOUR)  # fmt: skip
    operations.put(wrong, StoryLine(at=wrong.opened_at, kind=StoryKind.OPENED))

    began = NOW - 7 * HOUR - 36 * MINUTE
    river = _incident(3, "conductivity-rise", "laobakou", State.RECOVERED, began, value=466,
                      limit=800, peak=1440, cls=IncidentClass.POLLUTION, acknowledged_by="zhang",
                      acknowledged_at=began + 2 * MINUTE, recovered_at=NOW - 3 * HOUR)  # fmt: skip
    operations.put(
        river,
        StoryLine(at=began - 15 * MINUTE, kind=StoryKind.FIRST_SIGN),
        StoryLine(at=began, kind=StoryKind.OPENED),
        StoryLine(at=began + timedelta(seconds=2), kind=StoryKind.TOLD, facts={"reason": "opened", "step": 0, "people": "zhang"}),
        StoryLine(at=began + 2 * MINUTE, kind=StoryKind.ACKNOWLEDGED, who="zhang",
                  facts={"note": "我去看排口 3"}),
        StoryLine(at=began + 31 * MINUTE, kind=StoryKind.COMMENT, who="zhang",
                  facts={"note": "桥东排口出灰白水，已拍照"}),
        StoryLine(at=river.recovered_at or NOW, kind=StoryKind.RECOVERED),
        StoryLine(at=river.recovered_at or NOW, kind=StoryKind.DUTY_OPENED),
    )  # fmt: skip
    operations.owe(
        Duty(id=1, incident=3, kind=DutyKind.SECOND_LOOK, person="zhang", opened_at=NOW - 3 * HOUR)
    )
    operations.tell(river, "zhang", NoticeReason.OPENED, began, NoticeState.ACCEPTED)
    operations.tell(river, "zhang", NoticeReason.SECOND_LOOK, NOW - 3 * HOUR, NoticeState.ACCEPTED)

    gauge = replace(
        _incident(4, "device-silent", "jingyang-bridge", State.OPEN, NOW - 26 * MINUTE,
                  severity=Severity.MINOR, cls=IncidentClass.UPKEEP, device="jingyang-01",
                  facts={"minutes": 26.0}),
        subject=Subject.of_device(SITE, "jingyang-01"),
    )  # fmt: skip
    operations.put(gauge, StoryLine(at=gauge.opened_at, kind=StoryKind.OPENED))
    float_ = _incident(5, "port-float", "shed-5", State.OPEN, NOW - 2 * HOUR, port="p04", value=21,
                       severity=Severity.INFO, cls=IncidentClass.UPKEEP)  # fmt: skip
    operations.put(float_, StoryLine(at=float_.opened_at, kind=StoryKind.OPENED))

    hot = _incident(6, "port-overload", "shed-2", State.OPEN, NOW - 3 * MINUTE, port="p07",
                    value=1130, limit=800, peak=1130, cls=IncidentClass.FIRE,
                    severity=Severity.MAJOR, device="shed-2-box", step=1,
                    next_step_at=NOW + timedelta(seconds=130), facts={"power": "off"})  # fmt: skip
    operations.put(
        hot,
        StoryLine(at=hot.opened_at, kind=StoryKind.OPENED),
        StoryLine(at=hot.opened_at, kind=StoryKind.TOLD,
                  facts={"reason": "opened", "step": 0, "people": "guard"}),
        StoryLine(at=NOW - MINUTE, kind=StoryKind.CLIMBED, facts={"step": 1, "because": "wait"}),
        StoryLine(at=NOW - MINUTE, kind=StoryKind.TOLD,
                  facts={"reason": "climbed", "step": 1, "people": "wang"}),
    )  # fmt: skip
    operations.tell(replace(hot, step=0), "guard", NoticeReason.OPENED, hot.opened_at,
                    NoticeState.REJECTED, detail="HTTP 410 Gone", attempts=3)  # fmt: skip
    operations.tell(hot, "chen", NoticeReason.OPENED, hot.opened_at, NoticeState.RETRYING)
    operations.tell(hot, "wang", NoticeReason.CLIMBED, NOW - MINUTE, NoticeState.ACCEPTED)
    for who, step, told, reason in (
        ("guard", 0, True, "tier"),
        ("wang", 1, True, "tier"),
        ("xiaoli", 2, False, "not-this-tier"),
        ("zhang", 0, False, "other-place"),
    ):
        operations.weigh(
            Considered(
                incident=6, at=hot.opened_at, person=who, step=step, told=told, reason=reason
            )
        )


def _incident(
    number: int, rule: str, place: str, state: State, at: datetime, **more: object
) -> Incident:
    port = str(more.get("port", ""))
    one = Incident(
        id=number,
        rule=rule,
        subject=Subject.of_place(SITE, place, port),
        cls=IncidentClass.SAFETY,
        severity=Severity.MAJOR,
        state=state,
        since=at - 2 * MINUTE,
        opened_at=at,
        place=place,
        metric=PACKS.rules[rule].metric,
    )
    return replace(one, **more)  # type: ignore[arg-type]


async def _serve(port: int) -> None:
    from aiohttp import web

    from dashboards.console.app import make_app

    here = house(frozen=False)
    runner = web.AppRunner(make_app(here.desk))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8470))

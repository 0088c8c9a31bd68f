"""An evening in which a shed loses its mains at 21:00 and has them back at 21:40, from the readings
to the messages: one story, where each box and each meter had told its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted
from alerts.packs import shipped
from alerts.registry.model import Binding, Device, Names, Override, Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.packs import read_packs
from alerts.store.operations import Operations
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading
from tests.alerts.incidents.community import REGISTRY

MINUTE = timedelta(minutes=1)
CUT = datetime(2026, 5, 4, 13, 0, tzinfo=UTC)  # 21:00 in Shanghai
BACK = CUT + 40 * MINUTE
STARTS = 2 * MINUTE  # until a box that has power again speaks
SHED = "shed-1"
NEW_RULES = ("eb-mains", "eb-no-volts", "eb-outage")
USUAL = {"mains": 1.0, "voltage": 226.0, "shed-temp": 24.0, "smoke": 0.0}


def box(name: str, *metrics: str) -> Device:
    bound = Binding(place=SHED, metrics=metrics, interval_s=30.0)
    return Device(id=name, site="riverside", names=Names(zh=name), bindings=(bound,))


ON_BATTERY = box("keeper", "mains", "voltage", "smoke")
SHED_WITH_A_DETECTOR = (ON_BATTERY, box("east", "shed-temp"), box("west", "smoke"))
SHED_WITHOUT = (box("east", "shed-temp"), box("middle", "shed-temp"), box("west", "smoke"))


def community(devices: tuple[Device, ...], *, as_before: bool) -> Registry:
    off = tuple(
        Override(rule=rule, place=SHED, set={"on": 0.0}, who="x", at="2026-05-01", why="y")
        for rule in NEW_RULES
    )
    return replace(REGISTRY, devices=devices, overrides=off if as_before else ())


def evening(registry: Registry, dead: str) -> Iterator[tuple[datetime, What]]:
    """From 20:45 until 22:05; ``dead`` never comes back."""
    for n in range(160):
        at = CUT - 15 * MINUTE + n * MINUTE / 2
        for device in registry.devices:
            (bound,) = device.bindings
            has_battery = "mains" in bound.metrics
            is_off = at >= CUT and (at < BACK + STARTS or device.id == dead)
            if is_off and not has_battery:
                continue
            pack = Batch(site="riverside", device=device.id, run="r", first=n, count=0)
            for metric in bound.metrics:
                gone = CUT <= at < BACK and metric in ("mains", "voltage")
                value, at_ms = 0.0 if gone else USUAL[metric], round(at.timestamp() * 1000)
                pack.add(
                    Reading(
                        place=SHED, port="", metric=metric, value=value, at_ms=at_ms,
                        quality=Quality.GOOD,
                    )
                )  # fmt: skip
            pack.count = len(pack)
            yield at, pack
        yield from ((at + timedelta(seconds=s), Tick()) for s in range(5, 30, 5))


def messages(
    state: Path, devices: tuple[Device, ...], *, as_before: bool = False, dead: str = ""
) -> list[tuple[str, Notice]]:
    """What people get that evening, with the time at the site; the guard takes over what he hears of."""
    registry, packs = community(devices, as_before=as_before), read_packs(shipped())
    found: list[tuple[str, Notice]] = []
    engine, began = Engine("j"), CUT - 15 * MINUTE
    first: list[What] = [RegistryRevised(registry), PacksRevised(dict(packs.texts))]
    first.append(Sight(True, round(began.timestamp() * 1000)))
    whats = [(began, what) for what in first]
    with Operations(f"sqlite:///{state / 'operations.db'}", packs=packs) as operations:
        operations.set_up()
        operations.save_registry(registry, "x", "y", began)
        for n, (now, what) in enumerate([*whats, *evening(registry, dead)], 1):
            said = engine.feed(Entry(n, round(now.timestamp() * 1000), what))
            operations.take(said, packs, now)
            operations.climb(now)
            for notice in operations.due(now, 50):
                operations.settle(notice.id, Accepted(), now)
                found.append((f"{now + timedelta(hours=8):%H:%M}", notice))
                if notice.person == "guard":
                    operations.acknowledge(notice.incident, "guard", "link", now)
    assert engine.problems == []
    return found


def short(found: list[tuple[str, Notice]]) -> list[tuple[str, str, str]]:
    return [(clock, notice.person, notice.title) for clock, notice in found]


def test_with_a_detector_the_evening_is_one_message_and_its_ending(tmp_path: Path) -> None:
    found = messages(tmp_path, SHED_WITH_A_DETECTOR)
    assert short(found) == [
        ("21:00", "guard", "【要处理】一号棚：停电"),
        ("21:40", "guard", "【已恢复】一号棚：停电"),
    ]
    ending = found[1][1].text
    assert "还有 2 台设备没有数据；10 分钟后还没有，会另外通知。" in ending
    assert "请到棚里看看" in ending


def test_where_nobody_tells_it_is_said_to_be_a_guess(tmp_path: Path) -> None:
    found = messages(tmp_path, SHED_WITHOUT)
    assert short(found) == [
        ("21:09", "guard", "【要处理】一号棚：疑似停电或断网"),
        ("21:42", "guard", "【已恢复】一号棚：疑似停电或断网"),
    ]
    assert "这里 3 台设备里有 3 台差不多同时没了数据" in found[0][1].text


@pytest.mark.parametrize("devices", [SHED_WITH_A_DETECTOR, SHED_WITHOUT])
def test_before_each_had_told_its_own(tmp_path: Path, devices: tuple[Device, ...]) -> None:
    found = messages(tmp_path, devices, as_before=True)
    assert len(found) == (7 if devices is SHED_WITH_A_DETECTOR else 6), short(found)


@pytest.mark.parametrize(
    ("devices", "clock"), [(SHED_WITH_A_DETECTOR, "21:50"), (SHED_WITHOUT, "21:52")]
)
def test_a_box_that_the_cut_has_killed_is_told_by_itself_ten_minutes_later(
    tmp_path: Path, devices: tuple[Device, ...], clock: str
) -> None:
    found = messages(tmp_path, devices, dead="west")
    assert [(at, person) for at, person, title in short(found) if "失联" in title] == [
        (clock, "guard")
    ]

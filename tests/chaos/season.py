"""Days of a reach and a charging shed as the journal has them: gaps, late packs, warnings, trouble.

Made up by a seed, without end, and eventful on purpose: every few minutes some rule has something to
say. The same seed gives the same.
"""

import heapq
import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from alerts.registry.model import (
    Binding,
    Circuit,
    Device,
    Names,
    Override,
    Place,
    PlaceKind,
    Port,
    Registry,
)
from alerts.rules.inputs import Colour, DeviceSaid, Sight, Tick, Warning, What
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading
from edge.contract.status import State, Status
from tests.collector.village import PLACE, REGISTRY, SITE

MINUTE_MS = 60_000
SHED, GAUGE_AT = "shed-3", "bridge"
PORTS = ("1", "2", "3", "4")
SONDE = ("do", "ph", "conductivity", "turbidity", "water-temp", "orp", "nh3n", "water-level")
SHED_WIDE = ("smoke", "shed-temp", "co", "residual-current", "current", "power", "water")
SOCKET = ("power", "relay", "port-temp", "voltage")
STORM_EVERY, STORM_LASTS = 420, 90  # minutes
GAP_EVERY, GAP_LASTS = 150, 25
LATE_SHARE, LATE_MOST = 0.04, 30

WORLD = replace(
    REGISTRY,
    places=(
        *REGISTRY.places,
        Place(id=GAUGE_AT, site=SITE, kind=PlaceKind.RISK_POINT, names=Names(zh="桥头")),
        Place(
            id=SHED,
            site=SITE,
            kind=PlaceKind.SHED,
            names=Names(zh="三号棚"),
            ports=tuple(Port(id=p, names=Names(zh=f"{p} 号"), circuit="main") for p in PORTS),
            circuits=(Circuit(id="main", names=Names(zh="进线"), rating_a=16),),
        ),
    ),
    devices=(
        Device(
            id="sonde",
            site=SITE,
            names=Names(zh="水质箱"),
            bindings=(Binding(place=PLACE, metrics=SONDE, interval_s=300),),
        ),
        Device(
            id="gauge",
            site=SITE,
            names=Names(zh="雨量计"),
            bindings=(Binding(place=GAUGE_AT, metrics=("rain",), interval_s=300),),
        ),
        Device(
            id="board",
            site=SITE,
            names=Names(zh="充电箱"),
            bindings=(
                Binding(place=SHED, metrics=SHED_WIDE, interval_s=60),
                *(Binding(place=SHED, port=p, metrics=SOCKET, interval_s=60) for p in PORTS),
            ),
        ),
    ),
)  # fmt: skip


def revised(nth: int) -> Registry:
    """The same community, one limit moved a little further each time."""
    change = Override(
        rule="eb-port-overp", place=SHED, set={"above": 800.0 + nth % 7},
        who="test", at="2026-11-28", why="to try it",
    )  # fmt: skip
    return replace(WORLD, overrides=(change,))


def season(seed: int, since_ms: int) -> Iterator[tuple[int, What]]:
    """(when it arrives, what) in order of arrival, from ``since_ms`` on; sight is not among it."""
    chance = random.Random(seed)
    told = _Devices()
    late: list[tuple[int, int, What]] = []
    order = itertools.count()  # of what arrives in one minute
    for n in itertools.count():
        now_ms = since_ms + n * MINUTE_MS
        yield now_ms, Tick()
        while late and late[0][0] <= now_ms:
            yield now_ms, heapq.heappop(late)[2]
        for device, interval, values in (
            ("board", 1, _shed(n, chance)),
            ("sonde", 5, _river(n, chance)),
            ("gauge", 5, _rain(n)),
        ):
            if n % interval or _is_gap(device, n):
                continue
            what = told.pack(device, now_ms, values)
            if chance.random() < LATE_SHARE:
                arrives_ms = now_ms + chance.randrange(1, LATE_MOST) * MINUTE_MS
                heapq.heappush(late, (arrives_ms, next(order), what))
            else:
                yield now_ms + chance.randrange(20_000), what
        if n % GAP_EVERY == GAP_LASTS // 2:
            state = State.OFFLINE if n // GAP_EVERY % 2 else State.STOPPING
            yield now_ms + 30_000, DeviceSaid(SITE, "board", Status(state=state))
        if n % STORM_EVERY in (0, 15, STORM_LASTS):
            yield now_ms + 40_000, _warning(n, now_ms)


def prefilled(seed: int, since_ms: int, minutes: int) -> list[tuple[int, What]]:
    """The first of it, seen from its first moment on."""
    until_ms = since_ms + minutes * MINUTE_MS
    some = itertools.takewhile(lambda said: said[0] < until_ms, season(seed, since_ms))
    return [(since_ms, Sight(True, since_ms)), *some]


class _Devices:
    """Numbers what each device tells."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def pack(
        self, device: str, at_ms: int, values: Mapping[tuple[str, str, str], float | None]
    ) -> Batch:
        first = self._next.get(device, 0)
        self._next[device] = first + len(values)
        made = Batch(site=SITE, device=device, run=f"run-{device}", first=first, count=len(values))
        for nth, ((place, port, metric), value) in enumerate(values.items()):
            made.add(
                Reading(
                    place=place, port=port, metric=metric, value=value, at_ms=at_ms,
                    quality=Quality.MISSING if value is None else Quality.GOOD,
                    run=made.run, seq=first + nth,
                )
            )  # fmt: skip
        return made


def _is_gap(device: str, n: int) -> bool:
    return n % GAP_EVERY < GAP_LASTS and (n // GAP_EVERY + len(device)) % 2 == 0


def _storm(n: int) -> float:
    """0 to 1."""
    at = n % STORM_EVERY
    return math.sin(math.pi * at / STORM_LASTS) if at < STORM_LASTS else 0.0


def _rain(n: int) -> dict[tuple[str, str, str], float | None]:
    return {(GAUGE_AT, "", "rain"): round(6 * _storm(n), 1)}


def _river(n: int, chance: random.Random) -> dict[tuple[str, str, str], float | None]:
    storm, day = _storm(max(0, n - 20)), math.sin(2 * math.pi * n / 1440)
    discharge = 1.0 if 200 <= n % 330 < 240 else 0.0
    values: dict[str, float | None] = {
        "do": max(0.1, 6.0 + 2 * day - 7.5 * discharge + chance.gauss(0, 0.1)),
        "ph": 7.6 + 0.3 * day + 1.9 * (n % 500 in range(100, 130)) + chance.gauss(0, 0.02),
        "conductivity": 390 + 180 * discharge - 80 * storm + chance.gauss(0, 3),
        "turbidity": 8 + 160 * storm + 60 * discharge + chance.gauss(0, 0.5),
        "water-temp": 18 + 3 * day,
        "orp": 130 - 240 * discharge + chance.gauss(0, 4),
        "nh3n": 0.6 + 9 * discharge,
        "water-level": 1.2 + 0.8 * storm + chance.gauss(0, 0.004),
    }
    if chance.random() < 0.05:
        values[chance.choice(SONDE)] = None
    return {(PLACE, "", name): value and round(value, 3) for name, value in values.items()}


def _shed(n: int, chance: random.Random) -> dict[tuple[str, str, str], float | None]:
    found: dict[tuple[str, str, str], float | None] = {}
    total = 0.0
    for nth, port in enumerate(PORTS):
        at = (n + 97 * nth) % 380
        power = 120.0 if at < 160 else max(8.0, 120 - (at - 160) * 1.5) if at < 300 else 0.0
        power += chance.gauss(0, 1.5) if power else 0.0
        overloaded = (n + 5 * nth) % 12 < 3 and nth == n // 12 % len(PORTS)
        power = 860.0 + chance.gauss(0, 5) if overloaded else power
        hot = 34.0 if (n + 40 * nth) % 170 < 9 else 0.0
        total += power
        found |= {
            (SHED, port, "power"): round(max(0.0, power), 1),
            (SHED, port, "relay"): 0.0 if at > 340 else 1.0,
            (SHED, port, "port-temp"): round(30 + power / 40 + hot, 1),
            (SHED, port, "voltage"): round(chance.gauss(224, 2) - 35 * (n % 240 < 4), 1),
        }
    fire = n % 700 in range(500, 508)
    own = {
        "smoke": float(fire),
        "shed-temp": 28.0 + 24 * fire + chance.gauss(0, 0.3),
        "co": 4.0 + 70 * fire,
        "residual-current": 2.0 + 320 * (n % 310 in range(60, 63)),
        "current": (total + 2600 * (n % 260 < 14)) / 224,
        "power": total * (1.4 if n % 600 < 130 else 1.01),
        "water": float(n % 900 in range(700, 720)),
    }
    return found | {(SHED, "", name): round(value, 2) for name, value in own.items()}


def _warning(n: int, now_ms: int) -> Warning:
    return Warning(
        id=f"storm-{n // STORM_EVERY}",
        event="heat" if n // STORM_EVERY % 3 == 2 else "rainstorm",
        colour=Colour.ORANGE if n % STORM_EVERY else Colour.BLUE,
        sites=(SITE,),
        issuer="市气象台",
        title="市气象台发布预警信号",
        issued_ms=now_ms,
        onset_ms=now_ms,
        expires_ms=now_ms + 3 * 3_600_000,
        is_cancelled=n % STORM_EVERY == STORM_LASTS,
    )

"""Made-up seasons of a reach: the simulator's curves, storms and faults, with what happens labelled.

Figures are proposals of this project (docs/simulated.md); each season is the same for its seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from alerts.registry.model import PlaceKind, Registry
from alerts.words import Severity
from edge.sensors.simulated import Simulation
from edge.sensors.simulation.injection import Injection
from edge.sensors.simulation.storm import Storm, rise_m
from tests.alerts.rules import worlds
from tests.alerts.seasons.season import HOUR_MS, Event, Row, Season

DAY_S, HOUR_S = 86_400, 3_600
BEGIN_MS = 1_780_243_200_000  # 2026-06-01, 00:00 in China
SONDE = ("water-temp", "conductivity", "ph", "do", "turbidity", "orp", "nh3n", "water-level")
LEVEL_M, FIRST_LINE_M = 1.25, 1.9  # of the simulator's stream, and the place's first line
ROUNDS = 1 << 40  # ms after the begin: all there is


def quiet_month(seed: int, step_s: int, days: int = 30) -> Season:
    """Nothing that anybody has to look at, and much that looks like it."""
    chance = Random(seed)
    faults = [
        # Algae: oxygen from 4 to 14, pH up to 8.9 in the afternoons.
        _at(1, days - 1, "wave", "do", by=3.6),
        _at(1, days - 1, "wave", "ph", by=chance.uniform(0.4, 1.0)),
        # A lens overgrows until it is cleaned; an optical oxygen probe as well.
        _at(6, 12, "fouling", "turbidity", by=chance.uniform(4, 9) * 12),
        _at(6, 12, "fouling", "do", by=-chance.uniform(0.05, 0.15) * 12),
        # Boats under the radar, fog, spikes, a noisy cable, a probe that is lifted out and put back.
        *(_at(d, minutes / 1440, "offset", "water-level", by=-0.6) for d, minutes in BOATS),
        _at(19.1, 0.3, "dropout", "water-level", chance=0.5),
        _at(0, days, "spike", "conductivity", to=-9999.0, chance=0.002),
        _at(0, days, "spike", "turbidity", times=6.0, chance=0.001),
        _at(21.3, 0.4, "noise", "turbidity", times=5.0),
        _at(24.4, 0.05, "offset", "water-level", by=-0.8),
        _at(24.4, 0.05, "out-of-water"),
    ]
    storms = (_shower(4.6, chance), _shower(13.7, chance), _shower(22.55, chance))
    for storm in storms:
        faults += _wash(storm, muddy=chance.uniform(60, 200))
    rows = readings(seed, step_s, days, faults, storms)
    return Season(name=f"quiet reach {seed}, {_spelt(step_s)}", registry=world(step_s), rows=rows)


BOATS = ((3.5, 4), (8.45, 10), (16.6, 12), (20.4, 6))


def eventful(seed: int, step_s: int, *, has_gauge: bool = True) -> Season:
    """A season in which things happen, each on a day of its own."""
    chance = Random(f"events {seed}")
    faults: list[Injection] = []
    events: list[Event] = []

    def happens(name: str, day: float, hours: float, *rules: str, may: Sequence[str] = ()) -> None:
        since_ms = BEGIN_MS + round(day * DAY_S) * 1000
        events.append(
            Event(
                name=name, since_ms=since_ms, until_ms=since_ms + round(hours * HOUR_MS),
                rules=rules, may=tuple(may), late_ms=HOUR_MS,
            )
        )  # fmt: skip

    day = 8 + chance.uniform(0, 0.9)
    salt = chance.uniform(220, 900)
    for minutes, part in ((0, 0.4), (15, 0.3), (30, 0.3)):
        begin = day + minutes / 1440
        faults.append(_at(begin, 3 / 24, "offset", "conductivity", by=salt * part))
    happens("discharge", day, 3.5, "riv-cond-rise")

    day = 10 + chance.uniform(0, 0.9)
    faults.append(_at(day, 6 / 24, "offset", "turbidity", by=chance.uniform(60, 200)))
    happens("muddy discharge", day, 6, *(["riv-turb-dry"] if has_gauge else []))

    day = 12 + chance.uniform(0, 0.9)
    faults.append(_at(day, 4 / 24, "offset", "ph", by=chance.choice((-3.2, 2.9))))
    happens("acid or lye", day, 4, "riv-ph")

    day = 14 + chance.uniform(0, 0.9)
    faults += [
        _at(day, 20 / 24, "step", "do", to=chance.uniform(0.5, 1.2)),
        _at(day, 20 / 24, "step", "orp", to=chance.uniform(-120, 0)),
        _at(day, 20 / 24, "step", "nh3n", to=chance.uniform(8.8, 13)),
    ]
    names = ("riv-do-low", "riv-nh3n", "riv-orp", "riv-blackodor")
    happens("black and foul water", day, 20, *names, may=("riv-class-drop",))
    happens("worse than its target", day, 44, "riv-class-drop", may=names)

    storm = Storm(
        at_s=(16 + chance.uniform(0, 0.9)) * DAY_S, hours=3, mm=chance.uniform(55, 75), seed=seed
    )
    faults += _wash(storm, muddy=300)
    day = _fast_at(storm) / DAY_S
    wet = ("rain-national", "rain-flood-likely") if has_gauge else ()
    happens("flood", day, 6, "riv-level-rise", may=(*wet, "rain-bank-soon", "riv-level-high"))
    high_s = _rises_to(storm, FIRST_LINE_M - LEVEL_M)
    high = ("riv-level-high", "rain-bank-soon")
    happens("high water", high_s / DAY_S, 6, *high, may=(*wet, "riv-level-rise"))

    day = 19 + chance.uniform(0, 0.9)
    faults.append(_at(day, 1.5, "stuck", chance.choice(("do", "ph", "conductivity"))))
    happens("stuck probe", day, 36, "riv-flat", may=("riv-cond-rise",))

    day = 24 + chance.uniform(0, 0.5)
    more = chance.uniform(380, 600)
    faults += [
        _at(day, 4 / 24, "drift", "conductivity", by=more),
        _at(day + 4 / 24, 20 / 24, "offset", "conductivity", by=more),
    ]
    happens("another water comes slowly", day, 4, may=("riv-cond-rise",))
    happens("another water for a day", day + 4 / 24, 20, "riv-unusual", may=("riv-cond-rise",))

    day = 26 + chance.uniform(0, 0.9)
    faults.append(_at(day, 10 / 24, "silence"))
    happens("silent box", day, 10, "riv-offline")

    rows = readings(seed, step_s, 28, faults, (storm,))
    if not has_gauge:
        rows = [row for row in rows if row[3] != "rain"]
    name = f"eventful reach {seed}, {_spelt(step_s)}" + ("" if has_gauge else ", no gauge")
    return Season(
        name=name, registry=world(step_s, has_gauge=has_gauge), rows=rows, events=tuple(events)
    )


Signal = tuple[float, float, float, float, str]
SIGNALS: tuple[Signal, ...] = (
    (55, 12, 12, 50, "info"),
    (52, 6, 6, 50, "minor"),
    (52, 3, 3, 50, "major"),
    (105, 3, 3, 100, "critical"),
)
"""Millimetres in so many hours; the window and the amount of the severest level that they reach."""


def rainy(
    mm: float, hours: float, window_h: float, amount: float, level: str, step_s: int, seed: int = 0
) -> Season:
    """One storm over a dry place; an event from when so much has fallen within the window."""
    storm = Storm(at_s=6 * HOUR_S, hours=hours, mm=mm, seed=seed)
    rows = readings(seed, step_s, 1.5, [], (storm,), metrics=("rain",))
    at_s = storm.at_s
    while storm.fallen_mm(at_s) - storm.fallen_mm(at_s - window_h * HOUR_S) < amount:
        at_s += 10
    # A minute early: the simulator's own steps may see the tip that completes it before this does.
    since_ms = BEGIN_MS + round(at_s - 60) * 1000
    event = Event(
        name="rain",
        since_ms=since_ms,
        until_ms=since_ms + HOUR_MS,
        rules=("rain-national",),
        severity=Severity[level.upper()],
    )
    falls = replace(event, name="it rains", since_ms=BEGIN_MS, rules=(), may=("rain-national",))
    world = worlds.registry(PlaceKind.REACH, "rain", interval_s=step_s)
    name = f"{mm:g} mm in {hours:g} h, {_spelt(step_s)}"
    return Season(name=name, registry=world, rows=rows, events=(event, falls))


def world(step_s: int, *, has_gauge: bool = True) -> Registry:
    """A reach with lines of its own: target class, levels, bank."""
    metrics = (*SONDE, "rain") if has_gauge else SONDE
    return worlds.registry(
        PlaceKind.REACH,
        *metrics,
        interval_s=step_s,
        override={
            "riv-class-drop": {"target": 3.0},
            "riv-level-high": {"minor.above": FIRST_LINE_M, "major.above": 2.6},
            "rain-bank-soon": {"line": 2.6},
        },
    )


def readings(
    seed: int, step_s: int, days: float, faults: Sequence[Injection], storms: Sequence[Storm],
    metrics: Sequence[str] = (*SONDE, "rain"),
) -> list[Row]:  # fmt: skip
    """What the simulator says, each ``step_s``."""
    plan = Simulation(
        place=worlds.PLACE, port="", metrics=tuple(metrics), interval_s=step_s, seed=seed,
        storms=tuple(storms), injections=tuple(faults), until_s=days * DAY_S,
    )  # fmt: skip
    sensor, mark, rows = plan.build("sonde", BEGIN_MS), "", list[Row]()
    while True:
        step = sensor.step(mark, BEGIN_MS + ROUNDS)
        rows += [
            (s.at_ms, s.place, s.port, s.metric, s.value)
            for s in step.samples
            if s.value is not None
        ]
        if step.wake_ms is None:
            return rows
        mark = step.mark


def _at(day: float, days: float, shape: str, metric: str = "", **keys: float) -> Injection:
    return Injection(at_s=day * DAY_S, for_s=days * DAY_S, shape=shape, metric=metric, **keys)


def _shower(day: float, chance: Random) -> Storm:
    """Ordinary summer rain: the stream hardly rises."""
    mm = chance.uniform(8, 22)
    return Storm(at_s=day * DAY_S, hours=chance.uniform(1.5, 5), mm=mm, m_per_mm=0.008)


def _wash(storm: Storm, muddy: float) -> Iterator[Injection]:
    """What rain does to the water: mud for a day, fewer ions."""
    begin = storm.at_s / DAY_S + 0.02
    for hours, part in ((5, 0.5), (10, 0.3), (18, 0.2)):
        yield _at(begin, hours / 24, "offset", "turbidity", by=muddy * part)
        yield _at(begin, hours / 24, "offset", "conductivity", by=-180 * part)


def _rises_to(storm: Storm, more_m: float) -> float:
    """When the stream stands so much higher."""
    at_s = storm.at_s
    while rise_m((storm,), at_s) < more_m:
        at_s += 60
    return at_s


def _fast_at(storm: Storm) -> float:
    """When the stream has risen by 0.2 m within half an hour: from then on somebody should know."""
    at_s = storm.at_s
    while rise_m((storm,), at_s) - rise_m((storm,), at_s - 1800) < 0.2:
        at_s += 60
    return at_s


def _spelt(step_s: int) -> str:
    return f"{step_s // 60} min" if step_s % 60 == 0 else f"{step_s} s"

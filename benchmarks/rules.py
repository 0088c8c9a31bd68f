"""How fast the rules judge: 300 rules over 1,000 series in the mix of the shipped packs, a season
replayed, a restart, and how large a state is.

An evaluation is one rule that applies to a reading, with its gate, ``for`` and clear. The rules are
those of the shipped packs, copied under other ids until there are 300, at places such as they are
made for: reaches with a sonde, sheds with sockets. ``--quick`` takes a tenth of everything.
"""

import argparse
import math
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from enum import IntEnum

from alerts.packs import shipped
from alerts.registry.model import Binding, Circuit, Device, Names, Place, PlaceKind, Port, Registry
from alerts.rules.band import Calendar
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.packs import read_packs
from alerts.rules.rule import Rule, State
from alerts.rules.window import LeastInWindow, MedianInWindow, SumInWindow
from benchmarks.report import Figure, report
from edge.contract.compare import Gate, Limit
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Form

START_MS = 1_767_225_600_000  # 2026-01-01
RULES, SERIES, STATES = 300, 1_000, 100_000
SEASON_SERIES, SEASON_DAYS, SEASON_STEP_S = 100, 92, 300
ROUNDS, STEP_MS, TICK_MS = 200, 60_000, 5_000
AIM_EVALUATIONS = 500_000
# What a state points at and its rule owns; and what is a window under another name.
SHARED = frozenset(
    {"rule", "seat", "terms", "by", "specs", "steps", "conditions", "tolerances", "floors"}
)
WINDOWS = frozenset({"points", "hours", "gauges", "swings", "order_of", "runs"})
SONDE = (
    "water-temp",
    "conductivity",
    "ph",
    "do",
    "turbidity",
    "orp",
    "nh3n",
    "water-level",
    "rain",
)
SOCKET = ("power", "port-temp", "residual-current", "relay", "voltage")
SHED = ("shed-temp", "smoke", "co", "water", "current", "power")
# A calm day; the last figure is how far it swings.
USUAL = {
    "water-temp": (18, 2), "conductivity": (390, 25), "ph": (7.8, 0.2), "do": (7, 2),
    "turbidity": (8, 3), "orp": (140, 20), "nh3n": (0.6, 0.2), "water-level": (1.2, 0.02),
    "rain": (0, 0), "power": (112, 3), "port-temp": (31, 3), "residual-current": (1.5, 0.3),
    "relay": (1, 0), "voltage": (224, 3), "shed-temp": (27, 4), "smoke": (0, 0), "co": (3, 1),
    "water": (0, 0), "current": (11, 1),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    scale = 0.1 if parser.parse_args().quick else 1.0
    figures, notes = measure(scale)
    print(report("rules", figures, notes))


def measure(scale: float = 1.0) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures and how each was found."""
    packs = many_packs(RULES)
    world = village(round(SERIES * scale))
    figures: dict[str, Figure] = {"rules": RULES, "series": series_of(world)}
    figures |= live(packs, world, round(ROUNDS * scale))
    figures["replay_seconds"] = season(scale)
    figures |= restart(packs, round(STATES * scale))
    notes = {
        "rules": "those of the shipped packs, copied under other ids",
        "series": "reaches with a sonde and sheds with sockets, half and half",
        "evaluations_per_s": f"one core, aim {AIM_EVALUATIONS:,}; "
        "what a rule listens to, each minute, with ticks",
        "evaluation_us": "the same, one",
        "bytes_per_state": "all objects of a (rule, subject) state, after the rounds, without its windows",
        "process_bytes_per_state": "what the process grew by: plan, books, rules and registry as well",
        "snapshot_bytes_per_state": "as JSON, after a day of readings",
        "replay_seconds": f"{round(SEASON_SERIES * scale)} series, {SEASON_DAYS} days at "
        f"{SEASON_STEP_S // 60} minutes, the shipped packs",
        "restart_seconds": f"{figures['restart_states']:,} states, until the next reading is judged",
    }
    return figures, notes


def many_packs(wanted: int) -> dict[str, str]:
    """The shipped packs, as often as it takes for ``wanted`` rules."""
    texts = shipped()
    own = len(read_packs(texts).rules)
    found: dict[str, str] = {}
    for copy in range(math.ceil(wanted / own)):
        for name, text in texts.items():
            blocks = text.split("[[rule]]\n")[1:]
            room = wanted - sum(each.count("[[rule]]\n") for each in found.values())
            kept = "".join("[[rule]]\n" + block for block in blocks[: max(0, room)])
            found[f"{copy}-{name}"] = _renamed(kept, copy)
    assert len(read_packs(found).rules) == wanted
    return found


def _renamed(text: str, copy: int) -> str:
    if not copy:
        return text
    for rule in tomllib.loads(text).get("rule", ()):
        text = text.replace(f'"{rule["id"]}"', f'"{rule["id"]}-{copy}"')
    return text


def village(series: int) -> Registry:
    """Reaches and sheds, half of the series each, a device for each place."""
    places: list[Place] = []
    devices: list[Device] = []
    left = series
    while left > 0:
        n = len(places)
        if n % 4:
            kind, metrics = PlaceKind.REACH, SONDE[:left]
            bindings = [Binding(place=f"p{n}", metrics=metrics, interval_s=60)]
            left -= len(metrics)
            ports: tuple[Port, ...] = ()
        else:
            kind = PlaceKind.SHED
            bindings = [Binding(place=f"p{n}", metrics=SHED[:left], interval_s=60)]
            left -= len(bindings[0].metrics)
            ports = tuple(
                Port(id=str(p), names=Names(zh=str(p)), circuit="main")
                for p in range(1, 1 + min(4, left // len(SOCKET)))
            )
            bindings += [
                Binding(place=f"p{n}", port=p.id, metrics=SOCKET, interval_s=60) for p in ports
            ]
            left -= len(ports) * len(SOCKET)
        main_feeder = (Circuit(id="main", names=Names(zh="总"), rating_a=40),) if ports else ()
        places.append(
            Place(
                id=f"p{n}", site=f"s{n // 20}", kind=kind, names=Names(zh=f"p{n}"), ports=ports,
                circuits=main_feeder,
            )
        )  # fmt: skip
        devices.append(
            Device(id=f"d{n}", site=f"s{n // 20}", names=Names(zh="d"), bindings=tuple(bindings))
        )
    return Registry(places=tuple(places), devices=tuple(devices))


def series_of(world: Registry) -> int:
    return sum(len(b.metrics) for device in world.devices for b in device.bindings)


def readings(world: Registry, rounds: int, step_ms: int) -> Iterator[list[tuple[int, Batch]]]:
    """A round of packs of a form, one for each binding, ``step_ms`` apart: a calm, noisy day."""
    forms = [
        Form(
            device.site, device.id, [b.place] * len(b.metrics), [b.port] * len(b.metrics),
            list(b.metrics),
        )
        for device in world.devices
        for b in device.bindings
    ]  # fmt: skip
    for n in range(rounds):
        at_ms = START_MS + n * step_ms
        phase = n * step_ms / 86_400_000 * math.tau
        made = []
        for i, form in enumerate(forms):
            swing = math.sin(phase + i) * 0.8 + (n * 37 + i * 11) % 17 / 85
            size = len(form.metric)
            made.append(
                (
                    at_ms,
                    Batch(
                        site=form.site, device=form.device, run="r", first=n * size, count=size,
                        place=form.place, port=form.port, metric=form.metric,
                        value=[_usual(m, form.port[0]) + USUAL[m][1] * swing for m in form.metric],
                        at_ms=[at_ms] * size, quality=[int(Quality.GOOD)] * size,
                        seq=list(range(n * size, n * size + size)), form=form,
                    ),
                )
            )  # fmt: skip
        yield made


def _usual(metric: str, port: str) -> float:
    """A feeder carries what its sockets draw."""
    return USUAL[metric][0] * (4 if metric == "power" and not port else 1)


def begun(packs: dict[str, str], world: Registry) -> Engine:
    engine = Engine("bench")
    whats: list[What] = [RegistryRevised(world), PacksRevised(packs), Sight(True, START_MS)]
    for what in whats:
        engine.feed(Entry(engine.position + 1, START_MS, what))
    assert not engine.problems
    return engine


def evaluations(engine: Engine, world: Registry) -> int:
    """How many rules apply to the readings of one round."""
    return sum(
        len(ears.of(b.place, b.port, metric))
        for device in world.devices
        if (ears := engine._plan.of(device.site, device.id)) is not None
        for b in device.bindings
        for metric in b.metrics
    )


def live(packs: dict[str, str], world: Registry, rounds: int) -> dict[str, Figure]:
    before = _resident()
    engine = begun(packs, world)
    states = len(engine._plan.states)
    grown = _resident() - before
    a_round = evaluations(engine, world)
    told = 0
    took = 0.0
    for made in readings(world, rounds, STEP_MS):
        entries = [Entry(engine.position + 1 + n, *each) for n, each in enumerate(made)]
        last = entries[-1]
        entries += [
            Entry(last.position + n, last.at_ms + n * TICK_MS, Tick())
            for n in range(1, STEP_MS // TICK_MS)
        ]
        began = time.process_time()
        for entry in entries:
            told += len(engine.feed(entry))
        took += time.process_time() - began
    assert not engine.problems
    return {
        "states": states,
        "evaluations": a_round * rounds,
        "evaluations_per_s": round(a_round * rounds / took),
        "evaluation_us": round(took / (a_round * rounds) * 1e6, 3),
        "transitions": told,
        "bytes_per_state": round(sum(map(_bytes, engine._plan.states)) / states),
        "process_bytes_per_state": round(grown / states),
        "snapshot_bytes_per_state": round(len(engine.dump()) / states),
    }


def season(scale: float) -> float:
    """Seconds for a season of the shipped packs."""
    world = village(round(SEASON_SERIES * scale) or 1)
    slow = tuple(replace(b, interval_s=SEASON_STEP_S) for d in world.devices for b in d.bindings)
    by_place = {
        d.id: tuple(b for b in slow if b.place == d.bindings[0].place) for d in world.devices
    }
    devices = tuple(replace(d, bindings=by_place[d.id]) for d in world.devices)
    engine = begun(shipped(), replace(world, devices=devices))
    took = 0.0
    rounds = SEASON_DAYS * 86_400 // SEASON_STEP_S
    for made in readings(world, rounds, SEASON_STEP_S * 1000):
        position = engine.position + 1
        entries = [Entry(position + n, *each) for n, each in enumerate(made)]
        entries += [
            Entry(entries[-1].position + n, made[0][0] + n * 60_000, Tick())
            for n in range(1, SEASON_STEP_S // 60)
        ]
        began = time.process_time()
        for entry in entries:
            engine.feed(entry)
        took += time.process_time() - began
    return round(took, 2)


def restart(packs: dict[str, str], wanted: int) -> dict[str, Figure]:
    """Seconds from a snapshot on disk to the next reading judged."""
    one = village(200)
    per_series = len(begun(packs, one)._plan.states) / series_of(one)
    world = village(math.ceil(wanted / per_series))
    engine = begun(packs, world)
    for made in readings(world, 3, STEP_MS):
        for each in made:
            engine.feed(Entry(engine.position + 1, *each))
    states = len(engine._plan.states)
    data = engine.dump()
    next_at_ms, batch = next(iter(readings(world, 1, STEP_MS)))[0]
    began = time.process_time()
    again = Engine.load(data)
    again.feed(Entry(again.position + 1, next_at_ms + 10 * STEP_MS, batch))
    took = time.process_time() - began
    return {"restart_states": states, "restart_seconds": round(took, 2)}


def _bytes(state: State) -> int:
    """What a state holds for itself: not its windows, and nothing that it shares with others."""
    shared = (Limit, Calendar, str, bool, type(None), IntEnum)
    windows = (LeastInWindow, MedianInWindow, SumInWindow)
    seen: set[int] = set()

    def size(thing: object) -> int:
        if id(thing) in seen or isinstance(thing, (*shared, *windows, Rule)) or is_dataclass(thing):
            if not isinstance(thing, Gate):
                return 0
        seen.add(id(thing))
        inner: list[object] = []
        for cls in type(thing).__mro__:
            names = cls.__dict__.get("__slots__", ())
            own = {names} if isinstance(names, str) else set(names)
            inner += [getattr(thing, name, None) for name in own - SHARED - WINDOWS]
        if isinstance(thing, dict):
            inner += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple):
            inner += thing
        return sys.getsizeof(thing) + sum(map(size, inner))

    return size(state)


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    main()

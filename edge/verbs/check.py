"""``shouwang-edge check``: every mistake of the file at once, what cannot be meant, and a summary."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from edge.config import EdgeConfig
    from edge.sensors.port import Series
    from edge.verbs.estimate import Load

DONE, WRONG = 0, 2
TEXT = "name every mistake of the configuration, and say what it does"
INDENT = 2


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("check", help=TEXT, description=TEXT)
    command.add_argument("config", type=Path, help="edge.toml")
    command.set_defaults(act=act)


def act(call: argparse.Namespace) -> int:
    """0: it can be used, warnings or not; 2: it cannot."""
    from edge.clock import Clock
    from edge.errors import ConfigError
    from edge.settings.overlay import Overlay

    try:
        overlay = Overlay(call.config, _environment(call.config))
        clock = Clock.from_environment()
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        _warn_all_the_same(call.config)
        return WRONG
    config = overlay.config
    names = ", ".join(sensor.name for sensor in config.sensors)
    print(f"{call.config}: ok; {config.site}/{config.device} with {names}\n")
    for line in _summary(config):
        print(line)
    described = overlay.describe()
    if described:
        print()
    for line in described:
        print(line)
    _warn(_warnings(config, clock.now().date()))
    return DONE


def _environment(path: Path) -> dict[str, str]:
    """That of the service, as far as whoever calls may see it; what he has set himself holds."""
    import os

    from edge.environment import beside

    try:
        return {**beside(path), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        print(f"{error}; its variables are not seen here", file=sys.stderr)
        return dict(os.environ)


def _warn_all_the_same(path: Path) -> None:
    """Contradictions among sensors that stand right, though something else is wrong."""
    from edge.clock import Clock
    from edge.config import read_sensors
    from edge.errors import ConfigError
    from edge.verbs.contradictions import contradictions

    try:
        _warn(contradictions(read_sensors(path).sensors, Clock().now().date()))
    except ConfigError:
        pass  # told already


def _warn(warnings: list[str]) -> None:
    from edge.verbs import paper

    for warning in warnings:
        lines = paper.note(f"warning: {warning}", paper.WIDTH, INDENT)
        print("\n".join([lines[0].strip(), *lines[1:]]))
    if warnings:
        print(f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}")


def _warnings(config: "EdgeConfig", today: "date") -> list[str]:
    from edge.sensors.pins import Wiring
    from edge.verbs.contradictions import contradictions

    pins = [
        (output.name, Wiring(pin=output.where.removeprefix("pin ")).name)
        for output in config.onsite.outputs
        if output.where.startswith("pin ")
    ]
    if config.onsite.button is not None:
        pins.append(("the button", config.onsite.button.wiring.name))
    return contradictions(config.sensors, today, pins)


def _summary(config: "EdgeConfig") -> list[str]:
    """A table: each sensor, what it gives how often, and what goes over the wire a day."""
    from edge.verbs import estimate, paper

    rows = [["sensor", "kind", "measures", "reports", "readings/day", "kB/day"]]
    loads = []
    for sensor in config.sensors:
        load = estimate.of_sensor(sensor)
        loads.append(load)
        on_change = sensor.measuring.on_change
        reports = f"changes, {_every(on_change.report_s)}" if on_change else "each"
        if sensor.kind in ("contact", "rain"):
            reports = "changes too" if sensor.kind == "contact" else "showers too"
        pace = _every(sensor.plan.pace_s) if sensor.plan.pace_s else "as recorded"
        rows.append([sensor.name, sensor.kind, pace, reports, *_figures(load)])
    health = estimate.of_health(config)
    loads.append(health)
    rows.append(
        ["(the box)", "health", _every(config.health_interval_s), "each", *_figures(health)]
    )
    lines = paper.table(rows, paper.WIDTH, stretch=0, right=(4, 5))
    for nth, sensor in reversed(list(enumerate(config.sensors, 1))):
        lines[nth + 1 : nth + 1] = paper.note(_series(sensor.plan.gives), paper.WIDTH, INDENT)
    packs = estimate.of_packs(config, loads)
    total = sum(load.bytes or 0.0 for load in loads) + packs
    count = sum(load.readings or 0.0 for load in loads)
    at_least = "at least " if any(load.is_least or load.bytes is None for load in loads) else ""
    wire = f"over the wire: {at_least}about {count:,.0f} readings and {_megabytes(total)} a day"
    share = f"{packs / total:.0%} of it packs and receipts" if total else ""
    wait_s = config.journal.durability_s
    gathered = f"gathered for {wait_s:g} s" if wait_s else "each sent at once"
    return [*lines, "", *paper.note(f"{wire} ({share}; {gathered}; TLS on top)", paper.WIDTH, 0)]


def _series(gives: "tuple[Series, ...]") -> str:
    """Metrics by place: ``shed-1/port-2: voltage, current``."""
    by_place: dict[str, list[str]] = {}
    for series in gives:
        where = "/".join(part for part in series[:2] if part) or "the box itself"
        by_place.setdefault(where, []).append(series.metric)
    return "; ".join(f"{where}: {', '.join(metrics)}" for where, metrics in by_place.items())


def _figures(load: "Load") -> list[str]:
    if load.readings is None or load.bytes is None:
        return ["?", "?"]
    least = "≥ " if load.is_least else ""
    return [f"{least}{load.readings:,.0f}", f"{load.bytes / 1000:,.0f}"]


def _every(seconds: float) -> str:
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"

"""What in a file that can be read cannot be meant: each as a sentence with its remedy."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from edge.config import SensorConfig
from edge.sensors.port import Series
from edge.verbs.looking import label


def contradictions(
    sensors: Sequence[SensorConfig], today: date, pins: Sequence[tuple[str, str]] = ()
) -> list[str]:
    """Of sensors among themselves, with the machine, and with ``pins`` (name, pin) of others."""
    return [
        *_twice(sensors),
        *_pins(sensors, pins),
        *_lines(sensors),
        *_files(sensors),
        *_pace(sensors),
        *_calibrations(sensors, today),
    ]


def _twice(sensors: Sequence[SensorConfig]) -> Iterator[str]:
    by_series: dict[Series, list[str]] = defaultdict(list)
    for sensor in sensors:
        for series in sensor.plan.gives:
            by_series[series].append(sensor.name)
    shared: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for series, names in by_series.items():
        if len(names) > 1:
            shared[tuple(names)].append(label(series))
    for names_, found in shared.items():
        what = f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} measured by"
        yield f"{what} {_and(names_)}; give one another place or port"


def _pins(sensors: Sequence[SensorConfig], pins: Sequence[tuple[str, str]]) -> Iterator[str]:
    by_pin: dict[str, list[str]] = defaultdict(list)
    for name, pin in pins:
        by_pin[pin].append(name)
    for sensor in sensors:
        for use in sensor.plan.uses:
            if use.what == "pin":
                by_pin[use.name].append(sensor.name)
    for pin, names in by_pin.items():
        if len(names) > 1:
            yield f"pin {pin} is used by {_and(names)}; a pin serves one"


def _lines(sensors: Sequence[SensorConfig]) -> Iterator[str]:
    by_line: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for sensor in sensors:
        for use in sensor.plan.uses:
            if use.what == "serial":
                by_line[os.path.realpath(use.name)].append((use.settings, sensor.name))
    for line, found in by_line.items():
        names = [name for _, name in found]
        if len({settings for settings, _ in found}) > 1:
            each = ", ".join(f"{name} {settings}" for settings, name in found)
            yield f"{line} has several settings: {each}; give them the same"
        elif len(found) > 1 and "held open" in found[0][0]:
            yield f"{line} is held open by {_and(names)}; one serialline has a port alone"


def _files(sensors: Sequence[SensorConfig]) -> Iterator[str]:
    lacking: dict[str, list[str]] = defaultdict(list)
    for sensor in sensors:
        for use in sensor.plan.uses:
            if use.what in ("serial", "file") and not os.path.exists(use.name):
                lacking[use.name].append(sensor.name)
    for name, names in lacking.items():
        yield f"there is no {name} here, which {_and(names)} would read; see its name and rights"


def _pace(sensors: Sequence[SensorConfig]) -> Iterator[str]:
    for sensor in sensors:
        on_change, pace_s = sensor.measuring.on_change, sensor.plan.pace_s
        if on_change and on_change.report_s <= pace_s:
            yield (
                f"{sensor.name}: report_s {on_change.report_s:g} is not longer than interval_s "
                f"{pace_s:g}, so each value is reported; take it out or make it longer"
            )
        most = sensor.measuring.most_per_s
        if most and pace_s and len(sensor.plan.gives) / pace_s > most:
            yield f"{sensor.name}: gives more than its own most_per_s {most:g}; raise that"


def _calibrations(sensors: Sequence[SensorConfig], today: date) -> Iterator[str]:
    for sensor in sensors:
        for each in sensor.measuring.calibrations:
            where = f"{sensor.name}: {label(each.series)}"
            if each.at > today:
                yield f"{where} is calibrated on {each.at}, which is to come; see date and clock"
            elif each.is_due(today):
                yield f"{where} is due for calibration since {each.due}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else ", ".join(names)

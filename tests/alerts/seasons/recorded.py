"""Real recordings as seasons: rivers, a storm, chargers. What is not there is said, not made up."""

import csv
import gzip
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from alerts.registry.model import PlaceKind
from tests.alerts.rules import worlds
from tests.alerts.seasons.season import Row, Season, thinned

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SHOUWANG_DATA") or ROOT.parent / "shared" / "data")
BUNDLED = ROOT / "collector" / "demo" / "recordings"

Columns = Mapping[str, tuple[str, float]]
"""By column: the metric, and what its figures are multiplied by."""

LOGAN: Columns = {
    "temp": ("water-temp", 1), "cond": ("conductivity", 1), "ph": ("ph", 1), "do": ("do", 1),
    "turb": ("turbidity", 1), "stage": ("water-level", 0.01),
}  # fmt: skip
PRINGLE: Columns = {
    "temperature": ("water-temp", 1), "conductance": ("conductivity", 1), "pH": ("ph", 1),
    "dissolvedOxygen": ("do", 1), "turbidity": ("turbidity", 1), "level": ("water-level", 1),
}  # fmt: skip
EXCERPT: Columns = {
    "water_temp_c": ("water-temp", 1), "conductivity_us_cm": ("conductivity", 1), "ph": ("ph", 1),
    "do_mg_l": ("do", 1), "turbidity_ntu": ("turbidity", 1), "stage_cm": ("water-level", 0.01),
}  # fmt: skip
STATIONS: Mapping[str, tuple[str, str, Columns, str, int]] = {
    "main-street": ("river/MainStreet2019.csv.gz", "datetime", LOGAN, "", 900),
    "blacksmith-fork": ("river/BlackSmithFork2019.csv.gz", "datetime", LOGAN, "", 900),
    "pringle-up": ("river/NEON_PRIN_5min_cleaned.csv.gz", "Timestamp", PRINGLE, "upstream", 300),
    "pringle-down": (
        "river/NEON_PRIN_5min_cleaned.csv.gz",
        "Timestamp",
        PRINGLE,
        "downstream",
        300,
    ),
}
"""File, column of time, columns, which of its stations, and seconds between rows."""


def river(station: str, step_s: int | None = None) -> Season | None:
    """A station's season, all as it was recorded, faults included; None where the file is absent."""
    file, time, columns, site, own_s = STATIONS[station]
    path = DATA / file
    if not path.exists():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [
            row
            for each in csv.DictReader(lines)
            if not site or each["site"] == site
            for row in _row(each, time, columns)
        ]
    step_s = max(own_s, step_s or own_s)
    return Season(
        name=f"{station}, {step_s // 60} min",
        registry=worlds.registry(
            PlaceKind.REACH, *(metric for metric, _ in columns.values()), interval_s=step_s
        ),
        rows=thinned(rows, step_s),
    )


def week() -> Season:
    """The week of Main Street that comes with the demo."""
    with (BUNDLED / "main-street-2019-01.csv").open(encoding="utf-8") as lines:
        rows = [row for each in csv.DictReader(lines) for row in _row(each, "at", EXCERPT)]
    metrics = [metric for metric, _ in EXCERPT.values()]
    world = worlds.registry(PlaceKind.REACH, *metrics, interval_s=900)
    return Season(name="a week at Main Street", registry=world, rows=rows)


def storm() -> Season | None:
    """The rain of Cumbria in November 2009; None where the file is absent."""
    path = DATA / "storm" / "swindale_storm_15min.csv"
    if not path.exists():
        return None
    columns: Columns = {"precip_m_per_step": ("rain", 1000)}
    with path.open(encoding="utf-8") as lines:
        rows = [row for each in csv.DictReader(lines) for row in _row(each, "time_utc", columns)]
    world = worlds.registry(PlaceKind.REACH, "rain", interval_s=900)
    return Season(name="Cumbria 2009", registry=world, rows=rows)


Curve = list[tuple[float, float]]
"""(seconds after the first reading, watts)."""


def curves(whole: bool = False) -> dict[str, Curve]:
    """The recorded charging curves that are long enough to show something, by plug and night.

    Those that come with the demo; with ``whole`` those of the second night as well, where they are.
    """
    found: dict[str, Curve] = {}
    with (BUNDLED / "ebike-2023-06-24.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            for plug, watts in row.items():
                if plug != "at" and watts:
                    key = plug.removesuffix("_w")
                    found.setdefault(key, []).append((_ms(row["at"]) / 1000, float(watts)))
    path = DATA / "charging" / "ebike_power.csv"
    if whole and path.exists():
        with path.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["run"] != "full":
                    key = f"{row['plug']}, {row['run']}"
                    at_s = _ms(row["time_local"]) / 1000
                    found.setdefault(key, []).append((at_s, float(row["power_w"])))
    return {
        key: [(at_s - curve[0][0], watts) for at_s, watts in curve]
        for key, curve in found.items()
        if len(curve) > 10
    }


def _row(row: Mapping[str, str], time: str, columns: Columns) -> Iterator[Row]:
    for column, (metric, scale) in columns.items():
        try:
            value = float(row[column])
        except ValueError:  # NA, or empty: no reading
            continue
        if value == value:
            yield _ms(row[time]), worlds.PLACE, "", metric, value * scale


def _ms(text: str) -> int:
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

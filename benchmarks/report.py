"""What a benchmark found: a table on the terminal, and flat figures in ``build/bench/NAME.json``."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"

WIDTH = 140  # of a table that goes into a file

Figure = float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a figure must be at least, or at most."""

    least: float | None = None
    most: float | None = None

    def is_met(self, figure: Figure) -> bool:
        return isinstance(figure, int | float) and (
            (self.least is None or figure >= self.least)
            and (self.most is None or figure <= self.most)
        )

    def __str__(self) -> str:
        bounds = ("≥", self.least), ("≤", self.most)
        return " ".join(f"{sign} {bound:,g}" for sign, bound in bounds if bound is not None)


NOTHING: Mapping[str, Wanted] = {}


def report(
    name: str,
    figures: Mapping[str, Figure],
    notes: Mapping[str, str],
    folder: Path = FOLDER,
    wanted: Mapping[str, Wanted] = NOTHING,
) -> Path:
    """Print the figures with what was wanted and how they were found; write them with machine and
    date; return the file.

    A figure's key ends in its unit: ``chart_30_days_ms``.
    """
    title = f"{name}, {platform.machine()}, {os.cpu_count()} cores"
    table = Table("figure", "measured", "wanted", "", "how", title=title)
    table.columns[0].no_wrap = True
    table.columns[1].justify = table.columns[2].justify = "right"
    for key, value in figures.items():
        want = wanted.get(key)
        met = "" if want is None else "met" if want.is_met(value) else "missed"
        told = f"{value:,}" if isinstance(value, int | float) else value
        table.add_row(key, told, "" if want is None else str(want), met, notes.get(key))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    facts: dict[str, Figure] = {
        "machine": platform.machine(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.write_text(json.dumps({**figures, **facts}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path

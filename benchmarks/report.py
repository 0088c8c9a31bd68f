"""What a benchmark found: a table on the terminal, and flat figures in ``build/bench/NAME.json``."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"

Figure = float | int | str


def report(
    name: str, figures: Mapping[str, Figure], notes: Mapping[str, str], folder: Path = FOLDER
) -> Path:
    """Print the figures with their notes, write them with machine and date, return the file.

    A figure's key ends in its unit: ``chart_30_days_ms``.
    """
    table = Table(
        "figure", "", "how", title=f"{name}, {platform.machine()}, {os.cpu_count()} cores"
    )
    table.columns[1].justify = "right"
    for key, value in figures.items():
        table.add_row(
            key, f"{value:,}" if isinstance(value, int | float) else value, notes.get(key)
        )
    Console().print(table)
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

"""A cell whose store holds the recorded week of the demo's river, with incidents of that week."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from alerts.packs import shipped
from alerts.registry.toml import read
from alerts.replay import Column, CsvMapping, entries_from_csv, replay
from alerts.rules.packs import read_packs
from alerts.rules.transition import Transition
from alerts.store.operations import Operations
from collector.cli import main
from collector.demo import scenario

RIVER = scenario.RECORDINGS / "main-street-2019-01.csv"
SITE, DEVICE = "linjiang", "laobakou-01"
COLUMNS = {
    "water_temp_c": ("water-temp", ""),
    "conductivity_us_cm": ("conductivity", ""),
    "ph": ("ph", ""),
    "do_mg_l": ("do", ""),
    "turbidity_ntu": ("turbidity", ""),
    "stage_cm": ("water-level", "cm"),
}
TABLE = [
    *("--csv", str(RIVER), "--community", str(scenario.COMMUNITY)),
    *("--site", SITE, "--device", DEVICE),
    *(
        word
        for name, (metric, unit) in COLUMNS.items()
        for word in ("--column", f"{name}=laobakou/{metric}{'*0.01' if unit else ''}")
    ),
]
WEEK = ["--from", "2019-01-17", "--to", "2019-01-24"]


def mapping() -> CsvMapping:
    """How the recorded table is read."""
    return CsvMapping(
        site=SITE,
        device=DEVICE,
        time="at",
        columns={
            name: Column(place="laobakou", metric=metric, scale=0.01 if unit else 1.0)
            for name, (metric, unit) in COLUMNS.items()
        },
    )


def week(packs: dict[str, str]) -> list[Transition]:
    """What these packs say of the recorded week at the demo's river."""
    community = read(scenario.COMMUNITY)
    with RIVER.open(encoding="utf-8") as lines:
        return replay(entries_from_csv(lines, mapping(), community, packs))


def settle(folder: Path, rang: Sequence[Transition]) -> Path:
    """Community, store and these transitions as incidents; the settings."""
    config = folder / "shouwang.toml"
    config.write_text('cell = "linjiang"\n[desk]\nport = 0\n', "utf-8")
    words = ["--config", str(config)]
    assert main(["import", *words, str(scenario.COMMUNITY), "--who", "test"]) == 0
    table = ["import-csv", *words, str(RIVER), "--site", SITE, "--device", DEVICE, "--time", "at"]
    for name, (metric, unit) in COLUMNS.items():
        table += ["--column", f"{name}=laobakou/{metric}" + (f":{unit}" if unit else "")]
    assert main(table) == 0
    with Operations(f"sqlite:///{folder / 'state' / 'operations.db'}") as operations:
        packs = read_packs(shipped())
        for one in rang:
            at = datetime.fromtimestamp(one.at_ms / 1000, UTC)
            operations.take([one], packs, at)
    return config

"""`shouwang import-csv`, from a file on the disk to what a chart reads."""

import asyncio
import csv
import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.config import read_config
from collector.opening import open_store
from collector.stores.port import Buckets, Series, Store

ROOT = Path(__file__).parents[3]
RECORDINGS = ROOT / "collector/demo/recordings"
RIVER = Path(os.environ.get("SHOUWANG_DATA", ROOT.parent / "shared/data")) / "river"
PH = Series("linjiang", "sonde", "reach", "", "ph")
DAY = 86_400_000
SIGNS = ("--site", "linjiang", "--device", "sonde", "--time", "at")
COLUMN = ("--column", "ph=reach/ph")
SONDE = (
    *SIGNS,
    *COLUMN,
    *("--column", "water_temp_c=reach/water-temp"),
    *("--column", "conductivity_us_cm=reach/conductivity"),
    *("--column", "do_mg_l=reach/do"),
    *("--column", "turbidity_ntu=reach/turbidity"),
    *("--column", "stage_cm=reach/water-level:cm"),
)


class Cell:
    """A cell's settings in a folder, the verb run on it, and its store asked."""

    def __init__(self, folder: Path, store: str = "") -> None:
        self.folder = folder
        self.config = folder / "shouwang.toml"
        self.config.write_text(f"[retention]\npoints_days = 0\n{store}", "utf-8")

    def run(self, file: Path, *options: str) -> int:
        return main(["import-csv", str(file), "--config", str(self.config), *options])

    def ask(self, question: Callable[[Store], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            store = open_store(read_config(self.config))
            await store.set_up()
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    @property
    def count(self) -> int:
        found: int = self.ask(lambda store: store.count())
        return found


@pytest.fixture
def cell(tmp_path) -> Cell:
    return Cell(tmp_path)


def table(path: Path, rows: int, since: str = "2025-03-01T00:00") -> Path:
    """A pH each minute."""
    begin = round(time.mktime(time.strptime(since, "%Y-%m-%dT%H:%M")) / 60)
    lines = [f"{(begin + i) * 60},{7 + i % 10 / 10}\n" for i in range(rows)]
    path.write_text("at,ph\n" + "".join(lines), "utf-8")
    return path


def test_a_recording_is_on_the_charts_and_rings_nobody(cell, tmp_path, capsys):
    recording = tmp_path / "recording.csv"
    recording.write_bytes((RECORDINGS / "main-street-2019-01.csv").read_bytes())
    rows = list(csv.DictReader(recording.read_text("utf-8").splitlines()))
    cells = sum(bool(row[name]) for row in rows for name in row if name != "at")
    assert cell.run(recording, *SONDE) == 0
    assert f"{len(rows)} rows: {cells:,} readings from 2019-01-16 17:00" in capsys.readouterr().out
    assert cell.count == cells
    # The chart of a week reads the hours, which were computed with the points.
    since = 1_547_596_800_000  # 2019-01-16
    level = Series("linjiang", "sonde", "reach", "", "water-level")

    async def chart(store: Store) -> Buckets:
        return await store.buckets(level, since, since + 8 * DAY, 8 * 24)

    week = cell.ask(chart)
    assert week.step_ms == 3_600_000
    assert sum(week.count) == sum(bool(row["stage_cm"]) for row in rows)
    assert max(week.max) == max(float(row["stage_cm"]) for row in rows if row["stage_cm"]) / 100
    # Neither journal nor incidents know of it.
    assert sorted(path.name for path in (tmp_path / "state").iterdir() if path.is_file()) == [
        "readings.db"
    ]


def test_the_same_again_adds_nothing_and_a_longer_file_adds_its_end(cell, tmp_path, capsys):
    path = table(tmp_path / "t.csv", 3000)
    options = (*SIGNS, *COLUMN, "--time-format", "unix")
    assert cell.run(path, *options) == 0
    assert cell.run(path, *options) == 0
    assert "goes on behind row 3,000" in capsys.readouterr().err
    assert cell.run(path, *options, "--from-start") == 0
    assert cell.count == 3000
    table(path, 3500)
    assert cell.run(path, *options) == 0
    assert "500 rows: 500 readings" in capsys.readouterr().out
    assert cell.count == 3500


def test_another_table_of_the_same_name_begins_anew(cell, tmp_path):
    options = (*SIGNS, *COLUMN, "--time-format", "unix")
    assert cell.run(table(tmp_path / "t.csv", 2000), *options) == 0
    assert cell.run(table(tmp_path / "t.csv", 1000, "2024-03-01T00:00"), *options) == 0
    assert cell.count == 3000


def test_bad_rows_are_listed_with_line_and_reason_and_the_others_are_taken(cell, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "时间;酸碱度;备注\n2025/3/1 08:00;7,1;好\n昨天;7,2;\n2025/3/1 08:10;七;\n\n"
        "2025/3/1 08:20;-;\n2025/3/1 08:30;99;坏\n2025/3/1 08:40\n",
        "gbk",
    )
    given = (
        *("--site", "linjiang", "--device", "sonde", "--time", "时间", "--decimal", ","),
        *("--time-format", "%Y/%m/%d %H:%M", "--zone", "Asia/Shanghai"),
        *("--column", "酸碱度=reach/ph"),
    )
    assert cell.run(path, *given) == 0
    with (tmp_path / "t.csv.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "reason", "时间", "酸碱度", "备注"],
            ["3", "'昨天' is no time in this format", "昨天", "7,2", ""],
            ["4", "酸碱度: '七' is no number", "2025/3/1 08:10", "七", ""],
            ["8", "has 1 cells, the header has 3", "2025/3/1 08:40"],
        ]
    points = cell.ask(lambda store: store.points(PH, 0, 2**60))
    assert points.at_ms[0] == 1_740_787_200_000  # 08:00 there is midnight UTC
    assert (points.value, points.quality) == ([7.1, 99.0], [1, 4])


def test_a_run_that_was_killed_goes_on_where_it_was(cell, tmp_path):
    path = table(tmp_path / "t.csv", 120_000)
    text = path.read_text("utf-8").splitlines(keepends=True)
    for bad in range(1000, 120_000, 1000):
        text[bad] = "never,7\n"
    path.write_text("".join(text), "utf-8")
    options = (*SIGNS, *COLUMN, "--time-format", "unix")
    command = [sys.executable, "-m", "collector.cli", "import-csv", str(path)]
    kept = tmp_path / "state/imports"
    kills = 0
    for many in (1, 3):
        with subprocess.Popen(
            [*command, "--config", str(cell.config), *options], cwd=ROOT, stderr=subprocess.DEVNULL
        ) as run:
            until = time.monotonic() + 60
            while run.poll() is None and time.monotonic() < until:
                found = [p.read_text("utf-8") for p in kept.glob("*.json")] if kept.exists() else []
                rows = re.search(r'"rows": (\d+)', found[0]) if found else None
                if rows and int(rows[1]) >= many * 10_000:
                    run.send_signal(signal.SIGKILL)
                    kills += 1
                    break
                time.sleep(0.002)
        assert cell.count < 120_000 - 119
    assert kills == 2
    assert cell.run(path, *options) == 0
    assert cell.count == 120_000 - 119
    with (tmp_path / "t.csv.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = [row[0] for row in csv.reader(file)]
    assert lines == ["line", *(str(bad + 1) for bad in range(1000, 120_000, 1000))]


def test_a_dry_run_tells_and_writes_nothing(cell, tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("at,ph\n2025-03-01,7\nnever,7\n", "utf-8")
    assert cell.run(path, *SIGNS, *COLUMN, "--dry-run") == 0
    said = capsys.readouterr()
    assert "2 rows: 1 readings from 2025-03-01 00:00 to 2025-03-01 00:00, would be" in said.out
    assert "line 3: 'never' is no time" in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shouwang.toml", "t.csv"]


def test_a_broken_archive_keeps_what_came_and_says_where_it_breaks(cell, tmp_path, capsys):
    whole = gzip.compress(table(tmp_path / "t.csv", 20_000).read_bytes())
    path = tmp_path / "t.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    options = (*SIGNS, *COLUMN, "--time-format", "unix")
    assert cell.run(path, *options) == 2
    assert "breaks off behind line" in capsys.readouterr().err
    assert 0 < cell.count < 20_000
    path.write_bytes(whole)
    assert cell.run(path, *options) == 0
    assert cell.count == 20_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "time: is missing"),
        ((*SIGNS, "--column", "ph=reach/phh"), "there is no 'phh'"),
        ((*SIGNS, "--column", "nh3=reach/nh3n"), "there is no column 'nh3'; the table has at, ph"),
        ((*SIGNS, *COLUMN, "--where", "x"), "write COLUMN=TEXT"),
    ],
)
def test_a_wrong_call_writes_nothing(cell, tmp_path, options, said, capsys):
    path = table(tmp_path / "t.csv", 2)
    assert cell.run(path, *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_file_that_is_not_there_is_named(cell, tmp_path, capsys):
    assert cell.run(tmp_path / "nowhere.csv", *SIGNS, *COLUMN) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_rejected_rows_of_an_earlier_import_do_not_stay_and_never_take_the_table_s_place(
    cell, tmp_path, capsys
):
    path, rejected = tmp_path / "t.csv", tmp_path / "t.csv.rejected.csv"
    path.write_text("at,ph\nnever,7\n2025-03-01,7\n", "utf-8")
    assert cell.run(path, *SIGNS, *COLUMN) == 0
    assert rejected.exists()
    path.write_text("at,ph\n2025-03-01,7\n", "utf-8")
    assert cell.run(path, *SIGNS, *COLUMN, "--from-start") == 0
    assert not rejected.exists()
    assert cell.run(path, *SIGNS, *COLUMN, "--from-start", "--rejected", str(path)) == 2
    assert "is the table itself" in capsys.readouterr().err
    assert path.exists()


def test_a_series_that_the_registry_does_not_know_is_warned_of(cell, tmp_path, capsys):
    community = ROOT / "collector/demo/community"
    assert main(["import", str(community), "--config", str(cell.config)]) == 0
    path = tmp_path / "t.csv"
    path.write_text("at,ph,power\n2025-03-01,7,80\n", "utf-8")
    site = re.search(r'^site = "(.+)"', (community / "devices.toml").read_text("utf-8"), re.M)
    assert site is not None
    given = ("--site", site[1], "--device", "laobakou-01", "--time", "at")
    columns = ("--column", "ph=laobakou/ph", "--column", "power=laobakou/power")
    assert cell.run(path, *given, *columns) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warned) == 1
    assert f"the registry has no {site[1]}/laobakou-01 that measures power at laobakou" in warned[0]
    assert cell.count == 2


def test_a_store_that_is_away_ends_with_3(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IMPORT_TOKEN", "t")
    store = "[store]\nkind = 'influx'\nurl = 'http://127.0.0.1:9'\ntoken = 'env:IMPORT_TOKEN'\n"
    path = table(tmp_path / "t.csv", 2)
    options = (*SIGNS, *COLUMN, "--time-format", "unix")
    assert Cell(tmp_path, store).run(path, *options) == 3
    assert "run the same again, it goes on where it was" in capsys.readouterr().err


@pytest.mark.influxdb
def test_what_influxdb_refuses_is_listed_by_its_line(tmp_path, influxdb_server, monkeypatch):
    monkeypatch.setenv("IMPORT_TOKEN", influxdb_server.token)
    bucket = influxdb_server.new_bucket()
    cell = Cell(
        tmp_path,
        f"[store]\nkind = 'influx'\nurl = '{influxdb_server.url}'\norg = '{influxdb_server.org}'\n"
        f"bucket = '{bucket}'\ntoken = 'env:IMPORT_TOKEN'\n",
    )
    influxdb_server.request(
        "POST",
        "/api/v2/write",
        b'reading,site=x nh3n="text" 1740787200000',
        parameters={"org": influxdb_server.org, "bucket": bucket, "precision": "ms"},
    )
    path = tmp_path / "t.csv"
    path.write_text("at,ph,nh3\n2025-03-01,7,\n2025-03-01 00:10,7.5,0.3\n", "utf-8")
    assert cell.run(path, *SIGNS, *COLUMN, "--column", "nh3=reach/nh3n") == 0
    rejected = (tmp_path / "t.csv.rejected.csv").read_text("utf-8-sig").splitlines()
    assert rejected[1].startswith('3,"InfluxDB 422: failure writing points to database: partial')
    assert rejected[1].endswith("2025-03-01 00:10,7.5,0.3")
    assert influxdb_server.count(bucket)["ph"] == 2
    hours = influxdb_server.query(f"{bucket}_1h", 'SELECT "ph_mean" FROM reading')
    assert [row["ph_mean"] for row in hours] == [7.25]


@pytest.mark.skipif(not RIVER.is_dir(), reason="needs SHOUWANG_DATA/river")
def test_a_year_of_a_river_comes_in_with_its_faults_judged(cell, tmp_path, capsys):
    path = tmp_path / "main-street.csv.gz"
    path.write_bytes((RIVER / "MainStreet2019.csv.gz").read_bytes())
    names = {"ph": "ph", "temp": "water-temp", "turb": "turbidity", "cond": "conductivity"}
    columns = [w for n, metric in names.items() for w in ("--column", f"{n}=reach/{metric}")]
    given = ("--site", "linjiang", "--device", "sonde", "--time", "datetime", *columns)
    # The logger keeps winter time; in the zone's own, an hour of March is not there.
    assert cell.run(path, *given, "--zone", "America/Denver", "--dry-run") == 0
    assert "; 4 rejected" in capsys.readouterr().out
    assert cell.run(path, *given, "--zone=-07:00") == 0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [row[name] for row in rows for name in names if row[name] not in ("", "NULL", "NA")]
    assert cell.count == len(told)
    warm = Series("linjiang", "sonde", "reach", "", "water-temp")
    points = cell.ask(lambda store: store.points(warm, 0, 2**60))
    pairs = list(zip(points.value, points.quality, strict=True))
    faults = sum(float(row["temp"]) == -9999 for row in rows)
    assert faults > 0
    assert pairs.count((-9999.0, 4)) == faults

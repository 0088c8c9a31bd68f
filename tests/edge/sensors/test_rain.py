"""The tipping bucket: every tip in exactly one reading, through restarts, kills and set clocks."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.quality import Quality
from edge.sensors.kinds import KINDS
from edge.sensors.pins import Wiring
from edge.sensors.port import Series
from edge.sensors.rain import Gauge, Mark, RainGauge, Tally, Tips, account
from edge.table import Table

ROOT = Path(__file__).resolve().parents[3]
HOUR = 1_799_960_400_000  # a full hour
MINUTE = 60_000
RAIN = Series("weir", "", "rain")


def gauge(**more) -> Gauge:
    keys = {"series": RAIN, "wiring": Wiring(pin=17), "mm_per_tip": 0.2, **more}
    return Gauge(**keys)


def test_each_minute_gives_one_reading_and_a_dry_one_gives_nought() -> None:
    mark = Mark(HOUR + MINUTE)
    tips = [HOUR + 5_000, HOUR + MINUTE, HOUR + MINUTE + 1, HOUR + 3 * MINUTE + 10]
    tallies, mark = account(mark, tips, HOUR + 3 * MINUTE + 20, gauge())
    assert tallies == [
        Tally(HOUR + MINUTE, 2, False),
        Tally(HOUR + 2 * MINUTE, 1, False),
        Tally(HOUR + 3 * MINUTE, 0, False),
    ]
    assert mark == Mark(HOUR + 4 * MINUTE, 1, 4)


def test_a_shower_is_told_before_its_minute_is_over() -> None:
    mark = Mark(HOUR + MINUTE, 4, 4)
    tallies, mark = account(mark, [HOUR + 20_000], HOUR + 20_050, gauge())
    assert tallies == [Tally(HOUR + 20_050, 5, False)]
    tallies, mark = account(mark, [HOUR + 50_000], HOUR + MINUTE, gauge())
    assert tallies == [Tally(HOUR + MINUTE, 1, False)]
    assert mark == Mark(HOUR + 2 * MINUTE, 0, 6)


@pytest.mark.parametrize(
    ("what", "known", "now_ms", "flags", "expected", "after"),
    [
        ("the very first time: the minute is partly unwatched", None, HOUR + 1, {"is_new": True},
         [], Mark(HOUR + MINUTE, 0, 0, True)),
        ("a restart within the minute", Mark(HOUR + MINUTE, 2, 9), HOUR + 9, {"is_new": True},
         [], Mark(HOUR + MINUTE, 2, 9, True)),
        ("a restart hours later tells the old tips where they fell, and no dry hours",
         Mark(HOUR + MINUTE, 2, 9), HOUR + 600 * MINUTE + 9, {"is_new": True},
         [Tally(HOUR + MINUTE, 2, True)], Mark(HOUR + 601 * MINUTE, 0, 9, True)),
        ("a restart after a dry minute has nothing to tell",
         Mark(HOUR + MINUTE, 0, 9), HOUR + 5 * MINUTE, {"is_new": True},
         [], Mark(HOUR + 6 * MINUTE, 0, 9, True)),
        ("the clock was set on: one reading, not a dry day",
         Mark(HOUR + MINUTE, 2, 9), HOUR + 300 * MINUTE + 7, {"jump_ms": 300 * MINUTE},
         [Tally(HOUR + 300 * MINUTE + 7, 2, True)], Mark(HOUR + 301 * MINUTE, 0, 9, True)),
        ("the clock was set back: it does not wait for the old time",
         Mark(HOUR + MINUTE, 2, 9), HOUR - 300 * MINUTE + 7, {"jump_ms": -300 * MINUTE},
         [Tally(HOUR - 300 * MINUTE + 7, 2, True)], Mark(HOUR - 299 * MINUTE, 0, 9, True)),
        ("the clock was set back while the agent was off",
         Mark(HOUR + MINUTE, 2, 9), HOUR - 300 * MINUTE + 7, {"is_new": True},
         [Tally(HOUR - 300 * MINUTE + 7, 2, True)], Mark(HOUR - 299 * MINUTE, 0, 9, True)),
        ("while the pin cannot be opened each reading is partial",
         Mark(HOUR + MINUTE, 0, 9), HOUR + 2 * MINUTE + 7, {"is_off": True},
         [Tally(HOUR + MINUTE, 0, True), Tally(HOUR + 2 * MINUTE, 0, True)],
         Mark(HOUR + 3 * MINUTE, 0, 9, True)),
    ],
)  # fmt: skip
def test_what_is_told_after(what, known, now_ms, flags, expected, after) -> None:
    assert account(known, [], now_ms, gauge(), **flags) == (expected, after), what


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 100_000), max_size=20),
            st.integers(1, 1_000_000),
            st.booleans(),
            st.sampled_from([0, 0, 0, -86_400_000, 86_400_000]),
        ),
        max_size=20,
    )
)
def test_every_tip_is_told_once_or_waits(rounds) -> None:
    now_ms, mark, told, fallen = HOUR, None, 0, 0
    for ages_ms, passed_ms, is_new, jump_ms in rounds:
        now_ms += passed_ms + jump_ms
        tips = sorted(now_ms - age_ms % passed_ms for age_ms in ages_ms)
        tallies, new = account(mark, tips, now_ms, gauge(), is_new=is_new, jump_ms=jump_ms)
        told += sum(tally.tips for tally in tallies)
        fallen += len(tips)
        assert all(tally.at_ms <= now_ms for tally in tallies)
        assert new.end_ms > now_ms
        assert told + new.waiting == fallen == new.total
        mark = Mark.parse(new.spell())
        assert mark == new


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 50_000), max_size=20), st.integers(20, 50_000), st.booleans()
        ),
        max_size=60,
    ),
    st.sampled_from([1, 5, 60]),
)
def test_readings_add_up_to_the_rain_of_each_1_5_and_60_minutes(rounds, minutes) -> None:
    """Restarts and showers told early split a minute's tips; none is moved into another's."""
    now_ms, mark = HOUR, None
    tips: Counter[int] = Counter()
    sums: Counter[int] = Counter()

    def window(at_ms: int) -> int:  # closed at its end, as readings are
        return (at_ms - 1) // (minutes * MINUTE)

    for ages_ms, passed_ms, is_new in rounds:
        now_ms += passed_ms
        # The first look after a start opens the line, so it brings no tips.
        fell_ms = [] if is_new else sorted(now_ms - age_ms % passed_ms for age_ms in ages_ms)
        tips.update(map(window, fell_ms))
        tallies, mark = account(mark, fell_ms, now_ms, gauge(), is_new=is_new)
        for tally in tallies:
            sums[window(tally.at_ms)] += tally.tips
    if mark is not None:
        sums[window(mark.end_ms)] += mark.waiting
    assert +sums == tips


@pytest.mark.parametrize("text", ["", "x", "1/2/3", "1/2/3/x"])
def test_a_mark_that_is_none_begins_anew(text: str) -> None:
    assert Mark.parse(text) is None


@pytest.mark.parametrize(
    ("what", "edges", "tips"),
    [
        ("two tips", [(0.0, 1), (0.1, 0), (1.0, 1), (1.1, 0)], 2),
        ("bounce at closing", [(0.0, 1), (0.001, 0), (0.002, 1), (0.1, 0)], 1),
        ("bounce at opening, later than the debounce",
         [(0.0, 1), (0.15, 0), (0.151, 1), (0.152, 0)], 1),
        ("an edge that was not told between", [(0.0, 1), (1.0, 1)], 2),
    ],
)  # fmt: skip
def test_a_tip_is_a_closing_after_stillness(what: str, edges, tips: int) -> None:
    counter = Tips(0.1)
    for at_s, is_closed in edges:
        counter.edge(at_s, bool(is_closed))
    assert len(counter.take()) == tips, what
    assert counter.take() == []


def test_a_gauge_that_cannot_be_opened_gives_a_missing_reading_with_the_reason(pins) -> None:
    sensor = RainGauge("rain-1", gauge(wiring=Wiring(pin="NOPIN")), steady=lambda: now_ms / 1000)
    now_ms = HOUR + 1
    step = sensor.step("", now_ms)
    assert (step.samples, step.wake_ms) == ((), HOUR + 101)
    now_ms = HOUR + MINUTE
    step = sensor.step(step.mark, now_ms)
    (sample,) = step.samples
    assert (sample.value, sample.quality, sample.at_ms) == (None, Quality.MISSING, HOUR + MINUTE)
    assert "NOPIN" in sample.reason


def test_bounces_on_the_pin_are_one_tip_and_its_millimetres_are_told(pins) -> None:
    sensor = RainGauge("rain-1", gauge(debounce_s=1.0, at_once_mm=0.2))
    now_ms = round(time.time() * 1000)
    step = sensor.step("", now_ms)
    pin = pins.pin(17)
    for _ in range(3):
        pin.drive_low()
        pin.drive_high()
    step = sensor.step(step.mark, round(time.time() * 1000))
    assert [sample[:4] for sample in step.samples if sample.value] == [(*RAIN, 0.2)]
    assert sensor.last[RAIN].raw == "1 tips, 1 in all"
    mark = Mark.parse(step.mark)
    assert mark is not None
    assert mark.total == 1


def read(**keys) -> tuple[object, list[str]]:
    problems: list[str] = []
    table = Table({"place": "weir", "pin": 17, "mm_per_tip": 0.2, **keys}, "sensor[0]", problems)
    plan = KINDS["rain"](table, Path())
    table.done()
    return plan, problems


def test_its_keys() -> None:
    assert read(interval_s=300) == (gauge(interval_s=300.0), [])
    wrong: list[tuple[dict[str, object], str]] = [
        ({"pin": 99}, "BCM"),
        ({"pin": True}, "BCM"),
        ({"mm_per_tip": 0}, "above 0"),
        ({"interval_s": 7}, "divide an hour"),
        ({"contact_to": "sky"}, "ground, supply"),
        ({"tip_mm": 1}, "unknown key"),
    ]
    for keys, word in wrong:
        _, problems = read(**keys)
        assert len(problems) == 1, keys
        assert word in problems[0]


class PinnedAgent:
    """An agent in a process of its own, whose bucket is tipped from here."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.db"
        self.toml = folder / "edge.toml"
        self.toml.write_text(
            'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n'
            '[journal]\npath = "journal.db"\ndurability = "each"\n'
            '[[sensor]]\nkind = "rain"\nname = "rain"\nplace = "weir"\npin = 17\n'
            "mm_per_tip = 0.2\ninterval_s = 1\ndebounce_s = 0.1\n",
            encoding="utf-8",
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pinned_agent.py")), str(self.toml)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def tip(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("tip\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "tipped\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def known(self) -> tuple[Mark | None, float]:
        """The mark on the disk, and the millimetres in the readings on the disk."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
            found = db.execute("SELECT value FROM meta WHERE name = 'mark:rain'").fetchone()
            rows = [json.loads(body) for (body,) in db.execute("SELECT body FROM record")]
        db.close()
        rain = sum(row[3] for row in rows if row[2] == "rain" and row[3] is not None)
        return (Mark.parse(found[0]) if found else None), rain


def test_tips_on_the_disk_survive_kill_9_and_each_is_told_once(tmp_path: Path) -> None:
    pytest.importorskip("gpiozero")
    agent = PinnedAgent(tmp_path)
    tipped = 0
    for tips in (3, 1, 4):
        agent.start()
        try:
            for _ in range(tips):
                agent.tip()
            tipped += tips
            until = time.monotonic() + 20  # soon: well before anything but a tip would be written
            while (mark := agent.known()[0]) is None or mark.total < tipped:
                assert time.monotonic() < until, f"{tipped} tips, on the disk: {mark}"
                time.sleep(0.02)
        finally:
            agent.kill()
        mark, told_mm = agent.known()
        assert mark is not None
        assert mark.total == tipped
        assert told_mm + mark.waiting * 0.2 == pytest.approx(tipped * 0.2)

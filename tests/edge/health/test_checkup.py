"""Health is told at once, then in its interval, and when there is news."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge import config
from edge.crew import Crew
from edge.health.box import Box, worst
from edge.health.checkup import TIMELESS, Checkup
from edge.journal.keeper import Keeper
from edge.timekeeping.timekeeper import Timekeeper, Truth

TOML = """
site = "riverside"
device = "box"
[mqtt]
url = "mqtt://127.0.0.1"
[journal]
path = "journal.db"
[health]
modem = false
[[sensor]]
kind = "simulated"
place = "shed-1"
metrics = ["shed-temp"]
"""


@dataclass
class Machine:
    steady: int = 0
    zero: int = 1_800_000_000_000
    is_synced: bool = False
    boot: str = "boot-1"

    def steady_ms(self) -> int:
        return self.steady

    def system_ms(self) -> int:
        return self.zero + self.steady

    def is_synchronised(self) -> bool:
        return self.is_synced


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine) -> Timekeeper:
    clock = Timekeeper(machine, built_ms=0)
    clock.recall(0, None)
    return clock


@pytest.fixture
def checkup(clock, tmp_path: Path) -> Iterator[Checkup]:
    (tmp_path / "edge.toml").write_text(TOML, encoding="utf-8")
    found = config.read(tmp_path / "edge.toml")
    keeper = Keeper(found.journal, "run-1")
    box = Box(found, keeper.notebook, clock, lambda event: None)
    yield Checkup(box, keeper, Crew(clock, print, threading.Event()), clock, 60.0)
    keeper.journal.close()


def test_all_is_told_at_once_and_again_after_the_interval(machine, checkup) -> None:
    told = {sample.metric for sample in checkup.look()}
    assert {"journal-depth", "uptime", "sensor-errors", "disk-fault"} <= told
    assert checkup.look() == ()
    machine.steady += 59_999
    assert checkup.look() == ()
    assert checkup.wait_s() == pytest.approx(0.001)
    machine.steady += 1
    assert checkup.look()


def test_it_says_that_it_does_not_know_the_time_and_how_far_it_was_off(
    machine, clock, checkup
) -> None:
    def offset() -> list[tuple[float | None, str]]:
        checkup.hurry()
        return [(s.value, s.reason) for s in checkup.look() if s.metric == "clock-offset"]

    assert offset() == [(None, TIMELESS)]
    machine.is_synced = True
    clock.ask_system()
    assert offset() == [(0, "")]
    clock.believe(Truth(machine.zero - 1_500, 0, "server"))
    assert offset() == [(1.5, "")]


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({}, ""), ({"a": 0}, ""), ({"a": 2, "b": 0, "c": 7}, "c 7, a 2"),
        ({"a": 1, "b": 1, "c": 1, "d": 1, "e": 9}, "e 9, a 1, b 1, 2 more"),
    ],
)  # fmt: skip
def test_the_sensors_that_fail_most_are_named(faults: dict[str, int], expected: str) -> None:
    assert worst(faults) == expected
    assert len(worst({"x" * 64 + str(n): 10**6 for n in range(9)})) <= 250


def test_news_is_told_at_once(checkup) -> None:
    checkup.look()
    checkup.hurry()
    assert checkup.wait_s() == 0
    assert checkup.look()


def test_a_shorter_interval_counts_from_now_and_a_longer_one_after_the_next(checkup) -> None:
    checkup.look()
    checkup.every(10.0)
    assert checkup.wait_s() == 10
    checkup.every(600.0)
    assert checkup.wait_s() == 10


@pytest.mark.parametrize("by_ms", [86_400_000, -86_400_000])
def test_a_clock_that_is_set_hurries_and_delays_nothing(machine, clock, checkup, by_ms) -> None:
    checkup.look()
    machine.zero += by_ms
    machine.is_synced = True
    was_set = clock.ask_system()
    assert was_set.by_ms == by_ms
    checkup.clock_set(was_set.by_ms)
    assert checkup.wait_s() == 60

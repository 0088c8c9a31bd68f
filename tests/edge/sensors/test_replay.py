"""A recording is measured again, each row once, whatever happens between."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.port import Sample
from edge.sensors.replay import Column, Recording, Replay

COLUMNS = (
    Column(name="temp", place="reach", port="", metric="water-temp"),
    Column(name="stage", place="reach", port="a", metric="water-level", factor=0.01),
)
BEGIN = 1_800_000_000_000
LATE = BEGIN + 10**10
CSV = """at,temp,note,stage
2019-01-17T08:00:00Z,3.5,x,120
2019-01-17T08:15:00Z,,,121
2019-01-17T08:30:00Z,-9999,x,nan
2019-01-17T16:45:00+08:00,NULL,,fault
"""


def replay(folder: Path, text: str = CSV, **more) -> Replay:
    file = folder / "river.csv"
    file.write_text(text, encoding="utf-8")
    return Replay("river", Recording(file=file, columns=COLUMNS, **more), BEGIN)


def play(sensor: Replay, until_ms: int, mark: str = "") -> list[Sample]:
    samples: list[Sample] = []
    while True:
        step = sensor.step(mark, until_ms)
        samples += step.samples
        mark = step.mark
        if step.wake_ms is None or step.wake_ms > until_ms:
            return samples


def test_cells_become_readings_with_shifted_times(tmp_path: Path) -> None:
    assert play(replay(tmp_path), LATE) == [
        Sample("reach", "", "water-temp", 3.5, BEGIN),
        Sample("reach", "a", "water-level", 1.2, BEGIN),
        Sample("reach", "a", "water-level", 1.21, BEGIN + 900_000),
        Sample("reach", "", "water-temp", -9999.0, BEGIN + 1_800_000),
        Sample(
            "reach", "a", "water-level", None, BEGIN + 2_700_000, Quality.MISSING,
            "the recording says 'fault'",
        ),
    ]  # fmt: skip


def test_nothing_is_given_before_its_time_and_the_next_time_is_told(tmp_path: Path) -> None:
    sensor = replay(tmp_path)
    step = sensor.step("", BEGIN + 1)
    assert [sample.at_ms for sample in step.samples] == [BEGIN, BEGIN]
    assert step.wake_ms == BEGIN + 900_000
    again = sensor.step(step.mark, BEGIN + 899_999)
    assert (again.samples, again.mark, again.wake_ms) == ((), step.mark, BEGIN + 900_000)
    assert sensor.step("4", LATE).wake_ms is None


def test_the_same_mark_gives_the_same_samples_after_a_restart(tmp_path: Path) -> None:
    first = replay(tmp_path)
    mark = first.step("", BEGIN).mark
    assert play(replay(tmp_path), LATE, mark) == play(first, LATE, mark)
    assert first.step("", BEGIN).samples == replay(tmp_path).step("", BEGIN).samples


def test_history_is_measured_at_once_and_older_rows_are_left_out(tmp_path: Path) -> None:
    sensor = replay(tmp_path, start="2019-01-17T08:30Z", history_s=900)
    assert [sample.at_ms - BEGIN for sample in play(sensor, BEGIN)] == [-900_000, 0]


def test_until_ends_it(tmp_path: Path) -> None:
    sensor = replay(tmp_path, until="2019-01-17T08:15Z")
    assert len(play(sensor, LATE)) == 3
    assert sensor.step("2", LATE).wake_ms is None


def test_offsets_in_seconds_and_gz_work_too(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    with gzip.open(file, "wt") as out:
        out.write("at,temp,stage\n0,1,\n12.5,2,\n")
    sensor = Replay("x", Recording(file=file, columns=COLUMNS, start=2.5, history_s=9), BEGIN)
    assert [(s.value, s.at_ms - BEGIN) for s in play(sensor, LATE)] == [(1.0, -2500), (2.0, 10_000)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("at,temp\n0,1\n", "'stage' is not in list"),
        ("at,temp,stage\nnoon,1,2\n", "'noon' is neither a time nor seconds"),
        ("temp,stage,at\n1,2\n", "row 0 is cut off"),
    ],
)
def test_a_recording_that_cannot_be_read_is_a_failure_with_the_reason(
    tmp_path: Path, text: str, part: str
) -> None:
    with pytest.raises(SensorError, match=r"river\.csv|neither") as caught:
        play(replay(tmp_path, text), LATE)
    assert part in str(caught.value)


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 5000), min_size=1, max_size=500),
    looks=st.lists(st.integers(0, 10**6), max_size=20),
    restarts=st.booleans(),
)
def test_each_row_is_given_exactly_once(tmp_path_factory, gaps, looks, restarts) -> None:
    folder = tmp_path_factory.mktemp("replay")
    at, lines = 0, ["at,temp,stage"]
    for n, gap in enumerate(gaps):
        at += gap
        lines.append(f"{at},{n},")
    sensor = replay(folder, "\n".join(lines), start=0.0)
    mark, values = "", []
    for now in [*sorted(looks), *[10**7] * 10]:
        if restarts:
            sensor = replay(folder, "\n".join(lines), start=0.0)
        step = sensor.step(mark, BEGIN + now * 1000)
        mark = step.mark
        values += [sample.value for sample in step.samples]
    assert values == list(range(len(gaps)))


def test_a_recording_that_repeats_begins_anew_and_ends_at_its_until(tmp_path: Path) -> None:
    rows = "at,temp,note,stage\n" + "".join(f"{n * 60},{n},x,\n" for n in range(-2, 3))
    sensor = replay(tmp_path, rows, start=0.0, history_s=60, repeat_s=600, until=1300)
    played = [(sample.value, (sample.at_ms - BEGIN) // 1000) for sample in play(sensor, LATE)]
    first = [(-1, -60), (0, 0), (1, 60), (2, 120)]
    assert played == [*first, (0, 600), (1, 660), (2, 720), (0, 1200), (1, 1260)]
    assert [sample.value for sample in play(sensor, LATE, mark="6")] == [1, 2, 0, 1]


def test_when_the_clock_was_set_the_next_row_is_due_when_it_was(tmp_path: Path) -> None:
    for by_ms in (-3_600_000, 3_600_000):
        sensor = replay(tmp_path)
        first = sensor.step("", BEGIN)
        sensor.clock_set(by_ms)
        assert sensor.step(first.mark, BEGIN + by_ms + 899_999).samples == ()
        (sample,) = sensor.step(first.mark, BEGIN + by_ms + 900_000).samples
        assert sample.at_ms == BEGIN + by_ms + 900_000

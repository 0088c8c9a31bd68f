"""Polling: one sample of each series for each interval, whatever the sensor does."""

from collections.abc import Mapping

import pytest

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.polling import Answer, Polling, Schedule, fault
from edge.sensors.port import Series, Step

HOUR = 1_799_960_400_000  # a full hour
TEMP, PH = Series("weir", "", "water-temp"), Series("weir", "", "ph")


class Scripted:
    """Gives what the script says, the last of it for ever."""

    def __init__(self, *script: Mapping[Series, Answer] | Exception) -> None:
        self.series = (TEMP, PH)
        self.script = list(script)
        self.asked = self.closed = 0

    def ask(self) -> Mapping[Series, Answer]:
        self.asked += 1
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1


GOOD = {TEMP: Answer(14.2), PH: Answer(7.6)}
SILENT = SensorError("no answer")


def polling(*script, **schedule) -> tuple[Polling, Scripted, list[float]]:
    source = Scripted(*script)
    pauses: list[float] = []
    schedule = {"interval_s": 10.0, "retries": 0, **schedule}
    return Polling("s", Schedule(**schedule), source, HOUR + 3_000, pauses.append), source, pauses


def play(sensor: Polling, until_ms: int, mark: str = "", now_ms: int = HOUR) -> list[Step]:
    steps = []
    while now_ms < until_ms:
        step = sensor.step(mark, now_ms)
        steps.append(step)
        assert step.wake_ms is not None
        assert step.wake_ms > now_ms
        mark, now_ms = step.mark, step.wake_ms
    return steps


def test_each_interval_gives_one_sample_of_each_series_on_the_whole_ten_seconds() -> None:
    sensor, source, _ = polling(GOOD)
    steps = play(sensor, HOUR + 60_000, now_ms=HOUR + 50)
    assert [s.at_ms - HOUR for step in steps for s in step.samples[:1]] == [
        0, 10_000, 20_000, 30_000, 40_000, 50_000,
    ]  # fmt: skip
    assert all([s.metric for s in step.samples] == ["water-temp", "ph"] for step in steps)
    assert source.asked == 6


def test_unaligned_counts_from_the_begin() -> None:
    sensor, _, _ = polling(GOOD, is_aligned=False)
    steps = play(sensor, HOUR + 30_000, now_ms=HOUR + 3_000)
    assert [step.samples[0].at_ms - HOUR for step in steps] == [3_000, 13_000, 23_000]


def test_a_late_first_round_carries_the_time_at_which_it_was_asked() -> None:
    sensor, _, _ = polling(GOOD)
    step = sensor.step("", HOUR + 7_000)
    assert (step.samples[0].at_ms, step.wake_ms) == (HOUR + 7_000, HOUR + 10_000)


def test_a_restart_within_the_interval_waits_for_the_next() -> None:
    sensor, source, _ = polling(GOOD)
    step = sensor.step(str(HOUR), HOUR + 4_000)
    assert (step.samples, step.wake_ms, source.asked) == ((), HOUR + 10_000, 0)


def test_what_passed_while_the_agent_was_away_is_a_gap() -> None:
    sensor, _, _ = polling(GOOD)
    step = sensor.step(str(HOUR), HOUR + 50_000)
    assert [s.at_ms for s in step.samples] == [HOUR + 50_000] * 2


def test_intervals_that_a_slow_round_ate_are_named_missing() -> None:
    sensor, _, _ = polling(GOOD)
    mark = sensor.step("", HOUR).mark
    step = sensor.step(mark, HOUR + 31_000)
    missing = [s for s in step.samples if s.value is None]
    assert [s.at_ms - HOUR for s in missing] == [10_000, 10_000, 20_000, 20_000]
    assert "took longer" in missing[0].reason
    assert [s.value for s in step.samples[4:]] == [14.2, 7.6]


@pytest.mark.parametrize("jump_ms", [365 * 86_400_000, -365 * 86_400_000])
def test_a_clock_that_is_set_neither_floods_nor_silences(jump_ms: int) -> None:
    sensor, _, _ = polling(GOOD)
    mark = sensor.step("", HOUR).mark
    step = sensor.step(mark, HOUR + jump_ms)
    assert [s.value for s in step.samples] == [14.2, 7.6]
    assert step.wake_ms == HOUR + jump_ms + 10_000


def test_a_clock_set_back_does_not_prolong_the_back_off() -> None:
    sensor, _, _ = polling(SILENT, SILENT, SILENT, GOOD)
    steps = play(sensor, HOUR + 40_000)
    step = sensor.step(steps[-1].mark, HOUR - 3_600_000)
    assert step.samples[0].value == 14.2


def test_a_round_that_fails_is_tried_again_with_longer_pauses() -> None:
    sensor, source, pauses = polling(SILENT, SILENT, GOOD, retries=3)
    step = sensor.step("", HOUR)
    assert [s.value for s in step.samples] == [14.2, 7.6]
    assert pauses == [0.1, 0.2]
    assert (source.asked, source.closed) == (3, 2)


def test_an_unreachable_sensor_gives_a_missing_sample_each_interval_and_is_asked_ever_less() -> (
    None
):
    sensor, source, _ = polling(SILENT)
    steps = play(sensor, HOUR + 600_000)
    samples = [s for step in steps for s in step.samples]
    assert len(samples) == 120
    assert {(s.value, s.quality) for s in samples} == {(None, Quality.MISSING)}
    assert all(s.reason.startswith("no answer") for s in samples)
    # At 0, 10, 30, 70 s, then each minute.
    assert source.asked == 3 + 9
    assert "not asked, next attempt in 10 s" in steps[2].samples[0].reason


def test_it_is_asked_each_interval_again_once_it_answers() -> None:
    sensor, source, _ = polling(SILENT, SILENT, SILENT, GOOD)
    steps = play(sensor, HOUR + 100_000)
    assert [step.samples[0].value for step in steps] == [None] * 7 + [14.2] * 3
    assert source.asked == 6


def test_a_long_interval_is_tried_each_time() -> None:
    sensor, source, _ = polling(SILENT, interval_s=900.0)
    play(sensor, HOUR + 10 * 900_000)
    assert source.asked == 10


def test_a_fault_of_one_series_leaves_the_other() -> None:
    wrong = fault("sensor not fitted", Quality.FAIL)
    sensor, _, _ = polling({TEMP: Answer(14.2), PH: wrong})
    temp, ph = sensor.step("", HOUR).samples
    assert (temp.value, ph.value, ph.quality, ph.reason) == (
        14.2, None, Quality.FAIL, "sensor not fitted",
    )  # fmt: skip


def test_a_series_that_was_left_out_is_missing() -> None:
    sensor, _, _ = polling({TEMP: Answer(14.2)})
    assert sensor.step("", HOUR).samples[1].quality is Quality.MISSING


def test_a_driver_that_raises_anything_gives_a_sample_with_its_words() -> None:
    sensor, source, _ = polling(ZeroDivisionError("odd"))
    sample = sensor.step("", HOUR).samples[0]
    assert (sample.value, sample.reason) == (None, "ZeroDivisionError('odd')")
    assert source.closed == 1


def answers(*values: float | None, ph: float | None = 7.0) -> list[dict[Series, Answer]]:
    return [
        {TEMP: Answer(value, f"raw {value}", "" if value is not None else "open"), PH: Answer(ph)}
        for value in values
    ]


def test_a_round_of_several_asks_gives_the_middle_value_of_each_series_with_its_raw_form() -> None:
    sensor, source, pauses = polling(*answers(14.2, 99.9, 14.1, 14.3, -20), median_of=5)
    temp, ph = sensor.step("", HOUR).samples
    assert (temp.value, ph.value, source.asked) == (14.2, 7.0, 5)
    assert sensor.last[TEMP].raw == "raw 14.2"
    assert pauses == [0.2] * 4


def test_of_an_even_number_of_answers_the_lower_middle_is_taken_as_it_was_measured() -> None:
    sensor, _, _ = polling(*answers(14.4, None, 14.1), median_of=3)
    assert sensor.step("", HOUR).samples[0].value == 14.1


def test_fewer_than_half_good_answers_are_no_value_and_say_why() -> None:
    sensor, _, _ = polling(*answers(14.4, None, None, None, 14.1), median_of=5)
    temp, ph = sensor.step("", HOUR).samples
    assert (temp.value, temp.reason, ph.value) == (None, "2 of 5 asks gave a value; open", 7.0)


def test_asks_that_fail_are_tried_again_within_the_round_s_retries() -> None:
    first, second = answers(14.1, 14.3)
    sensor, source, pauses = polling(first, SILENT, second, second, median_of=3, retries=1)
    assert sensor.step("", HOUR).samples[0].value == 14.3
    assert (source.asked, source.closed, pauses) == (4, 1, [0.2, 0.1, 0.2])


def test_a_sensor_that_falls_silent_within_a_round_is_missing_unless_half_was_heard() -> None:
    first, second = answers(14.1, 14.3)
    sensor, _, _ = polling(first, SILENT, median_of=3)
    assert sensor.step("", HOUR).samples[0].reason == "1 of 3 asks gave a value; no answer"
    sensor, _, _ = polling(first, second, SILENT, median_of=3)
    assert sensor.step("", HOUR).samples[0].value == 14.1


def test_the_worst_quality_among_the_asks_stands() -> None:
    doubtful = {TEMP: Answer(14.2, "", "drifts", Quality.SUSPECT), PH: Answer(7)}
    sensor, _, _ = polling(*answers(14.1, 14.3), doubtful, median_of=3)
    sample = sensor.step("", HOUR).samples[0]
    assert (sample.value, sample.quality, sample.reason) == (14.2, Quality.SUSPECT, "drifts")


def test_a_look_asks_at_once_even_while_it_backs_off() -> None:
    sensor, _, _ = polling(SILENT, GOOD)
    assert sensor.step("", HOUR).samples[0].value is None
    assert sensor.look(HOUR + 10)[TEMP].value == 14.2


@pytest.mark.parametrize(
    "by_ms",
    [-3_600_000, -15_000, -10_010, -10_000, -4_000, -10, 10, 4_000, 25_000, 3_599_990, 3_600_000],
)
@pytest.mark.parametrize("into_ms", [0, 1, 6_000, 9_999, 10_020])
def test_when_it_hears_that_the_clock_was_set_it_goes_on_without_a_gap_or_an_invented_fault(
    by_ms, into_ms
) -> None:
    sensor, source, _ = polling(GOOD)
    (first,) = play(sensor, HOUR + 10_000)
    sensor.clock_set(by_ms)
    now_ms, mark = HOUR + into_ms + by_ms, first.mark
    passed_ms = into_ms
    while source.asked < 4:
        step = sensor.step(mark, now_ms)
        assert all(sample.value is not None for sample in step.samples)
        assert len(step.samples) in (0, 2)
        assert step.wake_ms is not None
        assert 0 < step.wake_ms - now_ms <= 10_000 + 1_000  # so close counts as the moment itself
        mark, passed_ms = step.mark, passed_ms + step.wake_ms - now_ms
        now_ms = step.wake_ms
    assert 30_000 <= passed_ms <= 50_000  # three rounds more, and what the new grid is away

"""A batch judged: what each test does to a value, what an earlier one is told, what order has to say."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules.inputs import Amendment
from collector.quality.control import QualityControl
from edge.contract.metrics import METRICS
from edge.contract.quality import Check, Quality, told
from edge.contract.reading import Batch
from tests.collector.quality.room import (
    HOUR_MS,
    MINUTE_MS,
    REGISTRY,
    START_MS,
    batch,
    control,
    device,
    override,
)

GOOD, SUSPECT, FAIL, MISSING = (int(q) for q in (Quality.GOOD, Quality.SUSPECT, Quality.FAIL, 9))


def words(marks: int) -> str:
    """``spike rate!``: the tests that marked; ! where they fail."""
    return " ".join(
        check.name.lower() + "!" * (quality is Quality.FAIL) for check, quality in told(marks)
    )


def judged(one: Batch, room: QualityControl | None = None) -> list[str]:
    """The marks of each reading, in words."""
    (room or control()).judge(one)
    return [words(one.marks.get(i, 0)) for i in range(len(one))]


@pytest.mark.parametrize(
    ("metric", "value", "said", "quality", "marks"),
    [
        ("do", 8.0, 2, GOOD, ""),
        ("do", 16.0, 2, SUSPECT, "gross"),
        ("do", 26.0, 2, FAIL, "gross!"),
        ("do", -0.1, 2, FAIL, "gross!"),
        ("do", -9999.0, 2, FAIL, "sentinel!"),
        ("water-temp", 85.0, 2, FAIL, "sentinel!"),
        ("conductivity", 9999.0, 2, FAIL, "sentinel!"),
        ("water-level", 7999.0, 2, FAIL, "sentinel!"),
        ("water-level", 8000.0, 2, GOOD, ""),
        ("energy", 9999.0, 2, GOOD, ""),
        ("uptime", 65535.0, 2, GOOD, ""),
        ("smoke", 0.0, 2, GOOD, ""),
        ("smoke", 1.0, 2, GOOD, ""),
        ("smoke", 0.5, 2, FAIL, "syntax!"),
        ("smoke", 2.0, 2, FAIL, "gross!"),
        ("do", 8.0, 3, SUSPECT, "sensor"),
        ("do", 8.0, 4, FAIL, "sensor!"),
        ("do", -9999.0, 3, FAIL, "sensor sentinel!"),
        ("do", None, 9, MISSING, ""),
    ],
)
def test_what_a_value_says_alone(metric, value, said, quality, marks):
    one = batch(metric, [value], told=said)
    assert judged(one) == [marks]
    assert one.quality == [quality]
    # A withheld value has its reason, unless the device gave one.
    assert bool(one.reasons) == (quality == FAIL and said != FAIL)


@pytest.mark.parametrize(
    ("metric", "values", "marks"),
    [
        ("do", [8.0, 8.1, 8.0, 8.2], ["", "", "", ""]),
        # 3 mg/L there and back within ten minutes: a spike, and two steep steps.
        ("do", [8.0, 11.0, 8.0], ["", "spike rate!", "rate!"]),
        ("do", [8.0, 13.0, 8.0], ["", "spike! rate!", "rate!"]),
        # A step that stays is no spike.
        ("do", [8.0, 11.0, 11.1, 11.0], ["", "rate!", "", ""]),
        # By 0.4: 4.8 in an hour.
        ("do", [8.0, 8.4], ["", "rate"]),
        # 0.25 is steeper than allowed, and no more than noise.
        ("do", [8.0, 8.25, 8.0], ["", "", ""]),
        # What is withheld breaks the chain: no step is judged over it, none before it.
        ("do", [8.0, -9999.0, 13.0, 8.0], ["", "sentinel!", "", "rate!"]),
        ("do", [8.0, None, 13.0, 8.0], ["", "", "", "rate!"]),
        # Where nobody knows what is steep, nothing is.
        ("turbidity", [10.0, 250.0, 400.0], ["", "", ""]),
        ("turbidity", [10.0, 250.0, 10.0], ["", "spike", ""]),
    ],
)
def test_spike_and_rate_mark_and_never_withhold(metric, values, marks):
    one = batch(metric, values)
    assert judged(one) == marks
    for i, mark in enumerate(marks):
        if "sentinel" not in mark and values[i] is not None:
            assert one.quality[i] == (SUSPECT if mark else GOOD)


def test_a_spike_that_is_known_later_amends_what_is_stored_already():
    room = control()
    assert not room.judge(batch("turbidity", [10.0, 200.0]))
    late = batch("turbidity", [11.0], start_ms=START_MS + 10 * MINUTE_MS)
    (amendment,) = room.judge(late)
    assert (amendment.device, amendment.place, amendment.metric) == ("box", "up", "turbidity")
    assert amendment.since_ms == amendment.until_ms == START_MS + 5 * MINUTE_MS
    assert (amendment.quality, words(amendment.marks)) == (SUSPECT, "spike")
    assert late.quality == [GOOD]


@pytest.mark.parametrize(("fell_at", "mm", "marks"), [("up", 2.5, ""), ("up", 1.5, "spike")])
def test_a_spike_in_rain_is_no_spike(fell_at, mm, marks):
    room = control()
    room.judge(batch("rain", [mm], start_ms=START_MS - 20 * MINUTE_MS))
    assert judged(batch("turbidity", [10.0, 200.0, 10.0]), room) == ["", marks, ""]


def test_rain_at_a_neighbour_counts_and_rain_of_long_ago_does_not():
    for minutes, marks in ((20, ""), (80, "spike")):
        room = control()
        room.judge(
            batch("rain", [1.5, 1.5], start_ms=START_MS - minutes * MINUTE_MS, step_ms=MINUTE_MS)
        )
        spiked = judged(batch("turbidity", [10.0, 200.0, 10.0], device="far"), room)
        assert spiked == ["", marks, ""]


def test_rain_explains_no_spike_of_oxygen():
    room = control()
    room.judge(batch("rain", [3.0], start_ms=START_MS - 20 * MINUTE_MS))
    assert judged(batch("do", [8.0, 11.0, 8.0]), room)[1] == "spike rate!"


def test_a_stuck_value_is_suspect_then_withheld_and_amended_back_to_its_start():
    room, step_ms = control(), 15 * MINUTE_MS
    amendments: list[Amendment] = []
    seen = []
    for n in range(60):
        one = batch("do", [7.5 if n else 7.2], start_ms=START_MS + n * step_ms)
        amendments += room.judge(one)
        seen.append((one.quality[0], words(one.marks.get(0, 0))))
    # 4 h and 12 h after it came to rest with the second value.
    assert seen == [(GOOD, "")] * 17 + [(SUSPECT, "flat")] * 32 + [(FAIL, "flat!")] * 11
    assert [(a.quality, words(a.marks)) for a in amendments] == [(SUSPECT, "flat"), (FAIL, "flat!")]
    assert {a.since_ms for a in amendments} == {START_MS + step_ms}
    assert [a.until_ms for a in amendments] == [START_MS + n * step_ms for n in (16, 48)]
    # It moves again: good at once.
    one = batch("do", [7.6], start_ms=START_MS + 60 * step_ms)
    assert judged(one, room) == [""]


@pytest.mark.parametrize(
    ("metric", "value", "device", "marks"),
    [
        ("do", 0.2, "box", ""),  # a black reach
        ("codmn", 4.0, "box", "flat!"),  # with a tolerance of 0, where only the same is flat
        ("ph", 7.0, "box", "flat! attenuated"),
        ("power", 0.0, "plug", ""),
        ("smoke", 0.0, "plug", ""),
        ("energy", 5000.0, "plug", ""),
        ("rain", 0.0, "box", ""),
        ("shed-temp", 20.0, "plug", "flat"),  # never withheld: a fire begins there
    ],
)
def test_what_may_rest_for_days_and_what_may_not(metric, value, device, marks):
    one = batch(metric, [value] * (80 * 12), device=device)
    assert judged(one)[-1] == marks


def test_two_equal_values_far_apart_are_not_stuck():
    slow = control(replace(REGISTRY, devices=(device("box", "up", interval_s=4 * 3600),)))
    assert judged(batch("do", [8.0] * 4, step_ms=4 * HOUR_MS), slow) == [""] * 4


def test_a_signal_that_no_longer_swings_is_attenuated():
    # Moves by 0.03 about every reading, so it is not stuck, and swings by less than 0.1 in a day.
    one = batch("do", [8.0 + 0.03 * (n % 3) for n in range(289)])
    assert judged(one)[-2:] == ["", "attenuated"]
    assert one.quality[-1] == SUSPECT


def test_the_first_reading_after_a_gap_is_marked_and_its_step_is_not_judged():
    room = control()  # each 5 minutes, overdue after 15
    assert judged(batch("do", [8.0, 8.1, 8.0]), room) == ["", "", ""]
    late = batch("do", [13.0, 8.0], start_ms=START_MS + 40 * MINUTE_MS)
    assert judged(late, room) == ["gap", "rate!"]


def test_a_contact_and_the_box_itself_have_no_gaps():
    room = control()
    for metric in ("smoke", "uptime"):
        room.judge(batch(metric, [0.0], device="plug"))
        assert judged(batch(metric, [0.0], device="plug", start_ms=START_MS + HOUR_MS), room) == [
            ""
        ]


def test_a_value_far_from_its_neighbours_is_marked():
    room = control()
    room.judge(batch("do", [8.0, 8.1]))
    assert judged(batch("do", [1.5, 7.0], device="far", step_ms=HOUR_MS // 2), room) == [
        "neighbour",
        "gap",
    ]
    # What its neighbour said hours ago says nothing.
    old = batch("do", [1.5], device="far", start_ms=START_MS + 3 * HOUR_MS)
    assert judged(old, room) == ["gap"]


def test_a_gauge_without_rain_while_it_pours_beside_is_marked():
    room = control()
    dry = [
        batch("rain", [0.0], device="far", start_ms=START_MS + n * 5 * MINUTE_MS) for n in range(14)
    ]
    wet = [batch("rain", [1.0], start_ms=START_MS + n * 5 * MINUTE_MS) for n in range(14)]
    marks = [judged(own, room)[0] for pair in zip(wet, dry, strict=True) for own in pair]
    assert marks[1::2] == [""] * 12 + ["neighbour"] * 2


def test_late_readings_are_judged_for_what_needs_no_order_and_disturb_nothing():
    room, other = control(), control()
    for each in (room, other):
        each.judge(batch("do", [8.0, 8.1, 8.0]))
    late = batch("do", [20.0, -9999.0, None, 8.0], start_ms=START_MS - HOUR_MS)
    assert judged(late, room) == ["gross", "sentinel!", "", ""]
    nexts = [batch("do", [8.1, 11.2, 8.0], start_ms=START_MS + 15 * MINUTE_MS) for _ in range(2)]
    assert judged(nexts[0], room) == judged(nexts[1], other) == ["", "spike rate!", "rate!"]


def test_a_place_changes_a_number_and_switches_a_test_off():
    changes = (override("do", spike_suspect=0, rate_suspect=0, rate_fail=0, suspect_high=7.0),)
    room = control(replace(REGISTRY, overrides=changes))
    assert judged(batch("do", [6.0, 6.9, 7.2, 6.0]), room) == ["", "", "gross", ""]
    # Elsewhere it is as it was.
    assert judged(batch("do", [7.2, 7.3], device="far"), room) == ["", ""]


def test_a_revised_registry_holds_at_once_and_what_rests_rests_on():
    room = control()
    room.judge(batch("do", [8.0] * 40, step_ms=5 * MINUTE_MS))
    room.use(replace(REGISTRY, overrides=(override("do", flat_suspect_h=3.0),)))
    assert judged(batch("do", [8.0], start_ms=START_MS + 40 * 5 * MINUTE_MS), room) == ["flat"]


def test_what_a_start_recalls_is_what_was_remembered():
    """The ring, the rain and the stuck run go on; nothing recalled is judged again."""
    room, started = control(), control()
    for one in (batch("do", [8.0] * 160), batch("rain", [3.0]), batch("turbidity", [10.0, 200.0])):
        room.judge(one)
        before = copy.deepcopy(one)
        started.recall(one, one.at_ms[-1])
        assert one == before
    for metric, value, at_ms, marks in (
        ("do", 8.0, 160 * 5 * MINUTE_MS, "flat!"),
        ("turbidity", 10.0, 10 * MINUTE_MS, ""),
    ):
        nexts = [batch(metric, [value], start_ms=START_MS + at_ms) for _ in range(2)]
        assert [judged(nexts[0], room), judged(nexts[1], started)] == [[marks], [marks]]


def test_a_start_does_not_recall_what_is_dated_ahead_of_its_arrival():
    started = control()
    started.recall(batch("do", [8.0], start_ms=START_MS + HOUR_MS), START_MS)
    assert judged(batch("do", [8.0, 13.0, 8.0]), started) == ["", "spike! rate!", "rate!"]


_values = st.one_of(
    st.none(),
    st.sampled_from([7.0, 7.0, 7.01, 7.3, 12.0, 16.0, 30.0, -9999.0, 0.1]),
    st.floats(0, 20).map(lambda value: round(value, 2)),
)


@given(
    packs=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["do", "ph", "codmn", "power", "rain"]),
                _values,
                st.integers(-3, 30),
                st.sampled_from([1, 2, 2, 2, 3, 4]),
            ),
            max_size=12,
        ),
        max_size=8,
    )
)
def test_the_short_way_gives_what_the_long_way_gives(packs):
    """The loop settles what no test can mark: the same marks and the same memory as without it."""
    changes = tuple(
        override(metric, flat_suspect_h=1.0, flat_fail_h=2.0, calm=0.5, calm_h=2.0)
        for metric in ("do", "ph")
    )
    registry = replace(REGISTRY, overrides=changes)
    short, long = control(registry), control(registry)
    at_ms = START_MS
    for pack in packs:
        one = batch("do", [value for _, value, _, _ in pack])
        one.metric = [metric for metric, *_ in pack]
        for i, (_, value, minutes, said) in enumerate(pack):
            at_ms += minutes * MINUTE_MS
            one.at_ms[i] = at_ms
            one.quality[i] = 9 if value is None else said
        two = copy.deepcopy(one)
        for series in long._roster.row(two):
            series.limits = replace(series.limits, low=float("inf"), high=-float("inf"))
        assert short.judge(one) == long.judge(two)
        assert one == two


@given(
    value=st.floats(allow_nan=False, allow_infinity=False), metric=st.sampled_from(sorted(METRICS))
)
def test_any_value_of_any_metric_is_judged(value, metric):
    one = batch(metric, [value] * 3)
    control().judge(one)
    assert set(one.quality) <= {GOOD, SUSPECT, FAIL}
    assert all((one.quality[i] != GOOD) == bool(one.marks.get(i)) for i in range(3))
    withheld = Check.SENSOR.fail | Check.SYNTAX.fail | Check.SENTINEL.fail | Check.GROSS.fail
    assert all((one.quality[i] == FAIL) == bool(one.marks.get(i, 0) & withheld) for i in range(3))

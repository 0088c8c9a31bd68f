"""The times that readings carry: each point once, whatever is done to the clock."""

import json

from hypothesis import given
from hypothesis import strategies as st

from edge.timekeeping.stamps import MOST_TURNS, Stamps
from edge.timekeeping.timekeeper import Anchor

PH, DO = ("reach", "", "ph"), ("reach", "", "do")
HOUR = 3_600_000


def test_a_clock_set_back_does_not_hold_the_times_at_the_old_one() -> None:
    stamps = Stamps("run-1")
    first = [stamps.give(PH, HOUR + n * 1000) for n in range(5)]
    stamps.turn_back(HOUR)
    again = [stamps.give(PH, HOUR + n * 1000) for n in range(7)]
    assert first == [HOUR + n * 1000 for n in range(5)]
    assert again[:5] == [HOUR + n * 1000 + 1 for n in range(5)]  # beside the first ones
    assert again[5:] == [HOUR + 5000, HOUR + 6000]  # never measured before


clocks = st.lists(
    st.tuples(st.sampled_from((PH, DO)), st.integers(0, 3), st.integers(-40, 5)), max_size=60
)


@given(clocks)
def test_no_point_is_given_twice_and_none_lies_far_from_its_time(moves) -> None:
    """Grids of milliseconds, so that everything meets everything."""
    stamps, now, points = Stamps("run-1"), 1000, set()
    newest: dict[object, int] = {}
    for series, passed, step in moves:
        now = max(0, now + passed + (step if step < 0 else 0))
        if step < 0:
            stamps.turn_back(now)
            newest.clear()
        given_ms = stamps.give(series, now)
        assert (series, given_ms) not in points
        assert now <= given_ms <= now + MOST_TURNS + len(moves)
        assert given_ms > newest.get(series, -1)
        newest[series] = given_ms
        points.add((series, given_ms))


def test_a_clock_that_was_set_back_while_the_agent_was_away_is_noticed() -> None:
    before = Stamps("run-1")
    assert before.give(PH, HOUR) == HOUR
    later = Stamps("run-2", "", before.text(), before.runs())
    later.start(HOUR + 1)
    assert later.give(PH, HOUR) == HOUR  # a recording's history keeps its times
    back = Stamps("run-2", "", before.text(), before.runs())
    back.start(HOUR - 5000)
    assert back.give(PH, HOUR - 5000) == HOUR - 4999
    assert back.give(PH, HOUR) == HOUR + 1


def test_undated_runs_of_this_boot_shift_and_those_of_another_never_will() -> None:
    first = Stamps("run-1", "boot-1")
    first.begin_undated(500)
    first.give(PH, 700)
    second = Stamps("run-2", "boot-2", first.text(), first.runs())
    assert second.undatable == {"run-1": "boot-1"}
    second.begin_undated(600)
    third = Stamps("run-3", "boot-2", second.text(), second.runs())
    third.begin_undated(600)
    assert third.give(PH, 650) == 650
    assert third.shown_ms("run-2", 70) == third.shown_ms("run-3", 70) == 670
    assert third.shown_ms("run-1", 70) is None
    assert third.date(HOUR, HOUR + 70) == {"run-2": HOUR - 600, "run-3": HOUR - 600}
    assert third.shown_ms("run-3", 70) is None
    assert third.give(PH, HOUR + 50) == HOUR + 51  # behind the one that was dated
    assert Stamps("run-4", "boot-2", third.text(), third.runs()).undatable == {"run-1": "boot-1"}
    third.forget_all_but({"run-2"})
    assert third.undatable == {}


def test_a_machine_that_does_not_name_its_boot_dates_nothing_of_another_run() -> None:
    first = Stamps("run-1")
    first.begin_undated(500)
    assert Stamps("run-2", "", first.text(), first.runs()).undatable == {"run-1": ""}


def test_where_the_clock_stood_is_handed_on() -> None:
    stamps = Stamps("run-1", "boot-1")
    stamps.clock_ms, stamps.anchor = 77, Anchor("boot-1", 70, True)
    again = Stamps("run-2", "boot-1", stamps.text(), stamps.runs())
    assert (again.clock_ms, again.anchor) == (77, Anchor("boot-1", 70, True))


texts = st.text(max_size=30) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["clock_ms", "anchor", "turns", "run-0"]), inner, max_size=4
    ),
    max_leaves=8,
).map(json.dumps)  # fmt: skip


@given(texts, texts)
def test_what_is_garbled_in_the_journal_is_left_out(text, runs) -> None:
    stamps = Stamps("run-1", "boot-1", text, runs)
    assert stamps.give(PH, 5) >= 5
    assert Stamps("run-2", "boot-1", stamps.text(), stamps.runs()).undatable == stamps.undatable

"""Steps of the server's clock, and the days that are not like the others."""

from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.rules.band import Band, Calendar
from alerts.rules.inputs import Sight, Tick, What
from tests.alerts.rules.test_every_kind import (
    MINUTE,
    READING,
    SINGLE,
    STATELESS,
    WAITING,
    sayings,
    story,
)
from tests.alerts.rules.worlds import PLACE, said, told

HOUR = 60 * MINUTE
PASS = st.tuples(st.just("pass"), st.sampled_from([1, 1, 5, 15]))
# Under ten minutes ahead a step cannot be told from time that has passed.
STEPS_MS = [-1000 * 24 * HOUR, -2 * HOUR, -30_000, 2 * HOUR, 70 * 24 * HOUR]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(READING, READING, PASS), max_size=40),
    st.integers(0, 60),
    st.sampled_from(STEPS_MS),
)
@example([("reading", (PLACE, "1", "power"), [230.0])] * 4 + [("pass", 5)] * 3, 6, -2 * HOUR)
def test_a_step_of_the_servers_clock_changes_nothing_that_is_measured(
    steps: list[tuple], nth: int, step_ms: int
) -> None:
    """Arrivals and ticks jump; what was measured and when stays. Silence is judged elsewhere."""
    whats: list[tuple[int, What]] = [(e.at_ms, e.what) for e in story(steps)[2:]]
    whats = [
        (at_ms, what)
        for at_ms, what in whats
        if isinstance(what, Tick | Sight) or hasattr(what, "metric")
    ]
    stepped = [
        (at_ms + (step_ms if n >= nth else 0), what) for n, (at_ms, what) in enumerate(whats)
    ]
    rules = SINGLE | WAITING | {"flat", "circuit", "water-class"}
    assert rules.isdisjoint(STATELESS)
    assert sayings(stepped, rules) == sayings(whats, rules)


NIGHT = Band(hours=(22 * 60, 6 * 60))
SMALL_HOURS = Band(hours=(2 * 60, 3 * 60))
HALF_PAST = Band(hours=(90, 135))  # 01:30 to 02:15
FEBRUARY, MARCH = Band(months=(2,)), Band(months=(3,))


@pytest.mark.parametrize(
    ("sentence", "band", "zone", "at", "within"),
    [
        ("the last minute of a leap day", FEBRUARY, "Asia/Shanghai", "2028-02-29T23:59+08:00", True),
        ("and the first behind it", MARCH, "Asia/Shanghai", "2028-03-01T00:00+08:00", True),
        ("no leap day, no 29th", MARCH, "Asia/Shanghai", "2026-02-28T24:00+08:00", True),
        ("a leap day by UTC is March there", MARCH, "Asia/Shanghai", "2028-02-29T16:00+00:00", True),
        ("a month's last night goes on", NIGHT, "Asia/Shanghai", "2026-05-01T00:00+08:00", True),
        ("a year's last night, too", NIGHT, "Asia/Shanghai", "2026-12-31T23:59+08:00", True),
        ("up to the new year's morning", NIGHT, "Asia/Shanghai", "2027-01-01T05:59+08:00", True),
        ("Berlin, spring: two o'clock is skipped", SMALL_HOURS, "Europe/Berlin", "2026-03-29T01:00+00:00", False),
        ("it is one before", SMALL_HOURS, "Europe/Berlin", "2026-03-29T00:59+00:00", False),
        ("Berlin, autumn: it is there once", SMALL_HOURS, "Europe/Berlin", "2026-10-25T00:30+00:00", True),
        ("and again", SMALL_HOURS, "Europe/Berlin", "2026-10-25T01:30+00:00", True),
        ("and then it is three", SMALL_HOURS, "Europe/Berlin", "2026-10-25T02:00+00:00", False),
        ("New York, spring: skipped", SMALL_HOURS, "America/New_York", "2026-03-08T07:00+00:00", False),
        ("New York, autumn: one o'clock twice", HALF_PAST, "America/New_York", "2026-11-01T05:45+00:00", True),
        ("the second one", HALF_PAST, "America/New_York", "2026-11-01T06:45+00:00", True),
        ("Lord Howe, spring: half an hour is skipped", HALF_PAST, "Australia/Lord_Howe", "2026-10-03T15:29+00:00", True),
        ("from 02:00 to 02:30", HALF_PAST, "Australia/Lord_Howe", "2026-10-03T15:30+00:00", False),
        ("Lord Howe, autumn: half an hour is there once", HALF_PAST, "Australia/Lord_Howe", "2026-04-04T14:45+00:00", True),
        ("and again", HALF_PAST, "Australia/Lord_Howe", "2026-04-04T15:14+00:00", True),
    ],
)  # fmt: skip
def test_bands_on_days_that_are_not_like_the_others(sentence, band, zone, at, within) -> None:
    text, extra = (at.replace("T24:00", "T00:00"), 86_400_000) if "T24:00" in at else (at, 0)
    at_ms = round(datetime.fromisoformat(text).timestamp() * 1000) + extra
    assert Calendar(zone).within(band, at_ms) is within, sentence


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:30+00:00", [0, 1, 3, 4]),
        ("Europe/Berlin", "2026-10-24T22:30+00:00", [0, 1, 2, 2, 3]),
        ("America/New_York", "2026-03-08T05:30+00:00", [0, 1, 3, 4]),
        ("America/New_York", "2026-11-01T04:30+00:00", [0, 1, 1, 2]),
        ("Australia/Lord_Howe", "2026-10-03T13:40+00:00", [0, 1, 2, 3]),
        ("Australia/Lord_Howe", "2026-04-04T13:10+00:00", [0, 1, 1, 2]),
        ("Asia/Shanghai", "2028-02-29T15:30+00:00", [23, 0, 1]),
    ],
)
def test_the_hour_that_a_baseline_goes_by_is_the_local_one(zone, at, hours) -> None:
    at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    assert [Calendar(zone).hour(at_ms + n * HOUR) for n in range(len(hours))] == hours


DAYS = {
    "an ordinary day": "2026-06-10T20:00+08:00",
    "midnight": "2026-06-10T23:58+08:00",
    "the end of a month": "2026-04-30T22:00+08:00",
    "the end of a year": "2026-12-31T22:00+08:00",
    "the night before a leap day": "2028-02-28T22:00+08:00",
    "the night behind a leap day": "2028-02-29T22:00+08:00",
    "Berlin loses an hour": "2026-03-29T00:30+01:00",
    "Berlin gains one": "2026-10-25T01:30+02:00",
    "New York gains one": "2026-11-01T00:30-04:00",
    "Lord Howe gains half of one": "2026-04-05T00:45+11:00",
}
RULES = {
    "rain over 24 hours": (
        'kind = "sum"\nmetric = "rain"\nstep = [{ severity = "minor", in_24h = 100.0, keep = "5m" }]',
        {(PLACE, "", "rain"): [4.0] * 30 + [0.0] * 100},
        [360, 1580],
        22.5,  # a bucket: a window has 64
    ),
    "a charging session's hours": (
        'kind = "session"\naspect = "duration"\nof = "port"\n'
        'step = [{ severity = "minor", above = 4.0 }]',
        {(PLACE, "1", "power"): [120.0] * 20 + [0.0] * 4},
        [255, 315],
        0,
    ),
    "a level that rises overnight": (
        'kind = "rise"\nmetric = "water-level"\nwindow = "2h"\nsettle = "1h"\n'
        'step = [{ severity = "minor", rise = 0.3, keep = "15m" }]',
        {(PLACE, "", "water-level"): [1.0] * 8 + [1.5] * 3 + [1.0] * 8},
        [120, 180],
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", RULES)
@pytest.mark.parametrize("day", DAYS)
def test_what_is_counted_in_hours_does_not_mind_the_day(day: str, what: str) -> None:
    body, columns, wanted, about = RULES[what]
    start_ms = round(datetime.fromisoformat(DAYS[day]).timestamp() * 1000)
    found = said(body, columns, interval_ms=15 * MINUTE, start_ms=start_ms)
    changes = told(found, start_ms)
    assert [change for change, *_ in changes] == ["raised", "cleared"]
    assert [at for *_, at in changes] == [pytest.approx(each, abs=about) for each in wanted]

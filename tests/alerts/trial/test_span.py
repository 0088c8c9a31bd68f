"""Times of a trial: dates in the site's zone, nights, and how much is read before."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.trial.span import Span, moment_ms, warm_up_ms

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
DAY_MS = 86_400_000


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "zone", "is_utc"),
    [
        ("2025-06-01", SHANGHAI, "2025-05-31T16:00"),
        ("2025-06-01T08:00", SHANGHAI, "2025-06-01T00:00"),
        ("2025-06-01T08:00Z", SHANGHAI, "2025-06-01T08:00"),
        ("2025-06-01T08:00-05:00", SHANGHAI, "2025-06-01T13:00"),
        ("2024-02-29", BERLIN, "2024-02-28T23:00"),
        ("2025-03-30T12:00", BERLIN, "2025-03-30T10:00"),  # the clocks went ahead that night
    ],
)
def test_a_moment_is_of_the_sites_zone_unless_it_names_another(text, zone, is_utc) -> None:
    assert moment_ms(text, zone) == utc(is_utc)


@pytest.mark.parametrize("text", ["June", "2025-02-29", "2025-06-01T25:00", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment_ms(text, SHANGHAI)


@pytest.mark.parametrize(
    ("at", "is_night"),
    [("13:59", False), ("14:00", True), ("16:00", True), ("21:59", True), ("22:00", False)],
)
def test_night_is_from_ten_to_six_at_the_site(at: str, is_night: bool) -> None:
    span = Span(since_ms=0, until_ms=1, warm_ms=0, zone=SHANGHAI)
    assert span.is_night(utc(f"2025-06-01T{at}")) is is_night


def test_nights_are_cut_at_the_ends_and_last_an_hour_less_when_the_clocks_go_ahead() -> None:
    span = Span(
        since_ms=utc("2025-03-28T23:00"), until_ms=utc("2025-03-30T22:00"), warm_ms=0, zone=BERLIN
    )
    hours = [(until - since) / 3_600_000 for since, until in span.nights()]
    assert hours == [6, 7, 2]


def test_the_span_is_half_open() -> None:
    span = Span(since_ms=10, until_ms=20, warm_ms=0, zone=UTC)
    assert [span.holds(at_ms) for at_ms in (9, 10, 19, 20)] == [False, True, True, False]


def test_the_warm_up_reaches_over_the_longest_window_of_the_rules() -> None:
    rules = read_packs(shipped()).rules
    assert warm_up_ms([]) == DAY_MS
    assert DAY_MS < warm_up_ms([rules["riv-cond-rise"]]) < 2 * DAY_MS  # 1h, 6h and 12h, keep 1h
    assert warm_up_ms([rules["riv-unusual"]]) >= rules["riv-unusual"].window_ms  # type: ignore[attr-defined]

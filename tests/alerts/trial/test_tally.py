"""Counting: what rang in a span, at night, for how long, and when that is too often."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.trial.span import Span
from alerts.trial.tally import Often, Ring, Tally, tally
from alerts.words import IncidentClass, Severity

ZONE = ZoneInfo("Asia/Shanghai")
HOUR, DAY = 3_600_000, 86_400_000
START = round(datetime(2025, 6, 1, tzinfo=ZONE).timestamp() * 1000)


def span(days: int) -> Span:
    return Span(since_ms=START, until_ms=START + days * DAY, warm_ms=START, zone=ZONE)


def ring(
    begins_h: float, lasts_h: float | None, subject: str = "a", severity: Severity = Severity.MAJOR
) -> Ring:
    raised_ms = START + round(begins_h * HOUR)
    cleared_ms = None if lasts_h is None else raised_ms + round(lasts_h * HOUR)
    return Ring(
        subject=subject,
        place=subject,
        severity=severity,
        raised_ms=raised_ms,
        cleared_ms=cleared_ms,
    )


def counted(rings, days=30, cls=IncidentClass.SAFETY, places=1) -> Tally:
    return tally(rings, cls, span(days), places)


def test_what_began_in_the_span_counts_and_what_it_began_with_is_told_apart() -> None:
    found = counted([ring(-5, 2), ring(-5, 10), ring(3, 1), ring(10, None), ring(30 * 24, 1)])
    assert (found.rang, found.carried, found.still_on) == (2, 1, 1)
    assert found.longest_ms == 30 * DAY - 10 * HOUR  # to the end of the span
    assert counted([ring(1, 1), ring(5, 2), ring(9, 9)]).median_ms == 2 * HOUR


@pytest.mark.parametrize(
    ("begins_h", "cls", "severity", "counts"),
    [
        (23, IncidentClass.FIRE, Severity.MINOR, (1, 1)),
        (23, IncidentClass.FIRE, Severity.INFO, (1, 0)),
        (23, IncidentClass.UPKEEP, Severity.MAJOR, (1, 0)),
        (23, IncidentClass.POLLUTION, Severity.CRITICAL, (1, 0)),
        (21.9, IncidentClass.FLOOD, Severity.CRITICAL, (0, 0)),
        (30, IncidentClass.SAFETY, Severity.CRITICAL, (0, 0)),
        (29.9, IncidentClass.SAFETY, Severity.CRITICAL, (1, 1)),
    ],
)
def test_night_wakes_for_fire_flood_and_safety_alone(begins_h, cls, severity, counts) -> None:
    found = counted([ring(begins_h, 1, severity=severity)], cls=cls)
    assert (found.night, found.woken) == counts


def test_time_in_alarm_is_that_of_the_worst_subject_and_counts_once() -> None:
    found = counted([ring(0, 10), ring(5, 10), ring(0, 3, "b")], days=10)
    assert found.share == pytest.approx(15 / 240)


def test_counts_are_spread_over_places_and_months() -> None:
    found = counted([ring(1, 1), ring(2, 1, "b"), ring(31 * 24, 1)], days=61, places=4)
    assert found.by_place == {"a": 2, "b": 1}
    assert found.by_month == {"2025-06": 2, "2025-07": 1}
    assert found.per_place_month == pytest.approx(3 / 4 / (61 / (365.25 / 12)))


@pytest.mark.parametrize(
    ("why", "rings", "days", "often"),
    [
        ("nothing", [], 30, ()),
        ("once a day is not more than once a day", [ring(24 * n, 0.1) for n in range(30)], 30, ()),
        ("more than once a day", [ring(20 * n, 0.1) for n in range(31)], 30, (Often.DAILY,)),
        (
            "but not when several share it",
            [ring(9 * n, 0.1, f"{n % 4}") for n in range(60)],
            30,
            (),
        ),
        ("8 hours of a month", [ring(5, 8)], 30, (Often.LONG,)),
        ("7 hours of a month", [ring(5, 7)], 30, ()),
        ("in two days one event is no habit", [ring(5, 8)], 2, ()),
        ("one that never ends", [ring(5, None)], 30, (Often.LONG,)),
    ],
)
def test_too_often_is_more_than_once_a_day_or_over_a_hundredth_of_the_time(
    why, rings, days, often
) -> None:
    assert counted(rings, days).often == often, why


def test_months_are_those_of_the_site() -> None:
    late = round(datetime(2025, 6, 30, 17, tzinfo=UTC).timestamp() * 1000)  # 1 July there
    one = Ring(subject="a", place="a", severity=Severity.MAJOR, raised_ms=late, cleared_ms=late)
    assert counted([one], days=40).by_month == {"2025-07": 1}

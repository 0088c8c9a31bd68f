from datetime import date

from alerts.registry.model import Binding, Device, Names, Registry
from collector.stores.completeness import completeness, days, intervals_of
from collector.stores.port import Got
from tests.collector.stores.batches import DAY, DEVICE, HOUR, NH3N, NOON, PH, PLACE, SITE

REGISTRY = Registry(
    devices=(
        Device(
            id=DEVICE,
            site=SITE,
            names=Names(zh="探头"),
            bindings=(Binding(place=PLACE, metrics=("ph",), interval_s=900),),
        ),
        Device(
            id="other",
            site="elsewhere",
            names=Names(zh="别处"),
            bindings=(Binding(place=PLACE, metrics=("ph",)),),
        ),
    )
)


def test_the_interval_of_a_series_is_that_of_its_binding():
    assert intervals_of(REGISTRY, SITE) == {PH: 900}


def test_a_day_is_that_of_the_site_and_may_have_23_hours():
    shanghai = days(date(2026, 6, 1), date(2026, 6, 2), "Asia/Shanghai")
    assert [(until - since) // HOUR for since, until in shanghai] == [24, 24]
    assert shanghai[0][0] == NOON - 20 * HOUR  # 00:00 there is 16:00 UTC of the day before
    berlin = days(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin")
    assert [(until - since) // HOUR for since, until in berlin] == [23]


def test_a_silent_series_is_told_and_an_unknown_one_has_no_share():
    spans = [(NOON, NOON + DAY), (NOON + DAY, NOON + 2 * DAY)]
    found = [
        Got(series=PH, since_ms=NOON, until_ms=NOON + DAY, counted=72, withheld=4),
        Got(series=NH3N, since_ms=NOON, until_ms=NOON + DAY, counted=5, withheld=0),
    ]
    # Six hours of the second day are over.
    rows = completeness(found, intervals_of(REGISTRY, SITE), spans, NOON + DAY + 6 * HOUR)
    assert [(r.series, r.counted, r.withheld, r.expected, r.share) for r in rows] == [
        (NH3N, 5, 0, None, None),
        (NH3N, 0, 0, None, None),
        (PH, 72, 4, 96, 0.75),
        (PH, 0, 0, 24, 0.0),
    ]


def test_more_readings_than_were_expected_are_no_more_than_all():
    found = [Got(series=PH, since_ms=NOON, until_ms=NOON + DAY, counted=100, withheld=0)]
    (row,) = completeness(found, {PH: 900.0}, [(NOON, NOON + DAY)], NOON + DAY)
    assert row.share == 1.0


def test_a_day_that_has_not_begun_expects_nothing():
    (row,) = completeness([], {PH: 900.0}, [(NOON, NOON + DAY)], NOON - DAY)
    assert (row.expected, row.share) == (0, None)

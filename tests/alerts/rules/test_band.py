"""Bands: the site's clock, through midnight, months, a leap day and daylight saving."""

from datetime import datetime

import pytest

from alerts.rules.band import Band, Calendar
from alerts.rules.packs import PackError, read_packs
from tests.alerts.rules.worlds import PLACE, T0, rule_text, said, told

NIGHT = Band(hours=(22 * 60, 6 * 60 + 30))
SUMMER = Band(months=(6, 7, 8))
NOON = Band(hours=(12 * 60, 16 * 60))


@pytest.mark.parametrize(
    ("sentence", "band", "zone", "at", "within"),
    [
        ("its first minute counts", NIGHT, "Asia/Shanghai", "2026-03-01T22:00+08:00", True),
        ("the minute before does not", NIGHT, "Asia/Shanghai", "2026-03-01T21:59+08:00", False),
        ("it goes over midnight", NIGHT, "Asia/Shanghai", "2026-03-02T00:00+08:00", True),
        ("its last minute does not count", NIGHT, "Asia/Shanghai", "2026-03-02T06:30+08:00", False),
        ("the zone is the site's", NIGHT, "Europe/London", "2026-01-02T06:00+08:00", True),
        ("a month ends at local midnight", SUMMER, "Asia/Shanghai", "2026-08-31T23:59+08:00", True),
        ("and not at that of UTC", SUMMER, "Asia/Shanghai", "2026-08-31T16:30+00:00", False),
        ("a leap day is a day", NOON, "Asia/Shanghai", "2028-02-29T12:00+08:00", True),
        ("before daylight saving", NOON, "Europe/Berlin", "2026-03-28T11:00+00:00", True),
        ("after it the hour is another", NOON, "Europe/Berlin", "2026-03-29T10:00+00:00", True),
        ("which it was not before", NOON, "Europe/Berlin", "2026-03-28T10:00+00:00", False),
        ("a zone of 45 minutes", NOON, "Asia/Kathmandu", "2026-05-01T06:15+00:00", True),
        ("to the minute", NOON, "Asia/Kathmandu", "2026-05-01T06:14+00:00", False),
    ],
)
def test_a_band_is_of_the_local_clock(sentence, band, zone, at, within) -> None:
    at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    assert Calendar(zone).within(band, at_ms) is within, sentence


def test_a_step_out_of_its_band_is_as_good_as_clear() -> None:
    start = round(datetime.fromisoformat("2026-07-14T15:50+08:00").timestamp() * 1000)
    body = """kind = "threshold"
metric = "shed-temp"
step = [{ severity = "info", above = 40.0, keep = "3m", bands = [{ hours = ["12:00", "16:00"] }] }]"""
    found = said(body, {(PLACE, "", "shed-temp"): [45.0] * 20}, start_ms=start)
    assert told(found, start) == [("raised", "info", 0), ("cleared", "info", 13)]


@pytest.mark.parametrize("hours", ['["25:00", "06:00"]', '["6", "7"]', '["06:60", "07:00"]'])
def test_a_wrong_time_of_day_is_named(hours: str) -> None:
    body = f"""kind = "threshold"
metric = "shed-temp"
step = [{{ severity = "info", above = 40.0, bands = [{{ hours = {hours} }}] }}]"""
    with pytest.raises(PackError, match=r"step.1.bands.1.hours.*a time of day is a text"):
        read_packs({"p": rule_text(body)})


def test_a_place_in_no_known_zone_still_has_a_clock() -> None:
    assert Calendar("Mars/Olympus").hour(T0) == Calendar("Asia/Shanghai").hour(T0)

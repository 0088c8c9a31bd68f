"""Sessions: start, plateau, taper, float, end, as the power of a socket tells them."""

import pytest

from alerts.rules.packs import PackError, read_packs
from tests.alerts.rules.worlds import PLACE, rule_text, said, told

SOCKET = (PLACE, "7", "power")
TAPER = [92.0, 74.0, 57.0, 49.0, 41.0, 34.0, 29.0, 24.0, 20.0, 16.0, 13.0, 11.0]


def session(aspect: str, above: float, column, *, window: str = "", interval_min: int = 5):
    window_line = f'window = "{window}"\n' if window else ""
    body = f"""kind = "session"
aspect = "{aspect}"
{window_line}step = [{{ severity = "minor", above = {above} }}]"""
    return said(body, {SOCKET: column}, interval_ms=interval_min * 60_000)


@pytest.mark.parametrize(
    ("sentence", "aspect", "above", "column", "expected"),
    [
        (
            "duration is counted from the start, and over when it floats",
            "duration",
            1.0,
            [0.0] * 2 + [110.0] * 14 + TAPER + [9.0] * 10,
            [("raised", "minor", 75), ("cleared", "minor", 115)],
        ),
        (
            "float is counted from a fifth of the peak or 30 W, and ends when it is unplugged",
            "float",
            30.0,
            [0.0] * 2 + [110.0] * 6 + TAPER + [9.0] * 10 + [0.0] * 6,
            [("raised", "minor", 110), ("cleared", "minor", 155)],
        ),
        ("never seen charging: no float", "float", 30.0, [21.0] * 60, []),
        (
            "another bike in the same socket begins anew",
            "duration",
            2.0,
            [110.0] * 10 + TAPER + [9.0] * 2 + [110.0] * 10,
            [],
        ),
        (
            "a gap in the data goes on if the power is the same",
            "duration",
            2.0,
            [110.0] * 10 + [None] * 10 + [108.0] * 10,
            [("raised", "minor", 125)],
        ),
        (
            "and begins anew if it is not",
            "duration",
            2.0,
            [110.0] * 10 + [None] * 10 + [180.0] * 10,
            [],
        ),
        (
            "a plateau may creep up by some percent and is still one",
            "plateau",
            2.0,
            [110.0 + n / 5 for n in range(30)],
            [("raised", "minor", 125)],
        ),
        (
            "or rise with the battery's voltage",
            "plateau",
            2.0,
            [100.0 + n for n in range(30)],
            [("raised", "minor", 125)],
        ),
        (
            "a rice cooker that was unplugged does not make the bike's charge a float",
            "float",
            10.0,
            [110.0] * 4 + [1600.0] * 4 + [110.0] * 30,
            [],
        ),
        ("a taper is no plateau", "plateau", 0.5, [110.0] * 6 + TAPER, []),
        (
            "energy is power over time",
            "energy",
            100.0,
            [120.0] * 14,
            [("raised", "minor", 55)],
        ),
    ],
)
def test_a_session_is_followed(sentence, aspect, above, column, expected) -> None:
    assert told(session(aspect, above, column)) == expected, sentence


@pytest.mark.parametrize(
    ("sentence", "column", "rings"),
    [
        ("in float the power climbs", [20.0] * 4 + [20.0 + 2 * n for n in range(12)], True),
        ("by a watt, as healthy ones do", [5.2, 6.1, 6.3, 6.2, 6.1, 5.9, 5.6], False),
        ("another bike jumps", [8.0, 8.0, 0.0, 110.0, 110.0, 110.0], False),
    ],
)
def test_power_that_rises_after_the_taper(sentence, column, rings) -> None:
    column = [110.0] * 6 + TAPER + column
    assert bool(session("float-rise", 10.0, column, window="20m")) is rings, sentence


def test_an_inrush_is_no_plateau_and_a_step_counts_after_half_an_hour() -> None:
    early = [900.0] + [110.0] * 10 + [230.0] * 20
    late = [900.0] + [110.0] * 40 + [230.0] * 5
    assert session("step", 80.0, early, window="10m", interval_min=1) == []
    assert told(session("step", 80.0, late, window="10m", interval_min=1))[0] == (
        "raised", "minor", 41,
    )  # fmt: skip


def test_a_session_tells_its_hours_and_its_energy() -> None:
    (raised,) = session("duration", 1.0, [0.0] + [120.0] * 15)
    assert raised.facts["hours"] == pytest.approx(65 / 60)
    assert raised.facts["energy"] == pytest.approx(120 * 65 / 60)
    assert (raised.value, raised.peak, raised.port) == (120.0, 120.0, "7")


def test_a_window_goes_with_its_aspects_only() -> None:
    body = 'kind = "session"\naspect = "float"\nwindow = "5m"\nstep = [{ severity = "minor", above = 1.0 }]'
    with pytest.raises(PackError, match="window: does not fit the aspect"):
        read_packs({"p": rule_text(body)})


def test_a_second_bike_is_seen_by_a_meter_that_reports_every_five_minutes() -> None:
    column = [110.0] * 12 + [230.0] * 6
    assert told(session("step", 80.0, column, window="10m"))[0] == ("raised", "minor", 60)

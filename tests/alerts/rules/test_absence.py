"""Silence: from the registry, on arrival, and only while we see."""

import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.engine import Engine
from alerts.rules.inputs import DeviceSaid, Sight, Tick, What
from edge.contract.quality import Quality
from edge.contract.status import State, Status
from tests.alerts.rules.worlds import DEVICE, PACKS, SITE, T0, batch, journal, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "do", interval_s=60)  # overdue after three minutes


def ticks(first: int, last: int) -> list[tuple[float, What]]:
    return [(n, Tick()) for n in range(first, last + 1)]


def heard(minute: float, value: float | None = 5.0, **where) -> tuple[float, What]:
    return minute, batch((T0 + round(minute * MINUTE), value), metric="do", **where)


def sight(sees: bool, minute: float) -> tuple[float, What]:
    return minute, Sight(sees, T0 + round(minute * MINUTE))


def silences(whats: list[tuple[float, What]], world=WORLD) -> list[tuple[str, str, float]]:
    ordered = sorted(whats, key=lambda what: what[0])
    entries = journal(world, PACKS, [(T0 + round(at * MINUTE), what) for at, what in ordered])
    engine = Engine("j")
    return [
        (t.change.value, t.severity.name.lower(), (t.at_ms - T0) / MINUTE)
        for entry in entries
        for t in engine.feed(entry)
        if t.rule == "silent"
    ]


@pytest.mark.parametrize(
    ("sentence", "whats", "expected"),
    [
        (
            "silence rings once the device is overdue, and grows with time",
            [heard(0), heard(1), *ticks(2, 40)],
            [("raised", "minor", 4), ("severity", "major", 31)],
        ),
        (
            "a device that never spoke is silent too",
            ticks(0, 5),
            [("raised", "minor", 3)],
        ),
        (
            "withheld values show that the device is alive",
            [heard(n, -9999.0, quality=Quality.FAIL) for n in range(10)] + ticks(0, 10),
            [],
        ),
        (
            "values that are a day old show it as well",
            [(n, batch((T0 - 86_400_000 + n, 5.0), metric="do")) for n in range(10)] + ticks(0, 10),
            [],
        ),
        (
            "it is over once the device has been heard for `keep`",
            [heard(0), *ticks(1, 12), heard(6), heard(7), heard(8), heard(9), heard(10)],
            [("raised", "minor", 3), ("cleared", "minor", 8)],
        ),
        (
            "one word between two silences does not end it",
            [heard(0), *ticks(1, 14), heard(6.5)],
            [("raised", "minor", 3), ("cleared", "minor", 9), ("raised", "minor", 10)],
        ),
        (
            "what is blind to us is not silent",
            [heard(0), *ticks(1, 30), sight(False, 1.5), sight(True, 25.5), heard(26), heard(27),
             heard(28), heard(29), heard(30)],
            [],
        ),
        (
            "after blindness a device has its interval and a minute, then the count goes on",
            [heard(0), *ticks(1, 30), sight(False, 2.5), sight(True, 25.5)],
            [("raised", "minor", 28)],
        ),
        (
            "a watch that was killed says `sees` twice",
            [heard(0), *ticks(1, 2), sight(True, 9), heard(10), *ticks(10, 12)],
            [],
        ),
        (
            "blindness is back-dated to when it began",
            [heard(0), *ticks(1, 2), (5.5, Sight(False, T0 + 2 * MINUTE)), *ticks(6, 9)],
            [],
        ),
        (
            "before the first sight nobody is silent",
            [sight(False, 0), *ticks(1, 30)],
            [],
        ),
    ],
)  # fmt: skip
def test_silence(sentence, whats, expected) -> None:
    assert silences(whats) == expected, sentence


def test_the_last_will_is_a_fact_and_no_trigger() -> None:
    said = DeviceSaid(SITE, DEVICE, Status(state=State.OFFLINE))
    whats = [heard(0), (0.5, said), *ticks(1, 3)]
    engine = Engine("j")
    entries = journal(WORLD, PACKS, [(T0 + round(m * MINUTE), what) for m, what in whats])
    (raised,) = (t for entry in entries for t in engine.feed(entry))
    assert raised.at_ms == T0 + 3 * MINUTE
    assert raised.facts == {"minutes": 3, "status": "offline"}
    assert (str(raised.subject), raised.place) == ("device:linjiang/box", "here")
    assert raised.since_ms == T0

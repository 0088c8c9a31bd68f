"""Combinations: other rules, official warnings, readings."""

import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.engine import Engine
from alerts.rules.inputs import Colour, Tick, Warning, What
from alerts.rules.packs import PackError, read_packs
from tests.alerts.rules.worlds import PLACE, SITE, T0, batch, journal, rule_text, told, village

MINUTE = 60_000
HOT = """kind = "threshold"
metric = "shed-temp"
step = [{ severity = "minor", above = 50.0 }, { severity = "major", above = 60.0 }]"""


def text(step: str) -> str:
    both = f'kind = "combination"\nstep = [{{ severity = "major", {step}, keep = "2m" }}]'
    return rule_text(HOT, "hot") + rule_text(both)


def warmth(minute: int, value: float) -> tuple[int, What]:
    return T0 + minute * MINUTE, batch((T0 + minute * MINUTE, value), metric="shed-temp")


def warning(minute: int, colour: Colour | None = Colour.ORANGE, **changes) -> tuple[int, What]:
    at_ms = T0 + minute * MINUTE
    said = {
        "id": "w", "event": "heat", "sites": (SITE,), "issuer": "温州市气象台", "title": "高温橙色预警",
        "issued_ms": at_ms, "onset_ms": at_ms, "expires_ms": at_ms + 10 * MINUTE,
    }  # fmt: skip
    return at_ms, Warning(**{**said, "colour": colour, **changes})


def ticks(last: int) -> list[tuple[int, What]]:
    return [(T0 + n * MINUTE, Tick()) for n in range(1, last + 1)]


def feed(step: str, whats: list[tuple[int, What]]) -> list:
    spots = [(PLACE, "", "shed-temp"), (PLACE, "", "water")]
    world = village(PlaceKind.SHED, spots, interval_s=300)
    ordered = sorted(whats, key=lambda what: what[0])
    engine = Engine("j")
    found = [t for e in journal(world, {"p": text(step)}, ordered) for t in engine.feed(e)]
    assert engine.problems == []
    return [t for t in found if t.rule == "tried"]


RULE = 'all = [{ rule = "hot", at_least = "major" }]'
OFFICIAL = 'any = [{ warning = ["heat"], colour = "orange" }]'
BOTH = f"{RULE}, {OFFICIAL}"
WET = 'all = [{ metric = "water", above = 0.5 }, { rule = "hot" }]'


@pytest.mark.parametrize(
    ("sentence", "step", "whats", "expected"),
    [
        (
            "it rings with the rule it hears, from that severity on",
            RULE,
            [warmth(1, 55), warmth(2, 65), warmth(3, 40), *ticks(8)],
            [("raised", "major", 2), ("cleared", "major", 5)],
        ),
        (
            "a warning holds until it expires",
            OFFICIAL,
            [warning(1), *ticks(20)],
            [("raised", "major", 1), ("cleared", "major", 13)],
        ),
        (
            "or is taken back",
            OFFICIAL,
            [warning(1), warning(4, is_cancelled=True), *ticks(20)],
            [("raised", "major", 1), ("cleared", "major", 6)],
        ),
        ("a milder colour is not enough", OFFICIAL, [warning(1, Colour.BLUE), *ticks(20)], []),
        ("a colour nobody knows is none", OFFICIAL, [warning(1, None), *ticks(20)], []),
        (
            "it may be raised by an update",
            OFFICIAL,
            [warning(1, Colour.BLUE), warning(3, Colour.RED), *ticks(5)],
            [("raised", "major", 3)],
        ),
        (
            "it begins at its onset",
            OFFICIAL,
            [warning(1, onset_ms=T0 + 4 * MINUTE), *ticks(6)],
            [("raised", "major", 4)],
        ),
        ("one for another site is not heard", OFFICIAL, [warning(1, sites=("x",)), *ticks(5)], []),
        ("both are needed: the rule alone", BOTH, [warmth(1, 65), *ticks(5)], []),
        (
            "and both together",
            BOTH,
            [warmth(1, 65), warning(3), *ticks(5)],
            [("raised", "major", 3)],
        ),
        (
            "a reading counts while it holds",
            WET,
            [
                (T0 + 2 * MINUTE, batch((T0 + 2 * MINUTE, 1.0), metric="water")),
                warmth(4, 55),
                *ticks(5),
            ],
            [("raised", "major", 4)],
        ),
    ],
)
def test_combinations(sentence, step, whats, expected) -> None:
    assert told(feed(step, whats)) == expected, sentence


def test_the_bulletins_own_words_are_told() -> None:
    (raised,) = feed(OFFICIAL, [warning(1)])
    assert raised.facts["warning"] == "高温橙色预警"
    assert raised.facts["issuer"] == "温州市气象台"
    assert raised.facts["issued"] == "11-15 06:14"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ('all = [{ rule = "hat" }]', "there is no rule 'hat' to hear; did you mean 'hot'?"),
        ('all = [{ rule = "tried" }]', "is the rule itself"),
        ('all = [{ rule = "hot", warning = ["heat"] }]', "is not one thing"),
        ('all = [{ metric = "water" }]', "has no limit, or no metric"),
        ('any = [{ warning = ["heat"], colour = "pink" }]', "a colour is one of blue, yellow"),
        ("all = []", "has no part"),
    ],
)
def test_a_mistake_is_named(step: str, expected: str) -> None:
    with pytest.raises(PackError, match=expected):
        read_packs({"p": text(step)})

"""The drawing: limits, clear limits, gaps, spikes and marks where they belong."""

import re
from datetime import UTC
from xml.etree import ElementTree

import pytest

from alerts.trial.envelope import Envelope
from alerts.trial.span import Span
from alerts.words import Language, Severity
from collector.stores.port import Series
from collector.trial.chart import PLOT, TOP, Bar, Lane, chart, outside, part
from collector.trial.report import AlarmLine, Card
from collector.trial.words import Words

WORDS = Words(Language.EN)
HOUR = 3_600_000
SPAN = Span(since_ms=0, until_ms=240 * HOUR, warm_ms=0, zone=UTC)
LINE = AlarmLine(severity=Severity.MAJOR, value=3.0, side="below", clear=3.5)


def card(values, metric="do", lines=(LINE,), hold_ms=2 * HOUR) -> Card:
    """A card of (hour, value)."""
    envelope = Envelope(SPAN.since_ms, SPAN.until_ms)
    for hour, value in values:
        envelope.add(round(hour * HOUR), value)
    return Card(
        rule="r", subject="place:s/p", place="p", metric=metric,
        series=Series("s", "d", "p", "", metric), envelope=envelope, hold_ms=hold_ms,
        lines=lines, pairs=(), dids=(), gone=(), against=(),
    )  # fmt: skip


def drawn(one: Card, lanes=(), span: Span = SPAN) -> ElementTree.Element:
    """Well-formed XML, or it raises."""
    return ElementTree.fromstring(chart(one, span, WORDS, lanes, 'a "label" <of> it'))


def each(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [e for e in root.iter() if kind in (e.get("class") or "").split()]


def number(element: ElementTree.Element, key: str) -> float:
    return float(element.get(key) or "nan")


def curve(root: ElementTree.Element) -> str:
    return each(root, "curve")[0].get("d") or ""


STEADY = [(hour, 5.0 + hour % 2) for hour in range(240)]


def test_a_gap_is_a_gap_and_what_holds_is_none() -> None:
    assert curve(drawn(card(STEADY))).count("M") == 1
    with_gap = [(h, v) for h, v in STEADY if not 100 <= h < 110]
    assert curve(drawn(card(with_gap))).count("M") == 2
    short = [(h, v) for h, v in STEADY if h != 100]
    assert curve(drawn(card(short))).count("M") == 1


def test_a_spike_of_one_reading_reaches_its_height() -> None:
    root = drawn(card([*STEADY, (120.5, 20.0)], lines=()))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([-\d.]+)", curve(root))]
    top = min(heights)
    assert top < 10
    assert sorted(heights)[2] > 60, "all others lie far below"


def test_limit_and_clear_limit_are_lines_at_their_height() -> None:
    root = drawn(card(STEADY))
    (limit,), (clear,) = each(root, "limit"), each(root, "clear")
    assert number(limit, "y1") > number(clear, "y1")  # down the page is lower
    assert TOP <= number(clear, "y1") < number(limit, "y1") <= TOP + PLOT
    assert [e.text for e in each(root, "tag")] == ["limit 3"]


def test_a_limit_far_away_does_not_flatten_the_curve_and_is_named_instead() -> None:
    far = AlarmLine(severity=Severity.CRITICAL, value=2000.0, side="above", clear=None)
    one = card(STEADY, lines=(LINE, far))
    assert len(each(drawn(one), "limit")) == 1
    assert outside(one, SPAN) == [far]


@pytest.mark.parametrize(
    ("since_h", "until_h", "x", "bar"),
    [(24, 48, "10.0%", ("10.0%", "20.0%")), (24, 400, "10.0%", ("10.0%", "100.0%"))],
)
def test_a_mark_stands_where_it_rang_and_its_bar_lasts_as_long(since_h, until_h, x, bar) -> None:
    lane = Lane("would", "would", (Bar(since_h * HOUR, until_h * HOUR, "red", "t & t"),))
    root = drawn(card(STEADY), [lane])
    (group,) = each(root, "would")
    title, line, mark = group
    assert (mark.get("cx"), (line.get("x1"), line.get("x2"))) == (x, bar)
    assert title.text == "t & t"
    assert len(each(root, "shade")) == 1


def test_what_began_before_has_a_bar_and_no_mark() -> None:
    lane = Lane("did", "did", (Bar(24 * HOUR, 72 * HOUR, "red", ""),))
    (group,) = each(drawn(card(STEADY), [lane], part(SPAN, 48 * HOUR, 96 * HOUR)), "did")
    assert [element.tag for element in group] == ["title", "line"]
    assert group[1].get("x1") == "0.0%"
    assert each(drawn(card(STEADY), [lane], part(SPAN, 100 * HOUR, 120 * HOUR)), "did") == []


def test_nights_are_shaded_unless_there_are_too_many_to_tell_apart() -> None:
    (night,) = each(drawn(card(STEADY)), "night")
    assert (night.get("d") or "").count("M") == 11
    season = Span(since_ms=0, until_ms=2160 * HOUR, warm_ms=0, zone=UTC)
    assert each(drawn(card(STEADY), span=season), "night") == []


def test_without_readings_nothing_is_drawn() -> None:
    assert chart(card([]), SPAN, WORDS, (), "") == ""


def test_a_flag_has_a_no_and_a_yes() -> None:
    root = drawn(card([(h, float(h % 2)) for h in range(240)], metric="smoke", lines=()))
    assert [e.text for e in each(root, "ax")][:2] == ["0", "1"]

"""One chart of a card as inline SVG: the series, its limits, the nights, what would ring and did.

Positions across are percentages and the curve is stretched, so that it fits any width while words and
marks keep their size. No style attribute and no script: the page's policy forbids both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup

from alerts.figures import number
from alerts.trial.envelope import Column, runs
from alerts.trial.span import Span
from alerts.words import Severity
from collector.trial import ticks
from collector.trial.report import AlarmLine, Card
from collector.trial.words import Words
from edge.contract.metrics import METRICS

COLUMNS_MOST = 600
NIGHTS_MOST_MS = 62 * 86_400_000  # more nights than that are grey all over
TOP, PLOT, LANE, AXIS = 8, 150, 20, 22  # pixels
_FAR = 3.0  # a limit further from the values than so many of their range would flatten the curve


@dataclass(frozen=True, slots=True)
class Bar:
    """One ringing in a lane: from, to, and what a pointer is told."""

    since_ms: int
    until_ms: int
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of bars under the curve; ``kind`` is ``would``, ``did`` or ``against``."""

    kind: str
    label: str
    bars: tuple[Bar, ...]


def chart(card: Card, span: Span, words: Words, lanes: Iterable[Lane], label: str) -> Markup:
    """The chart of this part of the span; empty where nothing is there to draw."""
    if card.envelope is None:
        return Markup("")
    step_ms, columns = card.envelope.columns(COLUMNS_MOST, span.since_ms, span.until_ms)
    if not columns:
        return Markup("")
    lanes = tuple(lanes)
    scale = _Scale(*_range(card, columns))
    height = TOP + PLOT + LANE * len(lanes) + AXIS
    left = _scale(scale, card, lanes, height)
    right = [
        _nights(span) if span.ms <= NIGHTS_MOST_MS else Markup(""),
        *(_grid(scale, mark) for mark in scale.marks(card.metric)),
        *_shades(span, lanes),
        _curve(card, span, scale, columns, step_ms),
        *_limits(card, span, scale, words),
        *_moving(card, span, scale, words),
        *_lanes(span, lanes),
        *_axis(span, words, height),
    ]
    return Markup(
        '<div class="draw"><svg class="scale" width="56" height="{h}" aria-hidden="true">{left}</svg>'
        '<svg class="plot" height="{h}" role="img" aria-label="{label}">{right}</svg></div>'
    ).format(h=height, left=left, right=Markup("").join(right), label=label)


def part(span: Span, since_ms: int, until_ms: int) -> Span:
    """The span cut to these ends."""
    return replace(
        span, since_ms=max(since_ms, span.since_ms), until_ms=min(until_ms, span.until_ms)
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to pixels from the top of the drawing."""

    low: float
    high: float

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * PLOT

    def within(self, value: float) -> bool:
        return self.low <= value <= self.high

    def marks(self, metric: str) -> list[float]:
        if metric in METRICS and METRICS[metric].is_flag:
            return [0.0, 1.0]
        return ticks.numbers(self.low, self.high)


def _range(card: Card, columns: list[Column]) -> tuple[float, float]:
    """The values' range with some air, and with the limits that are not too far away."""
    metric = METRICS.get(card.metric)
    if metric is not None and metric.is_flag:
        return -0.15, 1.15
    low, high = min(c.low for c in columns), max(c.high for c in columns)
    room = max(high - low, abs(high) * 0.02, 1e-9)
    drawn = [each for line in card.lines for each in (line.value, line.clear) if each is not None]
    near = [each for each in drawn if low - _FAR * room <= each <= high + _FAR * room]
    low, high = min([low, *near]), max([high, *near])
    air = max(high - low, room) * 0.07
    return (0.0 if low >= 0 > low - air else low - air), high + air


def _x(at_ms: float, span: Span) -> float:
    """Percent from the left, cut at the ends."""
    return round(100 * min(1.0, max(0.0, (at_ms - span.since_ms) / span.ms)), 2)


def _scale(scale: _Scale, card: Card, lanes: tuple[Lane, ...], height: int) -> Markup:
    found = []
    marks = scale.marks(card.metric)
    metric = METRICS.get(card.metric)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    decimals = next((n for n in range(6) if abs(step - round(step, n)) < step * 1e-6), 6)
    for mark in marks:
        text = number(mark, 0 if metric is not None and metric.is_flag else decimals)
        found.append(
            Markup('<text class="ax" x="50" y="{y}" text-anchor="end">{text}</text>').format(
                y=round(scale.y(mark) + 4, 1), text=text
            )
        )
    for n, lane in enumerate(lanes):
        found.append(
            Markup('<text class="ax" x="50" y="{y}" text-anchor="end">{text}</text>').format(
                y=_lane_y(n) + 4, text=lane.label
            )
        )
    return Markup("").join(found)


def _lane_y(n: int) -> int:
    return TOP + PLOT + LANE * n + LANE // 2 + 2


def _nights(span: Span) -> Markup:
    parts = []
    for since_ms, until_ms in span.nights():
        left, right = 10 * _x(since_ms, span), 10 * _x(until_ms, span)
        parts.append(f"M{left:g} 0H{right:g}V100H{left:g}Z")
    return _stretched(Markup('<path class="night" d="{d}"/>').format(d="".join(parts)))


def _stretched(inner: Markup) -> Markup:
    return Markup(
        '<svg y="{y}" width="100%" height="{h}" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        "{inner}</svg>"
    ).format(y=TOP, h=PLOT, inner=inner)


def _grid(scale: _Scale, mark: float) -> Markup:
    return Markup('<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(
        y=round(scale.y(mark), 1)
    )


def _shades(span: Span, lanes: tuple[Lane, ...]) -> Iterator[Markup]:
    """What would ring, through the curve."""
    for lane in lanes:
        for bar in lane.bars if lane.kind == "would" else ():
            left, right = _x(bar.since_ms, span), _x(bar.until_ms, span)
            yield Markup(
                '<rect class="shade {tone}" x="{x}%" width="{w}%" y="{y}" height="{h}"/>'
            ).format(tone=bar.tone, x=left, w=round(max(0.15, right - left), 2), y=TOP, h=PLOT)


def _curve(card: Card, span: Span, scale: _Scale, columns: list[Column], step_ms: int) -> Markup:
    """A band from the lowest to the highest value of each step, broken where nothing came."""
    parts = []
    for run in runs(columns, step_ms, card.hold_ms):
        across = [10 * _x(column.at_ms + step_ms / 2, span) for column in run]
        upper = [f"{x:g} {_down(scale, c.high)}" for x, c in zip(across, run, strict=True)]
        lower = [f"{x:g} {_down(scale, c.low)}" for x, c in zip(across, run, strict=True)]
        if len(run) == 1:  # seen as a dot, or as an upright stroke
            parts.append(f"M{upper[0]}L{lower[0]}h.01")
        else:
            parts.append(f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z")
    return _stretched(Markup('<path class="curve" d="{d}"/>').format(d="".join(parts)))


def _down(scale: _Scale, value: float) -> str:
    return f"{(scale.y(value) - TOP) / PLOT * 100:.4g}"


def _limits(card: Card, span: Span, scale: _Scale, words: Words) -> Iterator[Markup]:
    """Limits right through, with their numbers; one that lies outside is told at the edge."""
    last = -100.0
    for line in sorted(card.lines, key=lambda each: -each.value):
        tone = _tone(line.severity)
        value = _spelled(line.value)
        if not scale.within(line.value):
            continue
        y = scale.y(line.value)
        yield _level(y, tone, "0", "100%", "limit")
        if y - last >= 12:
            last = y
            yield _tag(y, tone, words("chart.limit", value=value))
        if line.clear is not None and scale.within(line.clear):
            yield _level(scale.y(line.clear), tone, "0", "100%", "clear")


def outside(card: Card, span: Span) -> list[AlarmLine]:
    """The limits that lie outside of the drawing."""
    if card.envelope is None:
        return []
    _, columns = card.envelope.columns(COLUMNS_MOST, span.since_ms, span.until_ms)
    if not columns:
        return []
    scale = _Scale(*_range(card, columns))
    return [line for line in card.lines if not scale.within(line.value)]


def _moving(card: Card, span: Span, scale: _Scale, words: Words) -> Iterator[Markup]:
    """A rule that looks at a rise has no line of its own: its limit held for that ringing alone."""
    if card.lines:
        return
    for episode, _ in card.pairs:
        limit, first = episode.limit, episode.first
        if limit is None or first.metric != card.metric or not scale.within(limit):
            continue
        end_ms = episode.cleared_ms or span.until_ms
        if end_ms >= span.since_ms and episode.since_ms < span.until_ms:
            left, right = _x(episode.since_ms, span), _x(end_ms, span)
            yield _level(scale.y(limit), _tone(first.severity), f"{left}%", f"{right}%", "limit")


def _level(y: float, tone: str, left: str, right: str, kind: str) -> Markup:
    return Markup('<line class="{kind} {tone}" x1="{l}" x2="{r}" y1="{y}" y2="{y}"/>').format(
        kind=kind, tone=tone, l=left, r=right, y=round(y, 1)
    )


def _tag(y: float, tone: str, text: str) -> Markup:
    at = y + 13 if y - 5 < TOP + 10 else y - 5
    return Markup(
        '<text class="tag {tone}" x="100%" dx="-4" y="{y}" text-anchor="end">{text}</text>'
    ).format(tone=tone, y=round(at, 1), text=text)


def _lanes(span: Span, lanes: tuple[Lane, ...]) -> Iterator[Markup]:
    """A mark where it rang, filled if it is of the trial, and a bar for as long as it lasted."""
    for n, lane in enumerate(lanes):
        for bar in lane.bars:
            if bar.until_ms < span.since_ms or bar.since_ms >= span.until_ms:
                continue
            mark = Markup("")
            if bar.since_ms >= span.since_ms:
                mark = Markup('<circle cx="{x}%" cy="{y}" r="5"/>').format(
                    x=_x(bar.since_ms, span), y=_lane_y(n)
                )
            yield Markup(
                '<g class="{kind} {tone}"><title>{title}</title>'
                '<line x1="{l}%" x2="{r}%" y1="{y}" y2="{y}"/>{mark}</g>'
            ).format(
                kind=lane.kind,
                tone=bar.tone,
                title=bar.title,
                l=_x(bar.since_ms, span),
                r=_x(bar.until_ms, span),
                y=_lane_y(n),
                mark=mark,
            )


def _axis(span: Span, words: Words, height: int) -> Iterator[Markup]:
    ends = span.local(span.since_ms), span.local(span.until_ms)
    for at, text in ticks.moments(*ends, words.language):
        x = _x(at.timestamp() * 1000, span)
        anchor = "start" if x < 4 else "end" if x > 94 else "middle"
        yield Markup(
            '<line class="grid" x1="{x}%" x2="{x}%" y1="{top}" y2="{bottom}"/>'
            '<text class="ax" x="{x}%" y="{y}" text-anchor="{anchor}">{text}</text>'
        ).format(x=x, top=TOP, bottom=TOP + PLOT, y=height - 6, anchor=anchor, text=text)


def _tone(severity: Severity) -> str:
    return "red" if severity >= Severity.MAJOR else "amber"


def _spelled(value: float) -> str:
    return number(value, 2 if abs(value) < 100 else 0, plain=True)

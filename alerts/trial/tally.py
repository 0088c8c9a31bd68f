"""How often a rule rang in a span, how long, when and where; and when that is too often."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from alerts.trial.span import Span
from alerts.words import NIGHT_CLASSES, IncidentClass, Severity

DAY_MS = 86_400_000
MONTH_MS = DAY_MS * 365.25 / 12
SHARE_MOST = 0.01  # of the time at one subject: who is told of it no longer looks
SHARE_SPAN_MS = 7 * DAY_MS  # in a shorter span one real event is more than that
DAILY_MOST = 1.0  # people.md: what rings more often is muted


class Often(StrEnum):
    """In which way a rule rings too often."""

    DAILY = "daily"  # more than once a day at one subject
    LONG = "long"  # in more than 1 % of the time at one subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One ringing, of a replay or of reality: where, how bad at first, from when to when."""

    subject: str
    place: str
    severity: Severity
    raised_ms: int
    cleared_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One rule in one span. ``rang`` counts what began in it, ``carried`` what it began with.

    ``woken``: began at night, and is of a class that night does not hold back. Durations are of what
    began in the span; what was still on at its end counts until there. ``share`` and ``per_day`` are
    those of the worst subject.
    """

    rang: int = 0
    carried: int = 0
    still_on: int = 0
    night: int = 0
    woken: int = 0
    longest_ms: int = 0
    median_ms: int = 0
    share: float = 0.0
    per_day: float = 0.0
    per_place_month: float = 0.0
    by_place: Mapping[str, int] = field(default_factory=dict)
    by_month: Mapping[str, int] = field(default_factory=dict)
    often: tuple[Often, ...] = ()


def tally(rings: Iterable[Ring], cls: IncidentClass, span: Span, places: int) -> Tally:
    """``places`` is at how many the rule is judged; rings that ended before the span are no part."""
    here = [r for r in rings if r.raised_ms < span.until_ms and _end(r, span) >= span.since_ms]
    began = [ring for ring in here if span.holds(ring.raised_ms)]
    lasted = [_end(ring, span) - ring.raised_ms for ring in began]
    nights = [ring for ring in began if span.is_night(ring.raised_ms)]
    counts = Counter(ring.subject for ring in began)
    shares = _shares(here, span)
    often = []
    if counts and max(counts.values()) > max(1.0, DAILY_MOST * span.ms / DAY_MS):
        often.append(Often.DAILY)
    if span.ms >= SHARE_SPAN_MS and max(shares.values(), default=0.0) > SHARE_MOST:
        often.append(Often.LONG)
    return Tally(
        rang=len(began),
        carried=len(here) - len(began),
        still_on=sum(
            1 for ring in here if ring.cleared_ms is None or ring.cleared_ms >= span.until_ms
        ),
        night=len(nights),
        woken=sum(1 for r in nights if cls in NIGHT_CLASSES and r.severity > Severity.INFO),
        longest_ms=max(lasted, default=0),
        median_ms=round(median(lasted)) if lasted else 0,
        share=max(shares.values(), default=0.0),
        per_day=max(counts.values(), default=0) * DAY_MS / span.ms,
        per_place_month=len(began) / max(1, places) * MONTH_MS / span.ms,
        by_place=_sorted(Counter(ring.place or ring.subject for ring in began)),
        by_month=_sorted(Counter(f"{span.local(ring.raised_ms):%Y-%m}" for ring in began)),
        often=tuple(often),
    )


def _end(ring: Ring, span: Span) -> int:
    return span.until_ms if ring.cleared_ms is None else min(ring.cleared_ms, span.until_ms)


def _shares(rings: Sequence[Ring], span: Span) -> dict[str, float]:
    """How much of the span each subject was in alarm; incidents may overlap, time counts once."""
    found: dict[str, float] = {}
    for subject in {ring.subject for ring in rings}:
        total, reached = 0, span.since_ms
        for ring in sorted((r for r in rings if r.subject == subject), key=lambda r: r.raised_ms):
            end = _end(ring, span)
            total += max(0, end - max(ring.raised_ms, reached))
            reached = max(reached, end)
        found[subject] = total / span.ms
    return found


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))

"""The span of a trial: what is counted, what is read before it, and which hours are night."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta, tzinfo

from alerts.rules.rule import Rule

NIGHT_FROM, NIGHT_TO = time(22), time(6)
WARM_LEAST_MS = 86_400_000  # a day: states that nobody declares, such as a session under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """``since_ms <= at < until_ms`` is counted; from ``warm_ms`` on the rules have been fed."""

    since_ms: int
    until_ms: int
    warm_ms: int
    zone: tzinfo

    @property
    def ms(self) -> int:
        return self.until_ms - self.since_ms

    def holds(self, at_ms: int) -> bool:
        return self.since_ms <= at_ms < self.until_ms

    def meets(self, raised_ms: int, cleared_ms: int | None) -> bool:
        """Whether something that began and ended then (None: goes on) was on in it."""
        return raised_ms < self.until_ms and (cleared_ms is None or cleared_ms >= self.since_ms)

    def local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)

    def is_night(self, at_ms: int) -> bool:
        clock = self.local(at_ms).time()
        return clock >= NIGHT_FROM or clock < NIGHT_TO

    def nights(self) -> Iterator[tuple[int, int]]:
        """From evening to morning, cut at the ends of the span."""
        day = self.local(self.since_ms).date() - timedelta(days=1)
        while True:
            evening = datetime.combine(day, NIGHT_FROM, self.zone)
            day += timedelta(days=1)
            morning = datetime.combine(day, NIGHT_TO, self.zone)
            since_ms, until_ms = _ms(evening), _ms(morning)
            if since_ms >= self.until_ms:
                return
            if until_ms > self.since_ms:
                yield max(since_ms, self.since_ms), min(until_ms, self.until_ms)


def moment_ms(text: str, zone: tzinfo) -> int:
    """A date (its first moment) or RFC 3339, in ``zone`` where it names none; ValueError otherwise."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return _ms(at)


def warm_up_ms(rules: Sequence[Rule]) -> int:
    """How long before the span these rules must be fed: their windows, and what they wait for."""
    return max((_reach_ms(rule) for rule in rules), default=0) + WARM_LEAST_MS


def _reach_ms(rule: Rule) -> int:
    return _sum_ms(rule) + max((_sum_ms(step) for step in rule.steps), default=0)


def _sum_ms(thing: object) -> int:
    named = [each.name for each in fields(thing) if each.name.endswith("_ms")]  # type: ignore[arg-type]  # rules and steps are dataclasses
    return sum(getattr(thing, name) or 0 for name in named)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

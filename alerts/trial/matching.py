"""What would have rung, laid beside what did ring: by rule and subject, where their times meet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.incidents.model import Incident
from alerts.replay import Episode
from alerts.words import Severity

# Arrival and `for` are reckoned a little otherwise when readings come from the store.
SLACK_MS = 15 * 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """One ringing of reality and its incident; from the first breach until the rule had cleared."""

    incident: int
    rule: str
    subject: str
    place: str
    since_ms: int
    raised_ms: int
    cleared_ms: int | None
    severity: Severity
    false_alarm: bool = False
    """Somebody has judged it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """``pairs``: each episode with what it meets of reality (none: new); ``gone``: met by none."""

    pairs: tuple[tuple[Episode, tuple[Did, ...]], ...] = ()
    gone: tuple[Did, ...] = ()

    @property
    def both(self) -> int:
        return sum(1 for _, found in self.pairs if found)

    @property
    def met(self) -> int:
        """How many ringings of reality that is."""
        return len({one for _, found in self.pairs for one in found})

    @property
    def new(self) -> int:
        return len(self.pairs) - self.both


def dids(said: Iterable[Episode], incidents: Iterable[Incident]) -> list[Did]:
    """Each ringing of which people were told: what the rules said, with the incident it was part of.

    An incident that came back before it was closed has rung several times. One of which no ringing
    is known counts once, by its own times.
    """
    by_key: dict[tuple[str, str], list[Incident]] = {}
    for incident in incidents:
        by_key.setdefault((incident.rule, str(incident.subject)), []).append(incident)
    found, known = [], set()
    for one in said:
        here = by_key.get((one.rule, one.subject), ())
        part_of = next((i for i in here if _covers(i, one.raised_ms)), None)
        if part_of is None:
            continue
        known.add(part_of.id)
        ends = one.cleared_ms
        if ends is None and part_of.closed_at is not None:
            ends = _ms(part_of.closed_at)  # the journal was replaced before the rule could clear
        found.append(
            Did(
                incident=part_of.id,
                rule=one.rule,
                subject=one.subject,
                place=part_of.place,
                since_ms=one.since_ms,
                raised_ms=one.raised_ms,
                cleared_ms=ends,
                severity=Severity[one.severity.upper()],
                false_alarm=part_of.false_alarm,
            )
        )
    found += [_whole(i) for here in by_key.values() for i in here if i.id not in known]
    return sorted(found, key=lambda one: (one.raised_ms, one.incident))


def _covers(incident: Incident, at_ms: int) -> bool:
    """Whether it was open then; its last ringing ends before somebody closes it."""
    ends = incident.closed_at
    return _ms(incident.opened_at) <= at_ms and (ends is None or at_ms <= _ms(ends))


def _whole(incident: Incident) -> Did:
    ends = incident.recovered_at or incident.closed_at
    return Did(
        incident=incident.id,
        rule=incident.rule,
        subject=str(incident.subject),
        place=incident.place,
        since_ms=_ms(incident.since),
        raised_ms=_ms(incident.opened_at),
        cleared_ms=None if ends is None else _ms(ends),
        severity=incident.worst,
        false_alarm=incident.false_alarm,
    )


def match(episodes: Sequence[Episode], dids: Iterable[Did], *, slack_ms: int = SLACK_MS) -> Matched:
    """One incident may meet several episodes, and one episode several incidents."""
    by_key: dict[tuple[str, str], list[Did]] = {}
    for one in dids:
        by_key.setdefault((one.rule, one.subject), []).append(one)
    met: set[Did] = set()
    pairs = []
    for episode in episodes:
        here = by_key.get((episode.rule, episode.subject), ())
        found = tuple(one for one in here if _meet(episode, one, slack_ms))
        met.update(found)
        pairs.append((episode, found))
    gone = [one for ones in by_key.values() for one in ones if one not in met]
    return Matched(
        pairs=tuple(pairs), gone=tuple(sorted(gone, key=lambda one: (one.raised_ms, one.rule)))
    )


def _meet(episode: Episode, one: Did, slack_ms: int) -> bool:
    """Whether they overlap, or nearly; what has no end goes on for ever."""
    begins_in_time = one.cleared_ms is None or episode.since_ms <= one.cleared_ms + slack_ms
    ends_late = episode.cleared_ms is None or one.since_ms <= episode.cleared_ms + slack_ms
    return begins_in_time and ends_late


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

"""Journal, rule snapshot and operations database, held against each other at each start. Pure.

They are copied and restored apart. A journal that is older than the others goes on behind the last
position that they know, for a position means one record for ever. A database that is older hears from
the journal again what it lacks, as far back as that reaches. Where records are missing, the rules take
over what people have been told (``Standing``), and the gap is told by a figure of the house.
"""

from dataclasses import dataclass

import orjson

from alerts.rules.inputs import Standing
from alerts.store.rules_seen import RulesSeen
from collector.house import House
from edge.contract.reading import Batch

JOURNAL_GAP, INCIDENTS_GAP = "journal-gap", "incidents-gap"
FRESH_MS = 60_000
TOLD_MS = 24 * 3_600_000  # house time for which a gap is told of: whoever looks once a day sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The journal and its rule snapshot as they are found. Positions of 0: there is none."""

    first: int
    last: int
    last_ms: int
    judged: int
    """The snapshot's position."""
    told: int
    """The last position that brought a transition, as the snapshot knows it."""
    reconciled: int = -1
    """``told`` when that was last found to be more than the database knows, and settled."""

    @property
    def is_whole(self) -> bool:
        return self.first in (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Records (or incidents) of this span are missing; ``found_ms`` is when that was noticed."""

    metric: str
    since_ms: int
    until_ms: int
    found_ms: int

    def figures(self, house: House, now_ms: int) -> list[tuple[int, Batch]]:
        """Minutes for a day, then none. What is told at once is dated as the gap's beginning."""
        passed_ms = now_ms - self.found_ms
        minutes = max(1.0, (self.until_ms - self.since_ms) / 60_000)
        said = house.said(self.metric, minutes if 0 <= passed_ms < TOLD_MS else 0.0, now_ms)
        if 0 <= passed_ms < FRESH_MS:
            for _, batch in said:
                batch.at_ms[0] = self.since_ms
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be done before anything else is written."""

    after: int = 0
    """The journal goes on behind this position."""
    begins_anew: bool = False
    """The rules judge all of the journal again."""
    standing: Standing | None = None
    """What the rules take over from the database."""
    gap: Gap | None = None
    why: str = ""


def reconcile(held: Held, seen: RulesSeen | None, now_ms: int) -> Finding:
    """What does not fit together, and what follows; ``seen`` is None while nobody can say."""
    known = max(seen.position if seen else 0, held.judged)
    if known > held.last:
        # Restored: what the others know of the journal is no longer in it.
        until_ms = max(held.last_ms, seen.seen_ms) if seen else now_ms
        return Finding(
            after=known,
            standing=Standing(known, seen.stands) if seen else None,
            gap=Gap(
                metric=JOURNAL_GAP, since_ms=held.last_ms or until_ms, until_ms=until_ms,
                found_ms=now_ms,
            ),
            why=f"the journal ends at {held.last}, and {known} is known: it is an older copy",
        )  # fmt: skip
    if seen is None:
        return Finding()
    if seen.is_other and not held.told and held.reconciled < 0:
        began_ms = held.last_ms or now_ms
        return Finding(
            standing=Standing(0, seen.stands),
            gap=Gap(
                metric=JOURNAL_GAP, since_ms=min(seen.seen_ms, began_ms), until_ms=began_ms,
                found_ms=now_ms,
            ),
            why="the operations database has heard of another journal: this one is new",
        )  # fmt: skip
    if held.told > seen.position:
        why = f"the operations database ends at {seen.position} of this journal, and {held.told} was told"
        if held.is_whole:
            return Finding(begins_anew=True, why=f"{why}: it is an older copy, and told again")
        if held.told <= held.reconciled:
            return Finding()
        return Finding(
            standing=Standing(held.told, seen.stands),
            gap=Gap(
                metric=INCIDENTS_GAP, since_ms=min(seen.seen_ms, held.last_ms),
                until_ms=held.last_ms, found_ms=now_ms,
            ),
            why=f"{why}: it is an older copy, and the journal does not reach so far back",
        )  # fmt: skip
    if not held.judged and not held.is_whole and seen.stands:
        return Finding(
            standing=Standing(seen.position, seen.stands),
            why="the rules begin anew on a journal whose beginning is gone",
        )
    return Finding()


def dump_gap(gap: Gap) -> bytes:
    return orjson.dumps(gap)


def load_gap(body: bytes) -> Gap:
    return Gap(**orjson.loads(body))

"""Replaying: dead letters are judged again and leave, or stay with the reason of now.

What they held goes into the journal in the transaction in which they leave, so each is stored once
whatever is killed when. One replay at a time, and only in the process that writes the journal.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from alerts.rules.inputs import What
from collector.intake import Intake
from collector.journaling import Journaling, Work
from collector.judged import Counts
from collector.letters import Again
from edge.clock import Clock
from edge.contract.settings import Value
from edge.journal.journal import Journal
from edge.journal.rows import Kept, Letter

AT_ONCE = 200  # letters in one transaction; live messages go between

Intervals = Mapping[str, Mapping[str, list[tuple[int, int]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which letters: ``topic`` as a shell pattern, ``reason`` as a part of it, by arrival, by id."""

    topic: str = "*"
    reason: str = ""
    since_ms: int = 0
    id: int = 0

    def names(self, topic: str, reason: str) -> bool:
        return fnmatchcase(topic, self.topic) and self.reason.lower() in reason.lower()

    def takes(self, letter: Kept) -> bool:
        return (
            letter.at_ms >= self.since_ms
            and self.id in (0, letter.id)
            and self.names(letter.topic, letter.reason)
        )

    def lists(self, letter: Letter) -> bool:
        return letter.last_ms >= self.since_ms and self.names(letter.topic, letter.reason)

    def values(self) -> dict[str, Value]:
        """As an order carries it."""
        return {
            "topic": self.topic,
            "reason": self.reason,
            "since_ms": self.since_ms,
            "id": self.id,
        }

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> "Selection":
        return cls(
            topic=str(values.get("topic", "*")),
            reason=str(values.get("reason", "")),
            since_ms=int(values.get("since_ms", 0)),
            id=int(values.get("id", 0)),
        )


@dataclass(slots=True)
class Tally:
    """What came of a replay: letters that left and that stayed; readings taken in, and doubles."""

    left: int = 0
    stayed: int = 0
    readings: int = 0
    doubles: int = 0
    whys: dict[str, int] = field(default_factory=dict)
    """Why letters stay, with how many."""

    def note(self, again: Again) -> None:
        self.readings += again.judged.counts.replayed
        self.doubles += again.judged.counts.doubles
        whys = [again.why] if again.why else [one.reason for one in again.judged.letters]
        for why in whys:
            self.whys[why] = self.whys.get(why, 0) + 1
        if whys:
            self.stayed += 1
        else:
            self.left += 1

    def __str__(self) -> str:
        text = f"{self.readings} readings taken in, {self.left} letters done with"
        text += f", {self.doubles} readings were held already" if self.doubles else ""
        text += f", {self.stayed} letters stay" if self.stayed else ""
        worst = sorted(self.whys.items(), key=lambda one: -one[1])[:5]
        return text + "".join(f"\n  {count}: {why}" for why, count in worst)


class Replaying:
    """``confirmed`` hears what is on disk now: intervals for receipts, and counts."""

    def __init__(
        self,
        journaling: Journaling,
        intake: Intake,
        clock: Clock,
        confirmed: Callable[[Intervals, Counts], None] = lambda intervals, counts: None,
    ) -> None:
        self._journaling = journaling
        self._intake = intake
        self._clock = clock
        self._confirmed = confirmed
        self._turn = asyncio.Lock()

    async def replay(self, selection: Selection) -> Tally:
        """Judge these letters again, in order of arrival."""
        tally = Tally()
        async with self._turn:
            # What fails again is buried anew behind the last of now, and must not come round.
            last = await self._journaling.call(_last)
            after = 0
            while after < last:
                letters = await self._read(after)
                if not letters:
                    break
                after = letters[-1].id
                await self._once([x for x in letters if x.id <= last and selection.takes(x)], tally)
        return tally

    async def _once(self, letters: list[Kept], tally: Tally) -> None:
        if not letters:
            return
        now_ms, counts = self._clock.now_ms(), Counts()
        said: list[tuple[int, What]] = []
        work = Work()
        letters_again, covers, spoke, gone = [], [], [], []
        for again in self._intake.judge_again(letters):
            tally.note(again)
            if again.why and again.why == again.letter.reason:
                continue
            gone.append(again.letter.id)
            judged = again.judged
            if again.why:
                letters_again.append(again.renamed())
            said += [(now_ms, one) for one in judged.given_up]
            said += [(now_ms, what) for what in judged.measured]
            letters_again += judged.letters
            covers += judged.covers
            spoke += judged.spoke
            counts.replayed += judged.counts.replayed
            counts.doubles += judged.counts.doubles
        intervals = self._intake.intervals(spoke)
        work.said, work.covers, work.letters, work.unburied = said, covers, letters_again, gone
        await self._journaling.write(work)
        self._confirmed(intervals, counts)

    async def purge(self, selection: Selection) -> int:
        """Take these letters away; how many records they were."""
        async with self._turn:
            return await self._journaling.call(lambda journal: _purge(journal, selection))

    async def _read(self, after: int) -> list[Kept]:
        return await self._journaling.call(lambda journal: journal.kept(after, AT_ONCE))


def every(kept: Callable[[int, int], list[Kept]], selection: Selection) -> Iterator[Kept]:
    """The letters of this selection, from a journal's or a tail's ``kept``."""
    after = 0
    while letters := kept(after, AT_ONCE):
        after = letters[-1].id
        yield from (letter for letter in letters if selection.takes(letter))


def rehearse(kept: Callable[[int, int], list[Kept]], intake: Intake, selection: Selection) -> Tally:
    """What a replay would come to; ``intake`` is spent by it."""
    tally = Tally()
    for letter in every(kept, selection):
        for again in intake.judge_again([letter]):
            tally.note(again)
    return tally


def _last(journal: Journal) -> int:
    return journal.last_letter


def _purge(journal: Journal, selection: Selection) -> int:
    try:
        if selection.since_ms or selection.id:
            gone = journal.unbury([x.id for x in every(journal.kept, selection)])
        else:
            keys = [(x.topic, x.reason) for x in journal.letters() if selection.lists(x)]
            gone = journal.forget_letters(keys)
        journal.commit()
    except BaseException:
        journal.rollback()
        raise
    return gone

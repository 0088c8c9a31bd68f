"""Times that cannot be: a pack ahead of the house, or before any clock of ours was set. Pure."""

from collections.abc import Sequence

from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch

AHEAD_MS = 120_000  # a clock may be so far ahead before its times are shifted
# Before this a clock was never set: boards without a battery begin in 1970, 2000 or their build year.
EARLIEST_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
_STANDS = frozenset({int(Quality.MISSING), int(Quality.FAIL)})


_REMEMBERED = 100_000  # shifted readings, twice: 40 MB, for a house in which every clock is wrong

_Given = tuple[str, str, str, str, str, int]


class Moments:
    """Shifts times that cannot be, and gives no two readings of a series the same one.

    Packs that arrive together end at the same moment, and sensors keep a regular pace: without this
    a backlog would be laid on top of itself, and the store would keep one reading of many. The same
    holds of packs that tell their times relative to now.
    """

    def __init__(self) -> None:
        self.lead_ms = 0
        """How far the last pack that was shifted had been ahead of its arrival; negative: behind."""
        self._given: set[_Given] = set()
        self._before: set[_Given] = set()

    def mend(self, batch: Batch, arrived_ms: int) -> int:
        """As ``mend``, and a millisecond earlier where that one is taken."""
        shifted, lead_ms = _mended(batch, arrived_ms)
        if shifted:
            self.lead_ms = lead_ms
        self._give(batch, sorted(shifted, key=lambda i: batch.at_ms[i], reverse=True), -1)
        return len(shifted)

    def keep_apart(self, batch: Batch) -> None:
        """A pack that was dated by its arrival: a millisecond later where a moment is taken."""
        self._give(batch, sorted(range(len(batch)), key=lambda i: batch.at_ms[i]), 1)

    def _give(self, batch: Batch, which: Sequence[int], step_ms: int) -> None:
        """Moments of their own for these readings, in this order and direction."""
        last: dict[tuple[str, str, str], int] = {}
        for i in which:
            series = batch.place[i], batch.port[i], batch.metric[i]
            at_ms = batch.at_ms[i]
            if series in last and (at_ms - last[series]) * step_ms <= 0:
                at_ms = last[series] + step_ms
            given = batch.site, batch.device, *series
            while (*given, at_ms) in self._given or (*given, at_ms) in self._before:
                at_ms += step_ms
            batch.at_ms[i] = last[series] = at_ms
            self._given.add((*given, at_ms))
        if len(self._given) > _REMEMBERED:
            self._given, self._before = set(), self._given


def mend(batch: Batch, arrived_ms: int) -> int:
    """Shift times that cannot be, spacing kept, and mark them suspect; how many readings.

    A newest reading more than two minutes ahead becomes the arrival, and all with it. Those before
    2020 are a part of their own, for the clock may have been set within the pack: their newest
    becomes the arrival, or comes just before the first of the others. A house whose own clock is
    before 2020 knows nothing better than what it is told.
    """
    return len(_mended(batch, arrived_ms)[0])


def _mended(batch: Batch, arrived_ms: int) -> tuple[list[int], int]:
    """The indices of what was shifted, and how far its newest had been ahead of the arrival."""
    if batch.form is not None and EARLIEST_MS <= batch.at_ms[0] <= arrived_ms + AHEAD_MS:
        return [], 0  # packs with a form have one time
    if (
        not batch.at_ms
        or arrived_ms < EARLIEST_MS
        or (min(batch.at_ms) >= EARLIEST_MS and max(batch.at_ms) <= arrived_ms + AHEAD_MS)
    ):
        return [], 0
    early = [i for i, at_ms in enumerate(batch.at_ms) if at_ms < EARLIEST_MS]
    others = [i for i, at_ms in enumerate(batch.at_ms) if at_ms >= EARLIEST_MS]
    mended: list[int] = []
    lead_ms = max(batch.at_ms) - arrived_ms
    newest_ms = max((batch.at_ms[i] for i in others), default=0)
    if newest_ms > arrived_ms + AHEAD_MS:
        mended += _shift(batch, others, arrived_ms - newest_ms)
    if early:
        first_ms = min((batch.at_ms[i] for i in others), default=arrived_ms + 1)
        last_ms = max(batch.at_ms[i] for i in early)
        mended += _shift(batch, early, min(arrived_ms, first_ms - 1) - last_ms)
    return mended, lead_ms


def _shift(batch: Batch, which: Sequence[int], by_ms: int) -> Sequence[int]:
    why = f"its clock was wrong by {-by_ms / 1000:+.0f} s; dated by its arrival"
    for i in which:
        batch.at_ms[i] += by_ms
        batch.reasons[i] = f"{batch.reasons[i]}; {why}" if i in batch.reasons else why
        batch.marks[i] = batch.marks.get(i, 0) | Check.CLOCK.suspect
        if batch.quality[i] not in _STANDS:
            batch.quality[i] = int(Quality.SUSPECT)
    return which

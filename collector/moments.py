"""Times that cannot be: a pack ahead of the house, or before any clock of ours was set. Pure."""

from collections.abc import Sequence

from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch

AHEAD_MS = 120_000  # a clock may be so far ahead before its times are shifted
# Before this a clock was never set: boards without a battery begin in 1970, 2000 or their build year.
EARLIEST_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
_STANDS = frozenset({int(Quality.MISSING), int(Quality.FAIL)})


def mend(batch: Batch, arrived_ms: int) -> int:
    """Shift times that cannot be, spacing kept, and mark them suspect; how many readings.

    A newest reading more than two minutes ahead becomes the arrival, and all with it. Those before
    2020 are a part of their own, for the clock may have been set within the pack: their newest
    becomes the arrival, or comes just before the first of the others.
    """
    if not batch.at_ms or (
        min(batch.at_ms) >= EARLIEST_MS and max(batch.at_ms) <= arrived_ms + AHEAD_MS
    ):
        return 0
    early = [i for i, at_ms in enumerate(batch.at_ms) if at_ms < EARLIEST_MS]
    others = [i for i, at_ms in enumerate(batch.at_ms) if at_ms >= EARLIEST_MS]
    mended = 0
    newest_ms = max((batch.at_ms[i] for i in others), default=0)
    if newest_ms > arrived_ms + AHEAD_MS:
        mended += _shift(batch, others, arrived_ms - newest_ms)
    if early:
        first_ms = min((batch.at_ms[i] for i in others), default=arrived_ms + 1)
        last_ms = max(batch.at_ms[i] for i in early)
        mended += _shift(batch, early, min(arrived_ms, first_ms - 1) - last_ms)
    return mended


def _shift(batch: Batch, which: Sequence[int], by_ms: int) -> int:
    why = f"its clock was wrong by {-by_ms / 1000:+.0f} s; dated by its arrival"
    for i in which:
        batch.at_ms[i] += by_ms
        batch.reasons[i] = f"{batch.reasons[i]}; {why}" if i in batch.reasons else why
        batch.marks[i] = batch.marks.get(i, 0) | Check.CLOCK.suspect
        if batch.quality[i] not in _STANDS:
            batch.quality[i] = int(Quality.SUSPECT)
    return len(which)

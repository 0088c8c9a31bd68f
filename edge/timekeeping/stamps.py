"""The times that readings carry: strictly rising per series, and never one that was given before.

What a run measures before the time is known is *undated*: its times are right among themselves, and
wrong by one shift, which is known once the boot's true beginning is. Of another boot nobody will
ever know it: those are *undatable*.
"""

import json
from array import array
from collections.abc import Container, Mapping

from edge.timekeeping.timekeeper import Anchor

RECENT = 512  # times remembered per series, so that a clock set back meets none of them again
MOST_TURNS = 97  # milliseconds that a reading may be put off for a clock that is set back often

Series = tuple[str, str, str]


class Stamps:
    """Of one run; ``text`` and ``runs`` are what an earlier run of the journal left behind."""

    def __init__(self, run: str, boot: str = "", text: str = "", runs: str = "") -> None:
        self._run = run
        self._boot = boot
        kept = _object(text)
        self.clock_ms = _whole(kept.get("clock_ms"))
        """What the clock said at the last commit."""
        self._highest_ms = _whole(kept.get("highest_ms"))
        self._turns = _whole(kept.get("turns"))
        self.anchor = _anchor(kept.get("anchor"))
        self.undated: dict[str, int] = {}
        """When this boot began by the clock that stamped the run, for each run not dated yet."""
        self.undatable: dict[str, str] = {}
        """The boot of each run that nobody can ever date."""
        for each, (its, zero_ms) in _runs(runs).items():
            if boot and its == boot:
                self.undated[each] = zero_ms
            else:
                self.undatable[each] = its
        self._newest: dict[Series, int] = {}
        self._recent: dict[Series, array[int]] = {}
        self._taken: dict[Series, frozenset[int]] = {}
        self._before_ms = self._highest_ms  # what earlier runs reached
        self._overlap_ms = self._highest_ms if self._turns else -1

    def text(self) -> str:
        """Where the clock stands, for the next run."""
        kept: dict[str, object] = {
            "clock_ms": self.clock_ms,
            "highest_ms": self._highest_ms,
            "turns": self._turns,
        }
        if self.anchor is not None:
            kept["anchor"] = list(self.anchor)
        return json.dumps(kept, separators=(",", ":"))

    def runs(self) -> str:
        """The runs that are not dated, for the next run. Rarely another text than before."""
        undated = {run: [self._boot, zero_ms] for run, zero_ms in self.undated.items()}
        undatable = {run: [boot, 0] for run, boot in self.undatable.items()}
        return json.dumps({**undatable, **undated}, separators=(",", ":"))

    def forget_all_but(self, runs: Container[str]) -> None:
        """Only of these there are readings left."""
        self.undatable = {run: boot for run, boot in self.undatable.items() if run in runs}

    def start(self, now_ms: int) -> None:
        """The run begins; a clock that is behind what was measured before has been set back."""
        if now_ms < self._highest_ms:
            self.turn_back(now_ms)

    def give(self, series: Series, at_ms: int) -> int:
        """The time of a reading of the series that was measured at ``at_ms``."""
        newest_ms = self._newest.get(series, -1)
        given_ms = max(at_ms, newest_ms + 1)
        if given_ms <= self._overlap_ms:
            given_ms = max(at_ms + self._turns, newest_ms + 1)
            taken = self._taken.get(series, frozenset())
            while given_ms in taken:
                given_ms += 1
        self._newest[series] = given_ms
        self._highest_ms = max(self._highest_ms, given_ms)
        recent = self._recent.setdefault(series, array("q"))
        recent.append(given_ms)
        if len(recent) >= 2 * RECENT:
            del recent[:RECENT]
        return given_ms

    def turn_back(self, now_ms: int) -> None:
        """The clock was set back to ``now_ms``: times begin again there, beside those given before.

        Times on a grid would all meet their like, so each turn puts them off by a millisecond more.
        """
        self._turns = self._turns % MOST_TURNS + 1
        self._overlap_ms = self._highest_ms
        self._newest.clear()
        self._taken = {
            series: frozenset(at_ms for at_ms in recent if at_ms >= now_ms - 86_400_000)
            for series, recent in self._recent.items()
        }

    def begin_undated(self, zero_ms: int) -> None:
        """What this run measures cannot be dated yet."""
        self.undated[self._run] = zero_ms

    def date(self, zero_ms: int, now_ms: int) -> dict[str, int]:
        """This boot began at ``zero_ms`` in truth: by how much each of its undated runs shifts."""
        shifts = {run: zero_ms - its_ms for run, its_ms in self.undated.items()}
        self.undated.clear()
        by_ms = shifts.get(self._run, 0)
        for series, newest_ms in self._newest.items():
            self._newest[series] = newest_ms + by_ms
        for series, recent in self._recent.items():
            self._recent[series] = array("q", (at_ms + by_ms for at_ms in recent))
        self._highest_ms = max([self._before_ms, *self._newest.values()])
        if now_ms < self._before_ms:
            self.turn_back(now_ms)
        return shifts

    def shown_ms(self, run: str, steady_ms: int) -> int | None:
        """Now, by the clock that stamped an undated run; None for all others."""
        zero_ms = self.undated.get(run)
        return None if zero_ms is None else zero_ms + steady_ms


def _object(text: str) -> Mapping[str, object]:
    try:
        kept = json.loads(text or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def _whole(raw: object) -> int:
    return raw if type(raw) is int and raw >= 0 else 0


def _anchor(raw: object) -> Anchor | None:
    match raw:
        case [str(boot), int(zero_ms), bool(is_known)]:
            return Anchor(boot, zero_ms, is_known)
    return None


def _runs(text: str) -> dict[str, tuple[str, int]]:
    runs: dict[str, tuple[str, int]] = {}
    for run, each in _object(text).items():
        match each:
            case [str(boot), int(zero_ms)]:
                runs[run] = (boot, zero_ms)
    return runs

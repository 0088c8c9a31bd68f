"""A reading of the house's own goes the whole way each minute; what became of it, stage by stage.

While it passes, everything that a device's reading needs works, and only then is the outside
dead-man told. It is no device's reading: nobody is told of it, and no count holds it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from collector.house import House
from edge.clock import Clock
from edge.contract.reading import Batch

MINUTE_HOUSE_S, MINUTE_LEAST_S = 60.0, 5.0  # house seconds; and real ones, on a fast clock
PATIENCE_HOUSE_S, PATIENCE_S = 30.0, (10.0, 30.0)  # house seconds for all stages, within these real
AGAIN_S = 2.0  # real seconds after a round that failed, or had no site to speak for
MISSING_LEAST = 2  # below so many minutes it may still be on its way

Step = Callable[[], Awaitable[None]]
"""Returns when the reading has passed a stage."""


class Synthetic:
    """``run`` sends one after the other; ``begin`` gives the stages of a round in order.

    No stages means that there is nobody yet in whose name to speak. ``why`` says at which stage the
    last one stands, or ""; ``passed`` counts those that came through, ``seconds`` (real) says how
    long each stage took that the last one has passed. ``note`` is told of each that came through.
    """

    def __init__(
        self,
        begin: Callable[[], Mapping[str, Step]],
        note: Callable[[], object],
        clock: Clock,
    ) -> None:
        self.why = ""
        self.passed = 0
        self.seconds: dict[str, float] = {}
        self._begin = begin
        self._note = note
        self.minute_s = max(MINUTE_LEAST_S, clock.real(MINUTE_HOUSE_S))
        least_s, most_s = PATIENCE_S
        self.patience_s = min(most_s, max(least_s, clock.real(PATIENCE_HOUSE_S)))
        self._clock = clock
        self._passed_s, self._passed_at = time.monotonic(), clock.now()
        self._knows = False
        self._came = asyncio.Event()

    def resume(self, failed_ms: int) -> None:
        """When the process before this one ended, none had come through for so long (house clock)."""
        failed_s = max(0, failed_ms) / 1000
        self._passed_s = time.monotonic() - self._clock.real(failed_s)
        self._passed_at = self._clock.now() - timedelta(seconds=failed_s)
        self._knows = True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began_s = time.monotonic()
            is_passed = await self.round()
            pause_s = self.minute_s - (time.monotonic() - began_s)
            await asyncio.sleep(max(0.0, pause_s) if is_passed else AGAIN_S)

    async def round(self) -> bool:
        """Send one and see it through; whether it passed every stage."""
        stages = self._begin()
        if not stages:
            self.why = ""
            self._passed_s += AGAIN_S  # this time counts for nothing, what failed before it does
            return False
        took: dict[str, float] = {}
        stage = ""
        try:
            async with asyncio.timeout(self.patience_s):
                for stage, step in stages.items():
                    began_s = time.monotonic()
                    await step()
                    took[stage] = time.monotonic() - began_s
        except TimeoutError:
            self._stand(stage, took)
            return False
        except Exception:  # a bug: whoever keeps this task running says which
            self._stand(stage, took)
            raise
        self.why, self.seconds = "", took
        self.passed += 1
        self._passed_s, self._passed_at = time.monotonic(), self._clock.now()
        self._knows = True
        self._came.set()
        self._came = asyncio.Event()
        self._note()
        return True

    def _stand(self, stage: str, took: dict[str, float]) -> None:
        self.seconds = took
        self.why = (
            f"the synthetic reading stands at {stage!r}; none has come through since "
            f"{self._passed_at:%Y-%m-%dT%H:%M:%SZ}"
        )

    async def more_than(self, passed: int) -> None:
        """Until more than so many have come through."""
        while self.passed <= passed:
            await self._came.wait()

    def figures(self, house: House, now_ms: int) -> list[tuple[int, Batch]]:
        """For how many minutes none has come through, as the house says it."""
        missing = int((time.monotonic() - self._passed_s) / self.minute_s)
        if missing < MISSING_LEAST:
            if not self._knows:
                return []  # what was said before the start holds on
            missing = 0
        return house.said("whole-way-missing", missing, now_ms)

"""When the agent asks whom for the time, and whether it may send before it knows."""

import secrets
from collections.abc import Callable

from edge.timekeeping.inquiry import Inquiry
from edge.timekeeping.timekeeper import ClockSet, Ticking, Timekeeper, Truth

LOOK_MS = 2_000  # real: between looks at the system clock; whoever sets it is seen this soon
AGAIN_MS = 3_600_000  # real: a crystal of 50 ppm goes wrong by 0.2 s in that time
UNKNOWN_AGAIN_MS = 30_000  # real: while nobody knows the time
ROUGH_AGAIN_MS = 300_000  # real: while it is known only roughly; three questions are 2 kB
NEAR_MS = 1_000  # an answer that was on its way for two seconds; what a slower one tells is rough


class Timing:
    """``ask`` publishes a question and says whether the connection took it."""

    def __init__(self, keeper: Timekeeper, kernel: Ticking, ask: Callable[[bytes], bool]) -> None:
        self._keeper = keeper
        self._kernel = kernel
        self._ask = ask
        self._inquiry = Inquiry(lambda: secrets.token_hex(8))
        self._look_ms = 0
        self._ask_ms = 0
        self._is_heard = False
        self._is_asking = False
        self._has_asked = False  # on this connection

    def listened(self) -> None:
        """The server listens: it can be asked."""
        if not self._is_heard:
            self._is_heard, self._has_asked, self._ask_ms = True, False, 0

    def unheard(self) -> None:
        """There is nobody to ask."""
        self._is_heard = self._is_asking = False

    def heard(self, payload: bytes) -> None:
        """An answer, not retained."""
        self._inquiry.hear(payload, self._kernel.steady_ms())

    @property
    def may_send(self) -> bool:
        """The time is known; or the server was asked, and gave no answer while it was waited for."""
        return self._keeper.is_known or (self._has_asked and not self._is_asking)

    def work(self) -> ClockSet | None:
        """Do what is due; how the clock was set by it."""
        if self._keeper.is_house:
            return None
        now_ms = self._kernel.steady_ms()
        found = None
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            found = self._keeper.ask_system()
        if self._is_heard and not self._is_asking and now_ms >= self._ask_ms:
            self._has_asked = self._is_asking = True
            self._inquiry.begin(now_ms)
        if self._is_asking:
            question = self._inquiry.question(now_ms)
            is_lost = question is not None and not self._ask(question)
            if is_lost or self._inquiry.is_over(now_ms):
                self._is_asking = False
                truth = self._inquiry.result()
                found = (self._keeper.believe(truth) if truth else None) or found
                self._ask_ms = now_ms + self._again_ms(truth)
        return found

    def _again_ms(self, truth: Truth | None) -> int:
        if not self._keeper.is_known:
            return UNKNOWN_AGAIN_MS
        is_rough = truth is not None and truth.within_ms > NEAR_MS
        return ROUGH_AGAIN_MS if is_rough else AGAIN_MS

    def wait_s(self) -> float | None:
        """When ``work`` is next due, in real seconds."""
        if self._keeper.is_house:
            return None
        now_ms = self._kernel.steady_ms()
        waits = [self._look_ms - now_ms]
        if self._is_asking:
            waits.append(self._inquiry.until_ms - now_ms)
        elif self._is_heard:
            waits.append(self._ask_ms - now_ms)
        return max(0.0, min(waits) / 1000)

"""Several series in one state, taken in by the order of their time."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from alerts.rules.limit import Limited, LimitState
from alerts.rules.order import Order
from alerts.rules.rule import Expected, Series, Shift, Take


class SeveralState(LimitState):
    """A state of many series; with a ``wait`` none is taken in before its turn."""

    __slots__ = ("hold_by", "order_of")

    def __init__(self, rule: Limited, expected: Expected, wait_ms: int) -> None:
        super().__init__(rule, expected)
        self.order_of = Order(wait_ms)
        self.hold_by: dict[str, int] = {}
        """By series, how long its value holds."""

    def take_for(self, series: Series) -> Take:
        self.hold_by[series.key] = series.hold_ms
        # What is judged of many lasts as long as the one that is heard most seldom.
        self.hold_ms = max(self.hold_ms, series.hold_ms)
        return partial(self._arrive if self.order_of.wait_ms else self.take, series.key)

    def take(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        """Take in a reading of the series ``key``, in the order of time."""
        raise NotImplementedError

    def waits(self) -> bool:
        return bool(self.order_of.held) or self.ladder.waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        shifts: list[Shift] = []
        for at_ms, key, value, then_ms in self.order_of.due(watched_ms):
            shifts += self.take(key, value, at_ms, then_ms) or ()
        if self.ladder.waits():
            shifts += super().wait(watched_ms)
        return shifts

    def until(self, watched_ms: int) -> int:
        return self.order_of.until(super().until(watched_ms))

    def _arrive(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        order = self.order_of
        is_known = bool(order.held)
        going = order.add(key, value, at_ms, watched_ms)
        if not going and is_known:
            return None  # that something waits has been said
        shifts: list[Shift] = []
        for then_ms, each, held, seen_ms in going:
            shifts += self.take(each, held, then_ms, seen_ms) or ()
        return shifts

    def dump(self) -> list[Any]:
        return [super().dump(), self.order_of.dump()]

    def load(self, data: list[Any]) -> None:
        super().load(data[0])
        self.order_of.load(data[1], self.hold_by)

"""Several series in one state, taken in by the order of their time."""

from collections.abc import Sequence
from typing import Any

from alerts.rules.limit import Limited, LimitState
from alerts.rules.order import Order
from alerts.rules.rule import Ear, Expected, KeyedEar, Series, Shift


class SeveralState(LimitState):
    """A state of many series; with a ``wait`` none is taken in before its turn."""

    __slots__ = ("hold_by", "order_of")

    def __init__(self, rule: Limited, expected: Expected, wait_ms: int) -> None:
        super().__init__(rule, expected)
        self.order_of = Order(wait_ms) if wait_ms else None
        self.hold_by: dict[str, int] = {}
        """By series, how long its value holds."""

    def ear(self, series: Series) -> Ear:
        key = series.key
        self.hold_by[key] = series.hold_ms
        # What is judged of many lasts as long as the one that is heard most seldom.
        self.hold(max(self.hold_ms, series.hold_ms))
        return KeyedEar(self, key)

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        order = self.order_of
        if order is None:
            return self.take_in(key, value, at_ms, watched_ms)
        is_known = bool(order.held)
        going = order.add(key, value, at_ms, watched_ms)
        if not going and is_known:
            return None  # that something waits has been said
        shifts: list[Shift] = []
        for then_ms, each, held, seen_ms in going:
            shifts += self.take_in(each, held, then_ms, seen_ms) or ()
        return shifts

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        """Take in a reading of the series ``key``, in the order of time."""
        raise NotImplementedError

    @property
    def holds_back(self) -> bool:
        """Whether a reading waits for its turn."""
        return self.order_of is not None and bool(self.order_of.held)

    def waits(self) -> bool:
        return self.holds_back or super().waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        shifts: list[Shift] = []
        if self.order_of is not None:
            for at_ms, key, value, then_ms in self.order_of.due(watched_ms):
                shifts += self.take_in(key, value, at_ms, then_ms) or ()
        if super().waits():
            shifts += super().wait(watched_ms)
        return shifts

    def until(self, watched_ms: int) -> int:
        until_ms = super().until(watched_ms)
        return until_ms if self.order_of is None else self.order_of.until(until_ms)

    def dump(self) -> list[Any]:
        return [super().dump(), [] if self.order_of is None else self.order_of.dump()]

    def load(self, data: list[Any]) -> None:
        super().load(data[0])
        if self.order_of is not None:
            self.order_of.load(data[1], self.hold_by)

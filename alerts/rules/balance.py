"""Balance: what the sockets draw together against what their feeder's meter says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.registry.model import Place
from alerts.rules.circuit import LOAD_HOLES, circuit_of, name_facts
from alerts.rules.limit import Limited
from alerts.rules.rule import Duration, Expected, Mistake, Number, Shift, State
from alerts.rules.several import SeveralState
from edge.contract.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance(Limited):
    """Rings when sockets and feeder differ by so many percent of the larger, in active power.

    Judged only while every socket of the circuit and its feeder are measured and fresh, and only
    from ``floor`` watts on.
    """

    GIVES: ClassVar = (LOAD_HOLES - {"amperes", "rating"}) | {"value", "sockets"}
    MEASURE: ClassVar = "percent between sockets and feeder"
    PER_DEVICE: ClassVar = False
    NUMBERS: ClassVar = ("wait_ms", "floor")

    kind: Literal["balance"] = "balance"
    metric: Literal["power"] = "power"
    floor: Annotated[Number, Field(gt=0)]
    wait_ms: Annotated[Duration, Field(alias="wait")]

    def subject(self, site: str, device: str, place: Place | None, port: str) -> Subject | None:
        return circuit_of(site, place, port)

    def begin(self, expected: Expected) -> State | None:
        return BalanceState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        for n, step in enumerate(self.step, 1):
            if step.above is not None and not 0 < step.above < 100:
                yield Mistake(f"step {n}.above", "is a percentage", "use a number below 100")


class BalanceState(SeveralState):
    """The newest power of each series of the circuit."""

    __slots__ = ("feeder", "floor", "names", "ports", "sockets", "values")

    def __init__(self, rule: Balance, expected: Expected) -> None:
        super().__init__(rule, expected, rule.wait_ms)
        assert expected.place is not None
        assert expected.subject is not None
        self.floor, self.names = rule.floor, name_facts(expected)
        fed = expected.subject.port
        self.ports = frozenset(p.id for p in expected.place.ports if p.circuit == fed)
        self.values: dict[str, tuple[int, float]] = {}
        self.feeder = self.sockets = 0.0

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        values = self.values
        before = values.get(key)
        if before is not None and at_ms < before[0]:
            return None
        values[key] = (at_ms, value)
        feeder: float | None = None
        sockets: dict[str, float] = {}
        for each, (then_ms, watts) in values.items():
            if at_ms - then_ms > self.hold_by.get(each, 0):
                continue
            port = each.split("/")[2]
            if port:
                sockets[port] = watts
            else:
                feeder = watts
        if feeder is None or len(sockets) < len(self.ports):
            return None
        together = sum(sockets.values())
        larger = max(feeder, together)
        percent = 100 * abs(feeder - together) / larger if larger >= self.floor else 0.0
        self.feeder, self.sockets = feeder, together
        return self.judge(percent, at_ms, watched_ms)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        facts = {"percent": measure, "sockets": self.sockets, **self.names}
        return {"value": self.feeder, "facts": facts}

    def dump(self) -> list[Any]:
        values = [[key, *value] for key, value in self.values.items()]
        return [SeveralState.dump(self), self.feeder, self.sockets, values]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        self.feeder, self.sockets = data[1], data[2]
        self.values = {key: (at_ms, value) for key, at_ms, value in data[3] if key in self.hold_by}

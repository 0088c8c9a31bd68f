"""Circuit: the load of a circuit against its rating, from its feeder's meter or its sockets'."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alerts.registry.model import Names, Place
from alerts.rules.limit import Limited
from alerts.rules.rule import COMMON_HOLES, Expected, Mistake, Shift, State
from alerts.rules.several import SeveralState
from alerts.words import Language
from edge.contract.subject import Subject, SubjectKind

MAINS_V = 220.0  # GB/T 156: what a power is divided by where a socket's current is not measured
LOAD_HOLES = COMMON_HOLES | {"circuit_zh", "circuit_en", "percent", "amperes", "rating"}


def circuit_of(site: str, place: Place | None, port: str) -> Subject | None:
    """The circuit behind a socket; without a port the only one of the place, by its feeder."""
    if place is None:
        return None
    if port:
        fed = next((each.circuit for each in place.ports if each.id == port), "")
    else:
        fed = place.circuits[0].id if len(place.circuits) == 1 else ""
    return Subject(SubjectKind.CIRCUIT, site, place.id, fed) if fed else None


def name_facts(expected: Expected) -> dict[str, float | str]:
    """What the circuit is called, for the sentences of either language."""
    assert expected.place is not None
    assert expected.subject is not None
    wanted = expected.subject.port
    names = next((c.names for c in expected.place.circuits if c.id == wanted), Names(zh=wanted))
    return {"circuit_zh": names.zh, "circuit_en": names.by(Language.EN)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit(Limited):
    """Rings when a circuit carries so many percent of its rating (``rating_a`` of the registry).

    A feeder's ``current`` is taken where it is measured and fresh; else the sockets' currents are
    added up, a socket without one by its ``power`` over 220 V. Such a sum is a lower bound while a
    socket is silent: it raises, and does not clear.
    """

    GIVES: ClassVar = LOAD_HOLES
    MEASURE: ClassVar = "percent of the rating"
    PER_DEVICE: ClassVar = False

    kind: Literal["circuit"] = "circuit"
    metric: Literal["current"] = "current"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("current", "power")

    def subject(self, site: str, device: str, place: Place | None, port: str) -> Subject | None:
        return circuit_of(site, place, port)

    def begin(self, expected: Expected) -> State | None:
        rating_a = _rating(expected)
        return CircuitState(self, expected, rating_a) if rating_a and self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        for n, step in enumerate(self.step, 1):
            if step.below is not None:
                yield Mistake(f"step {n}.below", "a circuit is not too empty", "use 'above'")


class CircuitState(SeveralState):
    """The newest value of each series of the circuit."""

    __slots__ = ("amperes", "names", "rating_a", "values")

    def __init__(self, rule: Circuit, expected: Expected, rating_a: float) -> None:
        super().__init__(rule, expected, 0)
        self.rating_a, self.names = rating_a, name_facts(expected)
        self.values: dict[str, tuple[int, float]] = {}
        self.amperes = 0.0

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        values = self.values
        before = values.get(key)
        if before is not None and at_ms < before[0]:
            return None
        values[key] = (at_ms, value)
        amperes, is_whole = self._load(max(at_ms, self.last_ms))
        self.amperes = amperes
        measure = 100 * amperes / self.rating_a
        if not is_whole and self.breach is not None and self.breach.severity is not None:
            # A lower bound keeps what is raised: it is neither beyond the limit nor clear.
            measure = max(measure, self.breach.value)
        return self.judge(measure, max(at_ms, self.last_ms), watched_ms)

    def _load(self, at_ms: int) -> tuple[float, bool]:
        """Amperes, and whether every socket has spoken lately."""
        by_port: dict[str, tuple[str, float]] = {}
        is_whole = True
        for key, (then_ms, value) in self.values.items():
            _, _, port, metric = key.split("/")
            if at_ms - then_ms > self.hold_by.get(key, 0):
                is_whole = is_whole and not port
                continue
            if not port and metric == "current":
                return value, True
            known = by_port.get(port)
            if port and (known is None or known[0] != "current"):
                by_port[port] = (metric, value if metric == "current" else value / MAINS_V)
        return sum(amperes for _, amperes in by_port.values()), is_whole

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        facts = {
            "percent": measure, "amperes": self.amperes, "rating": self.rating_a,
            **self.names,
        }  # fmt: skip
        limit_a = None if limit is None else limit * self.rating_a / 100
        peak_a = peak * self.rating_a / 100
        return {"value": self.amperes, "limit": limit_a, "peak": peak_a, "facts": facts}

    def dump(self) -> list[Any]:
        values = [[key, *value] for key, value in self.values.items()]
        return [SeveralState.dump(self), self.amperes, values]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        self.amperes = data[1]
        self.values = {key: (at_ms, value) for key, at_ms, value in data[2] if key in self.hold_by}


def _rating(expected: Expected) -> float:
    place, subject = expected.place, expected.subject
    if place is None or subject is None:
        return 0.0
    return next((c.rating_a for c in place.circuits if c.id == subject.port), 0.0)

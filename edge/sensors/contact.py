"""Contacts: water on the floor, smoke, a door, by GPIO. Told when they change, and by a heartbeat.

A change is told once the contact has been still for the debounce, with the time of its edge. What
the agent starts with is told at once, because nobody knows what happened while it was off.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.pins import Line, Wiring, read_wiring
from edge.sensors.polling import LONGEST_BACKOFF_S, Answer, fault, read_series
from edge.sensors.port import Sample, Series, Step, Use
from edge.table import Table

LOOK_MS = 50  # house: edges are noted as they come; this is how long they may wait to be told
RESTLESS_S = 5.0  # a contact that is never still so long is no contact but a bad wire
MOST_CHANGES = 1000  # that wait to be told; the oldest go first
OWN = {"guard", "cut"}  # what the box says of itself, no wire
FLAGS = tuple(sorted(name for name, each in METRICS.items() if each.is_flag and name not in OWN))


class Change(NamedTuple):
    at_s: float
    is_closed: bool


@dataclass(slots=True)
class Debounce:
    """A level holds once it has been still for ``still_s``; what was shorter never was."""

    still_s: float
    is_closed: bool | None = None
    """The level that holds; None until one has."""
    _raw: bool | None = None
    _since_s: float = 0.0
    _restless_s: float | None = None

    def edge(self, at_s: float, is_closed: bool) -> Change | None:
        """The line went to this level; the change that this shows to have held, if any."""
        change = self._settle(at_s)
        self._raw, self._since_s = is_closed, at_s
        if self._restless_s is None:
            self._restless_s = at_s
        return change

    def look(self, at_s: float, is_closed: bool) -> Change | None:
        """The line is at this level; an edge that nobody told counts from now."""
        return self._settle(at_s) if is_closed is self._raw else self.edge(at_s, is_closed)

    def restless_s(self, at_s: float) -> float:
        """How long the line has not been still."""
        return 0.0 if self._restless_s is None else at_s - self._restless_s

    def _settle(self, at_s: float) -> Change | None:
        if self._raw is None or at_s - self._since_s < self.still_s:
            return None
        self._restless_s = None
        if self._raw is self.is_closed:
            return None
        self.is_closed = self._raw
        return Change(self._since_s, self._raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What to watch. The metric is 1 when the contact is not as it normally is."""

    series: Series
    wiring: Wiring
    is_normally_closed: bool
    debounce_s: float = 0.05
    heartbeat_s: float = 60.0

    def build(self, name: str, begin_ms: int) -> "ContactSensor":
        return ContactSensor(name, self)

    @property
    def gives(self) -> tuple[Series, ...]:
        return (self.series,)

    @property
    def pace_s(self) -> float:
        return self.heartbeat_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("pin", self.wiring.name),)


@dataclass(slots=True)
class ContactSensor:
    """The sensor. It needs no mark: what it starts with is told anew."""

    name: str
    contact: Contact
    last: Mapping[Series, Answer] = field(default_factory=dict)
    """What was told last, with the contact's own state."""
    _line: Line | None = None
    _debounce: Debounce = field(init=False)
    _changes: list[Change] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _beat_ms: int | None = None
    _try_ms: int = 0
    _failures: int = 0
    _fault: str = ""
    _told_fault: str = ""

    def __post_init__(self) -> None:
        self._debounce = Debounce(self.contact.debounce_s)

    def step(self, mark: str, now_ms: int) -> Step:
        samples = [self._told(answer, at_ms) for at_ms, answer in self._answers(now_ms)]
        if samples:
            self._beat_ms = self._moment(now_ms)
        return Step(samples=tuple(samples), mark=mark, wake_ms=now_ms + LOOK_MS)

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _answers(self, now_ms: int) -> list[tuple[int, Answer]]:
        """What is to be told now: changes with their times, a fault when it is new, a heartbeat."""
        try:
            changes, restless_s, now_s = self._look(now_ms)
        except SensorError as error:
            return self._if_due(now_ms, fault(str(error)), str(error))
        told = [
            (now_ms - round((now_s - change.at_s) * 1000), self._answer(change.is_closed))
            for change in changes
        ]
        if restless_s > RESTLESS_S:
            reason = f"the contact is never still for {self.contact.debounce_s:g} s; see its wires"
            return told + self._if_due(now_ms, fault(reason, Quality.FAIL, "chatters"), reason)
        is_closed = self._debounce.is_closed
        if is_closed is None:
            return told  # not still for long enough since the start; it will be
        if told:
            self._told_fault = ""
            return told
        return self._if_due(now_ms, self._answer(is_closed), "")

    def _if_due(self, now_ms: int, answer: Answer, reason: str) -> list[tuple[int, Answer]]:
        """At a heartbeat, and at once when a fault comes, goes or becomes another."""
        is_news = reason != self._told_fault
        self._told_fault = reason
        return [(now_ms, answer)] if is_news or self._moment(now_ms) != self._beat_ms else []

    def _look(self, now_ms: int) -> tuple[list[Change], float, float]:
        """The changes since the last look and how long the line has been restless."""
        line = self._line or self._open(now_ms)
        try:
            is_closed = line.is_closed
        except SensorError:
            line.close()
            self._line = None
            raise
        with self._lock:
            now_s = time.monotonic()
            self._note(self._debounce.look(now_s, is_closed))
            changes, self._changes = self._changes, []
            return changes, self._debounce.restless_s(now_s), now_s

    def _open(self, now_ms: int) -> Line:
        longest_ms = round(LONGEST_BACKOFF_S * 1000)
        if self._failures and now_ms < self._try_ms <= now_ms + longest_ms:
            raise SensorError(self._fault)
        self._debounce = Debounce(self.contact.debounce_s)
        try:
            self._line = Line(self.contact.wiring, self._edge)
        except SensorError as error:
            self._fault = str(error)
            self._try_ms = now_ms + min(longest_ms, 1000 * 2 ** min(self._failures, 16))
            self._failures += 1
            raise
        self._failures = 0
        return self._line

    def _edge(self, at_s: float, is_closed: bool) -> None:
        with self._lock:  # the driver's thread
            self._note(self._debounce.edge(at_s, is_closed))

    def _note(self, change: Change | None) -> None:
        if change is not None:
            self._changes.append(change)
            del self._changes[:-MOST_CHANGES]

    def _moment(self, now_ms: int) -> int:
        return now_ms // max(1, round(self.contact.heartbeat_s * 1000))

    def _answer(self, is_closed: bool) -> Answer:
        is_on = is_closed is not self.contact.is_normally_closed
        return Answer(float(is_on), "closed" if is_closed else "open")

    def _told(self, answer: Answer, at_ms: int) -> Sample:
        self.last = {self.contact.series: answer}
        return Sample(*self.contact.series, answer.value, at_ms, answer.quality, answer.reason)


def read(table: Table, _: Path) -> Contact:
    """The keys of a ``[[sensor]]`` of kind contact; mistakes are complained of to the table."""
    place, port = read_series(table)
    return Contact(
        series=Series(place, port, table.one_of("metric", FLAGS)),
        wiring=read_wiring(table),
        is_normally_closed=table.one_of("normally", ("open", "closed")) == "closed",
        debounce_s=table.number("debounce_s", 0.05, least=0, most=5),
        heartbeat_s=table.number("heartbeat_s", 60.0, least=1, most=86_400),
    )

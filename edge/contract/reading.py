"""Readings one by one, and as columns; what was refused, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from edge.contract.quality import Quality


class ReadingClass(StrEnum):
    """How dear a reading is when room runs out: health goes first, alarm last."""

    ALARM = "alarm"
    SERIES = "series"
    HEALTH = "health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one metric, at one time.

    ``place`` is empty for what a device says of itself; ``port`` is empty where a place has none.
    ``value`` is None when ``quality`` is MISSING, else finite, in the unit of the catalogue.
    ``at_ms`` is when it was measured: milliseconds since 1970 UTC, strictly rising per series.
    ``seq`` counts the readings of one ``run`` (one start of the agent) at measurement, from 0.
    """

    place: str
    port: str
    metric: str
    value: float | None
    at_ms: int
    quality: Quality = Quality.NOT_EVALUATED
    reason: str = ""
    run: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What packs of one kind have in common: one device, the same places, ports and metrics.

    There is one object for each form, compared by identity, so that whoever follows packs may keep
    what it has worked out of their names. The lists are shared by many batches: nobody changes them.
    """

    site: str
    device: str
    place: list[str]
    port: list[str]
    metric: list[str]


@dataclass(slots=True, kw_only=True)
class Batch:
    """The readings of one pack as columns of equal length; the hot path never builds a Reading.

    ``first`` and ``count`` say which consecutive ``seq`` the pack spoke for, refused ones included.
    ``reasons`` holds a word for the few readings that have one, by index, and ``marks`` the tests
    (``edge.contract.quality.Check``) that marked a reading, by index too.
    ``untrusted``: anybody could have said it; it may raise a fire, flood or safety incident and
    never clears one.
    ``form``, where it is given, says the same of place, port and metric; all readings are of one time
    then, and numbered without gaps.
    """

    site: str
    device: str
    run: str
    first: int
    count: int
    place: list[str] = field(default_factory=list)
    port: list[str] = field(default_factory=list)
    metric: list[str] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    marks: dict[int, int] = field(default_factory=dict)
    is_news: bool = True
    untrusted: bool = False
    form: Form | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.at_ms)

    def readings(self) -> Iterator[Reading]:
        """The same, one by one."""
        for i in range(len(self.at_ms)):
            yield Reading(
                place=self.place[i],
                port=self.port[i],
                metric=self.metric[i],
                value=self.value[i],
                at_ms=self.at_ms[i],
                quality=Quality(self.quality[i]),
                reason=self.reasons.get(i, ""),
                run=self.run,
                seq=self.seq[i],
            )

    def add(self, reading: Reading) -> None:
        """Append one reading; its run is the batch's."""
        if reading.reason:
            self.reasons[len(self.at_ms)] = reading.reason
        self.place.append(reading.place)
        self.port.append(reading.port)
        self.metric.append(reading.metric)
        self.value.append(reading.value)
        self.at_ms.append(reading.at_ms)
        self.quality.append(int(reading.quality))
        self.seq.append(reading.seq)

    def only(self, keep: "list[int]") -> "Batch":
        """A batch of the readings at these indices, speaking for the same ``seq`` range."""
        part = Batch(
            site=self.site,
            device=self.device,
            run=self.run,
            first=self.first,
            count=self.count,
            untrusted=self.untrusted,
        )
        for new, i in enumerate(keep):
            part.place.append(self.place[i])
            part.port.append(self.port[i])
            part.metric.append(self.metric[i])
            part.value.append(self.value[i])
            part.at_ms.append(self.at_ms[i])
            part.quality.append(self.quality[i])
            part.seq.append(self.seq[i])
            if i in self.reasons:
                part.reasons[new] = self.reasons[i]
            if i in self.marks:
                part.marks[new] = self.marks[i]
        return part


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was refused: a whole message (``seq`` None) or one record of it, with the reason."""

    topic: str
    reason: str
    raw: bytes
    seq: int | None = None


class Decoded(NamedTuple):
    """What a message held: the readings that pass, and the records that do not."""

    batch: Batch
    rejected: tuple[Rejected, ...] = ()
    dropped: tuple[tuple[str, int, int, str], ...] = ()
    """Ranges the device announces as dropped by its own cap: (run, first, last, reason)."""
    is_relative: bool = False
    """Some of it was told relative to now, and so is dated by when the message came."""

"""The store's port: what the writer, the roll-up and the desk ask of it, and the values they get.

Times are milliseconds since 1970 UTC, spans half open: ``since_ms <= at_ms < until_ms``. Readings
whose quality withholds them (fail, missing) are kept as points and count in no minimum, mean or
maximum.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from alerts.rules.inputs import Amendment
from edge.contract.reading import Batch


class StoreUnavailable(Exception):
    """The store cannot be reached or cannot write now: keep the readings and try again later."""


class StoreMismatch(Exception):
    """The store was made by a newer version, or is no store at all: somebody must look at it."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One line of a chart; ``place`` and ``port`` may be empty, as in a reading."""

    site: str
    device: str
    place: str
    port: str
    metric: str


def series_of(amendment: Amendment) -> Series:
    """Whose points are amended."""
    return Series(
        amendment.site, amendment.device, amendment.place, amendment.port, amendment.metric
    )


@dataclass(frozen=True, slots=True)
class Point:
    """One stored reading; ``value`` is None when there is none, ``quality`` is QARTOD's number.

    ``marks`` are the tests that marked it (``edge.contract.quality.Check``).
    """

    series: Series
    at_ms: int
    value: float | None
    quality: int
    marks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of one series as columns of equal length, oldest first."""

    at_ms: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Columns of equal length, oldest first; ``at_ms`` is where a bucket begins.

    ``step_ms`` is 0 when these are single points, which happens where they are few enough. A bucket
    without a value that counts is left out. ``count`` is how many values a bucket holds (its sum is
    ``mean * count``), ``suspect`` how many of them are suspect.
    """

    step_ms: int
    at_ms: list[int] = field(default_factory=list)
    min: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    max: list[float] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    suspect: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at_ms)


class Level(IntEnum):
    """The two roll-ups; the number is the length of a bucket in milliseconds."""

    MINUTE = 60_000
    HOUR = 3_600_000

    def start(self, at_ms: int) -> int:
        """Where the bucket that holds this time begins (aligned to 1970 UTC)."""
        return at_ms - at_ms % self.value


@dataclass(frozen=True, slots=True)
class Touched:
    """The bucket of ``level`` that begins at ``at_ms``, and the series whose readings it got."""

    level: Level
    at_ms: int
    series: Collection[Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What a run of retention deleted, whether more is waiting, and why it paused (or "")."""

    deleted: int = 0
    more: bool = False
    paused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The values of a span added up, e.g. mm of rain; None when no value counts, which is not 0."""

    since_ms: int
    until_ms: int
    value: float | None
    count: int
    suspect: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """How many points of a series lie in a span: those that count, and those withheld."""

    series: Series
    since_ms: int
    until_ms: int
    counted: int
    withheld: int


Span = tuple[int, int]
POINTS_MOST = 100_000  # one answer of points(): 100 days at a reading each 90 s, some 10 MB


class Store(Protocol):
    """Every method may raise StoreUnavailable. What ``write`` has returned from is durable."""

    async def set_up(self) -> None:
        """Make what is missing; may be called each time the house starts."""
        ...

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        """Keep these readings and return how many were kept; the same point twice is one point.

        ``arrived_ms`` is when the newest of them arrived (house clock): retention watches it for
        steps of the clock.
        """
        ...

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        """Make the points of these spans no better than said, and mark them; again is harmless."""
        ...

    async def roll_up(self, touched: Sequence[Touched]) -> None:
        """Compute these buckets anew from the points."""
        ...

    async def latest(self, site: str) -> list[Point]:
        """The newest point of each series of the site, in order of series."""
        ...

    async def series(self, site: str) -> list[Series]:
        """The series of the site, in order."""
        ...

    async def points(
        self,
        series: Series,
        since_ms: int,
        until_ms: int,
        most: int = POINTS_MOST,
        *,
        marked: bool = False,
    ) -> Points:
        """The oldest ``most`` points of the span; ``marked``: only those that a test marked."""
        ...

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
        """The span for a chart: at most ``most`` buckets, whole where they reach over its ends."""
        ...

    async def sums(self, series: Series, spans: Sequence[Span]) -> list[Sum]:
        """The series added up over each span; whole buckets where the points are gone."""
        ...

    async def got(self, site: str, spans: Sequence[Span]) -> list[Got]:
        """The points of each span by series, in order of series; without those that have none.

        Points alone are counted, so a span older than they are kept has less than it had.
        """
        ...

    async def count(self) -> int:
        """How many points are kept in all, without what the house says of itself and of devices."""
        ...

    async def retain(self, now_ms: int) -> Retained:
        """Delete what is older than its time, a capped number a run."""
        ...

    async def close(self) -> None: ...

"""The run: the same entries to one engine a variant, and past the charts."""

import sys
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.registry.model import Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised
from alerts.rules.packs import Packs
from alerts.rules.transition import Transition
from alerts.trial.envelope import Envelope
from alerts.trial.span import Span
from alerts.trial.variant import Variant
from collector.stores.port import Series
from edge.contract.quality import WITHHELD
from edge.contract.reading import Batch

SAY_S = 2.0  # between two lines of progress
SERIES_MOST = 2000  # charts that are kept: some 64 MB
_WITHHELD = frozenset(int(quality) for quality in WITHHELD)
_SAY_EACH = 256  # entries between looks at the clock


class Side:
    """One variant's engine, and what it has said."""

    def __init__(self, variant: Variant, journal: str = "replay") -> None:
        self._variant = variant
        self._engine = Engine(journal)
        self._engine.position = -2  # what stands in for a journal's lost head comes before 1
        self.transitions: list[Transition] = []

    def feed(self, entry: Entry) -> None:
        what = entry.what
        if isinstance(what, PacksRevised):
            entry = entry._replace(what=PacksRevised(self._variant.packs(what.packs)))
        elif isinstance(what, RegistryRevised):
            entry = entry._replace(what=RegistryRevised(self._variant.registry(what.registry)))
        self.transitions += self._engine.feed(entry)

    @property
    def packs(self) -> Packs:
        """The rules at the end."""
        return self._engine.packs

    @property
    def registry(self) -> Registry:
        return self._engine.registry

    @property
    def problems(self) -> list[str]:
        found = [problem for problem in self._engine.problems if "place ''" not in problem.where]
        return [str(problem) for problem in found]  # the number on trial of what has no place


class Charts:
    """An envelope for each series of these metrics (None: of all), made while readings pass."""

    def __init__(self, span: Span, metrics: Collection[str] | None) -> None:
        self.series: dict[Series, Envelope] = {}
        self._span = span
        self._metrics = metrics
        self._known: dict[tuple[str, str, str, str, str], Envelope | None] = {}

    def take(self, batch: Batch) -> None:
        site, device = batch.site, batch.device
        for place, port, metric, at_ms, value, quality in zip(
            batch.place,
            batch.port,
            batch.metric,
            batch.at_ms,
            batch.value,
            batch.quality,
            strict=True,
        ):
            if value is None or quality in _WITHHELD:
                continue
            key = (site, device, place, port, metric)
            envelope = self._known[key] if key in self._known else self._begin(key)
            if envelope is not None:
                envelope.add(at_ms, value)

    def _begin(self, key: tuple[str, str, str, str, str]) -> Envelope | None:
        envelope = None
        if (self._metrics is None or key[4] in self._metrics) and len(self.series) < SERIES_MOST:
            envelope = Envelope(self._span.since_ms, self._span.until_ms)
            self.series[Series(*key)] = envelope
        self._known[key] = envelope
        return envelope


@dataclass(slots=True)
class Fed:
    """How many readings a run has seen, and when the first one was measured."""

    readings: int = 0
    first_ms: int | None = None


def run(
    entries: Iterable[Entry],
    span: Span,
    sides: Collection[Side],
    charts: Charts,
    *,
    until_ms: int | None = None,
) -> Fed:
    """Feed all that arrived before ``until_ms`` (None: all)."""
    fed, progress = Fed(), _Progress(span)
    for n, entry in enumerate(entries):
        if until_ms is not None and entry.at_ms >= until_ms:
            break
        for side in sides:
            side.feed(entry)
        if isinstance(entry.what, Batch):
            fed.readings += len(entry.what)
            if fed.first_ms is None:
                fed.first_ms = min(entry.what.at_ms, default=None)
            if entry.at_ms >= span.since_ms:
                charts.take(entry.what)
        if n % _SAY_EACH == 0:
            progress.say(entry.at_ms, fed.readings)
    return fed


class _Progress:
    """A line on stderr each two seconds."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._began = self._said = time.monotonic()

    def say(self, at_ms: int, readings: int) -> None:
        now = time.monotonic()
        if now < self._said + SAY_S:
            return
        self._said = now
        whole_ms = max(1, self._span.until_ms - self._span.warm_ms)
        share = min(1.0, max(0.0, (at_ms - self._span.warm_ms) / whole_ms))
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        pace = readings / (now - self._began)
        sys.stderr.write(f"{share:4.0%}  {day:%Y-%m-%d}  {readings:,} readings, {pace:,.0f}/s\n")

"""What a store in InfluxDB answers: InfluxQL for points, buckets, counts and roll-ups."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from alerts.rules.inputs import Amendment
from collector.stores.chart import Floors, Row, chart
from collector.stores.kinds import InfluxSettings
from collector.stores.lines import (
    MARKS,
    MEASUREMENT,
    QUALITY,
    TAGS,
    line_of_no_row,
    line_of_row,
    line_of_verdict,
    quote_name,
    quote_text,
    ranges,
    where,
)
from collector.stores.port import (
    POINTS_MOST,
    Buckets,
    Got,
    Level,
    Point,
    Points,
    Series,
    Span,
    Sum,
    series_of,
)
from collector.stores.questions import Answer, Questions
from collector.stores.retention import DAY_MS, Retention
from collector.stores.sums import by_series, got, sums
from edge.clock import Clock
from edge.contract.metrics import BY_HOUSE
from edge.contract.quality import Quality

NAMED_MOST = 20  # series named one by one in a query; with more, all are asked
ROLL_UP_GAP = 60  # buckets between two touched ones that are cheaper to compute than to leave out

_BY_TAGS = f"GROUP BY {', '.join(quote_name(tag) for tag in TAGS)}"


class InfluxReader:
    """The questions of a Store, asked of InfluxDB 1 or 2."""

    def __init__(self, settings: InfluxSettings, retention: Retention, clock: Clock) -> None:
        self._settings = settings
        self._retention = retention
        self._clock = clock
        self._questions = Questions(settings)

    async def latest(self, site: str) -> list[Point]:
        bucket = self._settings.bucket_of(site)
        metrics = await self._metrics(bucket)
        answers = await self._questions.ask(
            bucket,
            [
                f"SELECT last({_quality(metric)}), {_number(metric)}, {_marks(metric)}"
                f" FROM {MEASUREMENT} WHERE site = {quote_text(site)} {_BY_TAGS}"
                for metric in metrics
            ],
        )
        found = []
        for metric, answer in zip(metrics, answers, strict=True):
            for tags, rows in answer:
                for at_ms, quality, value, marks in rows:
                    series = _series(tags, metric)
                    found.append(Point(series, at_ms, _value(value, quality), quality, marks or 0))
        return sorted(found, key=lambda point: point.series)

    async def series(self, site: str) -> list[Series]:
        return [point.series for point in await self.latest(site)]

    async def points(
        self,
        series: Series,
        since_ms: int,
        until_ms: int,
        most: int = POINTS_MOST,
        *,
        marked: bool = False,
    ) -> Points:
        metric, only = series.metric, f" AND {_marks(series.metric)} > 0" if marked else ""
        rows = await self._rows(
            self._settings.bucket_of(series.site),
            f"SELECT {_number(metric)}, {_quality(metric)}, {_marks(metric)} FROM {MEASUREMENT}"
            f" WHERE {where(series)} AND {_span(since_ms, until_ms)}{only} LIMIT {most}",
        )
        return Points(
            at_ms=[row[0] for row in rows],
            value=[_value(row[1], row[2]) for row in rows],
            quality=[row[2] for row in rows],
            marks=[row[3] or 0 for row in rows],
        )

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
        return await chart(self, series, since_ms, until_ms, most)

    async def sums(self, series: Series, spans: Sequence[Span]) -> list[Sum]:
        return await sums(self, series, spans)

    async def got(self, site: str, spans: Sequence[Span]) -> list[Got]:
        bucket = self._settings.bucket_of(site)
        asked = [(metric, span) for metric in await self._metrics(bucket) for span in spans]
        answers = iter(
            await self._questions.ask(
                bucket, [text for metric, span in asked for text in _held(metric, site, span)]
            )
        )
        found = []
        for metric, (since_ms, until_ms) in asked:
            held, counted = (
                {_series(tags, metric): rows[0][1] for tags, rows in next(answers)} for _ in "12"
            )
            found += [
                got(series, since_ms, until_ms, counted.get(series, 0), many)
                for series, many in held.items()
            ]
        return sorted(found, key=by_series)

    async def count(self) -> int:
        buckets = [self._settings.bucket]
        if self._settings.bucket_per_site:
            there = await self._questions.databases()
            buckets = [name for name in there if self._settings.holds_points(name)]
        many = 0
        for bucket in buckets:
            metrics = await self._metrics(bucket)
            answers = await self._questions.ask(
                bucket,
                [
                    f"SELECT count({_quality(metric)}) FROM {MEASUREMENT}"
                    for metric in metrics
                    if metric not in BY_HOUSE
                ],
            )
            many += sum(row[1] for answer in answers for _, rows in answer for row in rows)
        return many

    # What a chart reads (chart.Shelf).

    async def floors(self) -> Floors:
        now_ms, kept = self._clock.now_ms(), self._retention
        return Floors(
            points_ms=0 if kept.points is None else now_ms - kept.points * DAY_MS,
            minutes_ms=0 if kept.minutes is None else now_ms - kept.minutes * DAY_MS,
        )

    async def rows(self, level: Level, series: Series, since_ms: int, until_ms: int) -> list[Row]:
        columns = ("min", "mean", "max", "n", "suspect")
        names = ", ".join(quote_name(f"{series.metric}_{column}") for column in columns)
        rows = await self._rows(
            self._settings.bucket_of(series.site, level),
            f"SELECT {names} FROM {MEASUREMENT}"
            f" WHERE {where(series)} AND {_span(since_ms, until_ms)}",
        )
        return [tuple(row) for row in rows if row[4]]

    async def rows_of_points(
        self, series: Series, since_ms: int, until_ms: int, step_ms: int
    ) -> list[Row]:
        answers = await self._questions.ask(
            self._settings.bucket_of(series.site),
            _aggregates(series.metric, where(series), since_ms, until_ms, step_ms),
        )
        return [row for _, row in _joined(answers)]

    async def lines_of_roll_up(
        self, level: Level, site: str, wanted: dict[Series, set[int]]
    ) -> list[str]:
        """The buckets of one site that begin at these times, computed from the points, as lines."""
        by_metric: dict[str, list[Series]] = defaultdict(list)
        for series in wanted:
            by_metric[series.metric].append(series)
        lines = []
        for metric, group in by_metric.items():
            scope = f"site = {quote_text(site)}"
            if len(group) <= NAMED_MOST:
                scope = f"({' OR '.join(f'({where(series)})' for series in group)})"
            starts = {start for series in group for start in wanted[series]}
            for since_ms, until_ms in ranges(starts, level, ROLL_UP_GAP):
                answers = await self._questions.ask(
                    self._settings.bucket_of(site),
                    _aggregates(metric, scope, since_ms, until_ms, level, TAGS),
                )
                for tags, row in _joined(answers):
                    series = _series(tags, metric)
                    if row[0] in wanted.get(series, ()):
                        lines.append(line_of_row(series, row))
                        wanted[series].discard(row[0])
        # What is left has nothing that counts, all of it called stuck since; unless its points went.
        floor_ms = (await self.floors()).points_ms
        return lines + [
            line_of_no_row(series, at_ms)
            for series, left in wanted.items()
            for at_ms in left
            if at_ms >= floor_ms
        ]

    async def lines_of_amendments(self, site: str, amendments: Sequence[Amendment]) -> list[str]:
        """The points of these spans with the verdict that they have from now on, as lines."""
        answers = await self._questions.ask(
            self._settings.bucket_of(site),
            [
                f"SELECT {_quality(one.metric)}, {_marks(one.metric)} FROM {MEASUREMENT}"
                f" WHERE {where(series_of(one))} AND {_span(one.since_ms, one.until_ms + 1)}"
                for one in amendments
            ],
        )
        verdicts: dict[tuple[Series, int], tuple[int, int]] = {}
        for one, answer in zip(amendments, answers, strict=True):
            for at_ms, *stands in (row for _, rows in answer for row in rows):
                point = series_of(one), at_ms
                quality, marks = verdicts.get(point, stands)
                verdicts[point] = max(quality, one.quality), (marks or 0) | one.marks
        return [line_of_verdict(*point, *verdict) for point, verdict in verdicts.items()]

    async def _metrics(self, bucket: str) -> list[str]:
        rows = await self._rows(bucket, f"SHOW FIELD KEYS FROM {MEASUREMENT}")
        return sorted(row[0].removesuffix(QUALITY) for row in rows if row[0].endswith(QUALITY))

    async def _rows(self, bucket: str, statement: str) -> list[list[Any]]:
        """The rows of a statement that answers with one series."""
        (answer,) = await self._questions.ask(bucket, [statement])
        return [row for _, rows in answer for row in rows]


def _aggregates(
    metric: str, condition: str, since_ms: int, until_ms: int, step_ms: int, by: Sequence[str] = ()
) -> list[str]:
    """Two statements: min, mean, max and count of a step, and how many of them are suspect."""
    name, quality = _number(metric), _quality(metric)
    group = ", ".join([f"time({int(step_ms)}ms)", *(quote_name(tag) for tag in by)])
    scope = f"{condition} AND {_span(since_ms, until_ms)}"
    return [
        f"SELECT min({name}), mean({name}), max({name}), count({name}) FROM {MEASUREMENT}"
        f" WHERE {scope} AND {quality} < {int(Quality.FAIL)} GROUP BY {group} fill(none)",
        f"SELECT count({name}) FROM {MEASUREMENT}"
        f" WHERE {scope} AND {quality} = {int(Quality.SUSPECT)} GROUP BY {group} fill(none)",
    ]


def _held(metric: str, site: str, span: Span) -> list[str]:
    """Two statements: how many readings, and how many of them count."""
    name, quality = _number(metric), _quality(metric)
    scope = f"FROM {MEASUREMENT} WHERE site = {quote_text(site)} AND {_span(*span)}"
    return [
        f"SELECT count({quality}) {scope} {_BY_TAGS}",
        f"SELECT count({name}) {scope} AND {quality} < {int(Quality.FAIL)} {_BY_TAGS}",
    ]


def _joined(answers: Sequence[Answer]) -> Iterator[tuple[dict[str, str], Row]]:
    """The answers to ``_aggregates`` as rows, with their tags."""
    values, suspects = answers
    doubts = {
        (tuple(tags.values()), at_ms): count for tags, rows in suspects for at_ms, count in rows
    }
    for tags, rows in values:
        for at_ms, low, mean, high, count in rows:
            if count:
                doubt = doubts.get((tuple(tags.values()), at_ms), 0)
                yield tags, (at_ms, low, mean, high, count, doubt)


def _series(tags: dict[str, str], metric: str) -> Series:
    return Series(tags["site"], tags["device"], tags["place"], tags["port"], metric)


def _number(metric: str) -> str:
    """The values, where they are numbers: a text that another wrote there would fail the question."""
    return f"{quote_name(metric)}::float"


def _quality(metric: str) -> str:
    return quote_name(metric + QUALITY)


def _marks(metric: str) -> str:
    return quote_name(metric + MARKS)


def _span(since_ms: int, until_ms: int) -> str:
    return f"time >= {since_ms}ms AND time < {until_ms}ms"


def _value(value: float | None, quality: int) -> float | None:
    """A point that was judged missing later still has its old value in another field."""
    return None if value is None or quality == Quality.MISSING else float(value)

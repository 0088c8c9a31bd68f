"""InfluxDB 2: lines go out by influxdb-client, answers come back by InfluxQL over ``GET /query``.

influxdb-client is a plain sender here. Its own batching gives up after 180 s and drops; behind the
journal nothing may be dropped, so each write either is in the database or raises StoreUnavailable
and is tried again. Roll-ups lie in ``<bucket>_1m`` and ``<bucket>_1h``; what is older than its time
the server deletes by the retention of its buckets.
"""

import asyncio
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from alerts.rules.inputs import Amendment
from collector.stores.chart import Floors, Row, chart
from collector.stores.lines import (
    MARKS,
    MEASUREMENT,
    QUALITY,
    TAGS,
    line_of_no_row,
    line_of_row,
    line_of_verdict,
    lines_of,
    quote_name,
    quote_text,
    ranges,
    readings_in,
    time_of,
    where,
)
from collector.stores.port import (
    POINTS_MOST,
    Buckets,
    Level,
    Point,
    Points,
    Retained,
    Series,
    StoreUnavailable,
    Touched,
    series_of,
)
from collector.stores.retention import DAY_MS, Retention
from edge.clock import Clock
from edge.contract.quality import Quality
from edge.contract.reading import Batch

T = TypeVar("T")
Answer = list[tuple[dict[str, str], list[list[Any]]]]

_log = logging.getLogger(__name__)

LINES_MOST = 2_500  # a request: half of InfluxData's advice, so that making and sending overlap
TIMEOUT_S = 10.0
QUERY_TIMEOUT_S = 30.0
QUERY_CHARACTERS = 6_000  # a GET; proxies refuse an address of 8 kB
NAMED_MOST = 20  # series named one by one in a query; with more, all are asked
ROLL_UP_GAP = 60  # buckets between two touched ones that are cheaper to compute than to leave out

WORDS_MOST = 500

Refused = Callable[[str, str], None]
"""Called in the writer's thread with a line that InfluxDB will never take, and its reason."""

_MS: Any = WritePrecision.MS  # a text there, whatever its annotations say
_SUFFIXES = {Level.MINUTE: "_1m", Level.HOUR: "_1h"}
_BOUND = re.compile(r"Retention Policy Lower Bound at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
_REMEDIES = {
    401: "the token is not known there; give the right one",
    403: "the token may not do this; give it read and write on the bucket and its _1m and _1h",
    404: "make the bucket or name the right organisation",
}
_BY_TAGS = f"GROUP BY {', '.join(quote_name(tag) for tag in TAGS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """Where it is and who we are there; the token may write and read the three buckets."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)
    gzip: bool = False
    """Worth its CPU on a metered line, not on loopback."""


class InfluxStore:
    """A Store in InfluxDB 2. A line it refuses is told to ``refused``, and the others go on.

    With ``read_only`` (the desk) it makes and changes nothing.
    """

    def __init__(
        self,
        settings: InfluxSettings,
        *,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        clock: Clock = Clock(),  # noqa: B008 - frozen
        refused: Refused | None = None,
        read_only: bool = False,
    ) -> None:
        self._read_only = read_only
        self._settings = settings
        self._retention = retention
        self._clock = clock
        self._refused = refused or _say_refused
        # Whatever writes runs in the first, one at a time; only that one asks the second.
        self._writing = ThreadPoolExecutor(1, "influx-write")
        self._posting = ThreadPoolExecutor(1, "influx-post")
        self._client: InfluxDBClient | None = None
        self._write_api: WriteApi | None = None
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"InfluxStore({self._settings!r})"

    async def set_up(self) -> None:
        """Make the buckets that are not there; one that is keeps the retention its owner gave it."""
        if self._read_only:
            return
        bucket = self._settings.bucket
        for name, days in (
            (bucket, self._retention.points),
            (bucket + _SUFFIXES[Level.MINUTE], self._retention.minutes),
            (bucket + _SUFFIXES[Level.HOUR], self._retention.hours),
        ):
            found = await self._api("GET", "/api/v2/buckets", {"name": name})
            if not found.get("buckets"):
                await self._make_bucket(name, days)

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        def work() -> int:
            lost, sending = 0, None
            for lines in _packed_lines(batches):
                if sending is not None:
                    lost += _readings(sending.result())
                # The next lines are made while these are on their way.
                sending = self._posting.submit(self._send, self._settings.bucket, lines)
            if sending is not None:
                lost += _readings(sending.result())
            return sum([len(batch.at_ms) for batch in batches]) - lost

        return await self._in_writer(work)

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        answers = await self._query(
            self._settings.bucket,
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
        lines = [line_of_verdict(*point, *verdict) for point, verdict in verdicts.items()]
        await self._in_writer(lambda: self._send(self._settings.bucket, lines))

    async def roll_up(self, touched: Sequence[Touched]) -> None:
        for level in Level:
            wanted: dict[Series, set[int]] = defaultdict(set)
            for one in touched:
                if one.level is level:
                    for series in one.series:
                        wanted[series].add(one.at_ms)
            if wanted:
                await self._roll_up(level, wanted)

    async def latest(self, site: str) -> list[Point]:
        metrics = await self._metrics()
        answers = await self._query(
            self._settings.bucket,
            [
                f"SELECT last({_quality(metric)}), {quote_name(metric)}, {_marks(metric)}"
                f" FROM {MEASUREMENT}"
                f" WHERE site = {quote_text(site)} {_BY_TAGS}"
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
            self._settings.bucket,
            f"SELECT {quote_name(metric)}, {_quality(metric)}, {_marks(metric)} FROM {MEASUREMENT}"
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

    async def count(self) -> int:
        metrics = await self._metrics()
        answers = await self._query(
            self._settings.bucket,
            [f"SELECT count({_quality(metric)}) FROM {MEASUREMENT}" for metric in metrics],
        )
        return sum(row[1] for answer in answers for _, rows in answer for row in rows)

    async def retain(self, now_ms: int) -> Retained:
        """Nothing to do: the server deletes by its own clock and its buckets' retention."""
        return Retained()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        # Threads are waited for elsewhere: a write that is under way may take its whole timeout.
        await asyncio.to_thread(self._writing.shutdown)
        await asyncio.to_thread(self._posting.shutdown)
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

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
            self._settings.bucket + _SUFFIXES[level],
            f"SELECT {names} FROM {MEASUREMENT}"
            f" WHERE {where(series)} AND {_span(since_ms, until_ms)}",
        )
        return [tuple(row) for row in rows if row[4]]

    async def rows_of_points(
        self, series: Series, since_ms: int, until_ms: int, step_ms: int
    ) -> list[Row]:
        answers = await self._query(
            self._settings.bucket,
            _aggregates(series.metric, where(series), since_ms, until_ms, step_ms),
        )
        return [row for _, row in _joined(answers)]

    # Roll-ups.

    async def _roll_up(self, level: Level, wanted: dict[Series, set[int]]) -> None:
        by_metric: dict[str, list[Series]] = defaultdict(list)
        for series in wanted:
            by_metric[series.metric].append(series)
        lines = []
        for metric, group in by_metric.items():
            named = ""
            if len(group) <= NAMED_MOST:
                named = " OR ".join(f"({where(series)})" for series in group)
            starts = {start for series in group for start in wanted[series]}
            for since_ms, until_ms in ranges(starts, level, ROLL_UP_GAP):
                answers = await self._query(
                    self._settings.bucket,
                    _aggregates(metric, named and f"({named})", since_ms, until_ms, level, TAGS),
                )
                for tags, row in _joined(answers):
                    series = _series(tags, metric)
                    if row[0] in wanted.get(series, ()):
                        lines.append(line_of_row(series, row))
                        wanted[series].discard(row[0])
        # What is left has nothing that counts, all of it called stuck since; unless its points went.
        floor_ms = (await self.floors()).points_ms
        lines += [
            line_of_no_row(series, at_ms)
            for series, starts in wanted.items()
            for at_ms in starts
            if at_ms >= floor_ms
        ]
        bucket = self._settings.bucket + _SUFFIXES[level]
        await self._in_writer(lambda: self._send(bucket, lines))

    # Lines out, in the writer's thread.

    def _send(self, bucket: str, lines: Sequence[str]) -> list[str]:
        """Send the lines; those that were refused come back, the others are in the database."""
        refused = []
        for start in range(0, len(lines), LINES_MOST):
            refused += self._send_some(bucket, lines[start : start + LINES_MOST])
        return refused

    def _send_some(self, bucket: str, lines: Sequence[str]) -> list[str]:
        answer = self._post(bucket, lines)
        if answer is None:
            return []
        status, reason = answer
        oldest_ms = _oldest_ms(reason)
        old = [line for line in lines if time_of(line) < oldest_ms]
        if old:
            for line in old:
                self._refused(line, "older than its bucket keeps")
            rest = [line for line in lines if time_of(line) >= oldest_ms]
            return old + (self._send_some(bucket, rest) if rest else [])
        if len(lines) == 1 or f"dropped={len(lines)}" in reason.split():
            for line in lines:
                self._refused(line, f"InfluxDB {status}: {reason}")
            return list(lines)
        # One bad line must not sink the others. Sending a good one twice is harmless.
        half = len(lines) // 2
        return self._send_some(bucket, lines[:half]) + self._send_some(bucket, lines[half:])

    def _post(self, bucket: str, lines: Sequence[str]) -> tuple[int, str] | None:
        """None when InfluxDB has taken the lines, else the status and words of its refusal."""
        try:
            self._writer().write(
                bucket=bucket,
                org=self._settings.org,
                record="\n".join(lines).encode(),
                write_precision=_MS,
            )
        except ApiException as error:
            status, reason = int(error.status or 0), _words(error.body)
            if status in (400, 413, 422):
                return status, reason
            raise StoreUnavailable(self._told(f"{status} {reason}", status)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(self._told(type(error).__name__)) from error
        return None

    def _writer(self) -> WriteApi:
        if self._client is None or self._write_api is None:
            self._client = InfluxDBClient(
                url=self._settings.url,
                token=self._settings.token,
                org=self._settings.org,
                timeout=int(TIMEOUT_S * 1000),
                enable_gzip=self._settings.gzip,
            )
            self._write_api = self._client.write_api(write_options=SYNCHRONOUS)
        return self._write_api

    async def _in_writer(self, work: Callable[[], T]) -> T:
        if self._read_only:
            raise RuntimeError(f"bucket {self._settings.bucket!r} was opened read-only")
        # influxdb-client blocks, and is used by one thread at a time.
        return await asyncio.get_running_loop().run_in_executor(self._writing, work)

    # Questions.

    async def _metrics(self) -> list[str]:
        rows = await self._rows(self._settings.bucket, f"SHOW FIELD KEYS FROM {MEASUREMENT}")
        return sorted(row[0].removesuffix(QUALITY) for row in rows if row[0].endswith(QUALITY))

    async def _rows(self, bucket: str, statement: str) -> list[list[Any]]:
        """The rows of a statement that answers with one series."""
        (answer,) = await self._query(bucket, [statement])
        return [row for _, rows in answer for row in rows]

    async def _query(self, bucket: str, statements: Sequence[str]) -> list[Answer]:
        """For each statement its series: the tags and the rows (time first, in milliseconds)."""
        answers: list[Answer] = []
        for text in _packed(statements):
            body = await self._api("GET", "/query", {"db": bucket, "epoch": "ms", "q": text})
            for result in body["results"]:
                if "error" in result:
                    raise StoreUnavailable(self._told(str(result["error"])))
                answers.append(
                    [(s.get("tags", {}), s.get("values", [])) for s in result.get("series", [])]
                )
        return answers

    async def _make_bucket(self, name: str, days: int | None) -> None:
        orgs = await self._api("GET", "/api/v2/orgs", {"org": self._settings.org})
        rule = [] if days is None else [{"type": "expire", "everySeconds": days * DAY_MS // 1000}]
        await self._api(
            "POST",
            "/api/v2/buckets",
            body={"orgID": orgs["orgs"][0]["id"], "name": name, "retentionRules": rule},
            fine=422,  # somebody else has just made it
        )

    async def _api(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        body: object = None,
        fine: int = 200,
    ) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Token {self._settings.token}"},
                timeout=aiohttp.ClientTimeout(total=QUERY_TIMEOUT_S),
            )
        try:
            async with self._session.request(
                method,
                self._settings.url.rstrip("/") + path,
                params=parameters,
                json=body,
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StoreUnavailable(self._told(type(error).__name__)) from error
        if answer.status >= 300 and answer.status != fine:
            reason = f"{answer.status} {_words(payload)}"
            raise StoreUnavailable(self._told(reason, answer.status))
        try:
            return json.loads(payload)
        except ValueError as error:
            raise StoreUnavailable(self._told("an answer that is no JSON")) from error

    def _told(self, reason: str, status: int = 0) -> str:
        return (
            f"InfluxDB at {self._settings.url}, bucket {self._settings.bucket!r}: {reason};"
            f" {_REMEDIES.get(status, 'see that it runs and can be reached')}"
        )


def _aggregates(
    metric: str, condition: str, since_ms: int, until_ms: int, step_ms: int, by: Sequence[str] = ()
) -> list[str]:
    """Two statements: min, mean, max and count of a step, and how many of them are suspect."""
    name, quality = quote_name(metric), _quality(metric)
    group = ", ".join([f"time({int(step_ms)}ms)", *(quote_name(tag) for tag in by)])
    scope = " AND ".join([*([condition] if condition else []), _span(since_ms, until_ms)])
    return [
        f"SELECT min({name}), mean({name}), max({name}), count({name}) FROM {MEASUREMENT}"
        f" WHERE {scope} AND {quality} < {int(Quality.FAIL)} GROUP BY {group} fill(none)",
        f"SELECT count({name}) FROM {MEASUREMENT}"
        f" WHERE {scope} AND {quality} = {int(Quality.SUSPECT)} GROUP BY {group} fill(none)",
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


def _packed(statements: Sequence[str]) -> Iterator[str]:
    """The statements, several in a text, none longer than an address may be."""
    text = ""
    for statement in statements:
        if text and len(text) + len(statement) > QUERY_CHARACTERS:
            yield text
            text = ""
        text = f"{text}; {statement}" if text else statement
    if text:
        yield text


def _packed_lines(batches: Iterable[Batch]) -> Iterator[list[str]]:
    """The batches' lines, as many as a request takes at a time."""
    lines: list[str] = []
    for batch in batches:
        lines += lines_of(batch)
        if len(lines) >= LINES_MOST:
            yield lines
            lines = []
    if lines:
        yield lines


def _readings(lines: Iterable[str]) -> int:
    return sum(readings_in(line) for line in lines)


def _series(tags: dict[str, str], metric: str) -> Series:
    return Series(tags["site"], tags["device"], tags["place"], tags["port"], metric)


def _quality(metric: str) -> str:
    return quote_name(metric + QUALITY)


def _marks(metric: str) -> str:
    return quote_name(metric + MARKS)


def _span(since_ms: int, until_ms: int) -> str:
    return f"time >= {since_ms}ms AND time < {until_ms}ms"


def _value(value: float | None, quality: int) -> float | None:
    """A point that was judged missing later still has its old value in another field."""
    return None if value is None or quality == Quality.MISSING else float(value)


def _oldest_ms(reason: str) -> float:
    """From when on the bucket takes points, as a refusal says it, rounded up to a second; or 0."""
    bound = _BOUND.search(reason)
    if bound is None:
        return 0
    return datetime.fromisoformat(f"{bound[1]}+00:00").timestamp() * 1000 + 1000


def _words(body: bytes | str | None) -> str:
    """What InfluxDB says is wrong."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    message = found.get("message") if isinstance(found, dict) else None
    return str(message or text)[:WORDS_MOST]


def _say_refused(line: str, reason: str) -> None:
    _log.warning("InfluxDB refused a line: %s: %r", reason, line[:WORDS_MOST])

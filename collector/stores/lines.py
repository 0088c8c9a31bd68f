"""InfluxDB line protocol: batches and roll-ups as lines, and names as InfluxQL spells them. Pure.

The schema, which Grafana reads too: measurement ``reading``; tags site, device, place, port (an
empty one is left out); fields ``<metric>`` and ``<metric>_q`` (quality), whole milliseconds. A
reading without a value writes its quality alone; one that tests marked has ``<metric>_t`` besides
(``edge.contract.quality.Check``). No metric has ``_`` in its name, so that the added
names meet none.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from collector.stores.chart import Row
from collector.stores.port import Series
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Form

MEASUREMENT = "reading"
TAGS = ("site", "device", "place", "port")
QUALITY = "_q"
MARKS = "_t"

FORMS_KNOWN = 2**16  # some 15 MB when all are taken
HEADS_KNOWN = 2**12  # of lines that come one by one; those of one head follow each other
_Template = tuple[str, str, int, int]
_templates: dict[Form, tuple[_Template, ...]] = {}
"""By form, how the lines of its good readings begin, their fields without values and time (one text for
all devices), and which readings each holds."""

_GOOD, _MISSING = int(Quality.GOOD), int(Quality.MISSING)
_LINE = re.compile(r"((?:\\.|[^ \\])+) (.+) (-?\d+)")
_FIELD = re.compile(r'((?:\\.|[^,=\\])+)=("(?:\\.|[^"\\])*"|[^,"]*)')
_ESCAPES = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def lines_of(batch: Batch) -> list[str]:
    """One line for all metrics of a place, port and time; of the same point twice the later one."""
    form, quality = batch.form, batch.quality
    if form is not None and not batch.marks and quality.count(_GOOD) == len(quality):
        # As nearly always.
        templates = _templates.get(form)
        if templates is None:
            templates = _new_templates(form)
        at_ms, value = batch.at_ms[0], batch.value
        if len(templates) == 1:
            head, text, _, _ = templates[0]
            return [head + text % (*value, at_ms)]
        if templates:
            return [
                head + text % (*value[start:end], at_ms) for head, text, start, end in templates
            ]
    points: dict[tuple[str, str, int], dict[str, str]] = {}
    last = None
    fields: dict[str, str] = {}
    for place, port, metric, at_ms, value, quality in zip(
        batch.place,
        batch.port,
        batch.metric,
        batch.at_ms,
        batch.value,
        batch.quality,
        strict=True,
    ):
        point = place, port, at_ms
        if point != last:  # the readings of a point mostly follow each other
            last, fields = point, points.setdefault(point, {})
        name = metric if metric in _PLAIN else escape(metric)
        if value is None or quality == _MISSING:
            fields[name] = f"{name}{QUALITY}={quality}i"
        else:
            fields[name] = f"{name}={float(value)!r},{name}{QUALITY}={quality}i"
    for i, marks in batch.marks.items():
        name = escape(batch.metric[i])
        points[batch.place[i], batch.port[i], batch.at_ms[i]][name] += f",{name}{MARKS}={marks}i"
    return [
        f"{_head(batch.site, batch.device, place, port)} {','.join(fields.values())} {at_ms}"
        for (place, port, at_ms), fields in points.items()
    ]


def line_of_row(series: Series, row: Row) -> str:
    """A roll-up's bucket."""
    at_ms, low, mean, high, count, suspect = row
    name = escape(series.metric)
    return (
        f"{_head(series.site, series.device, series.place, series.port)}"
        f" {name}_min={low!r},{name}_mean={mean!r},{name}_max={high!r}"
        f",{name}_n={count}i,{name}_suspect={suspect}i {at_ms}"
    )


def line_of_verdict(series: Series, at_ms: int, quality: int, marks: int) -> str:
    """A point's new quality, beside the value that it has."""
    name = escape(series.metric)
    return (
        f"{_head(series.site, series.device, series.place, series.port)}"
        f" {name}{QUALITY}={quality}i,{name}{MARKS}={marks}i {at_ms}"
    )


def line_of_no_row(series: Series, at_ms: int) -> str:
    """A roll-up's bucket in which nothing counts any more."""
    name = escape(series.metric)
    head = _head(series.site, series.device, series.place, series.port)
    return f"{head} {name}_n=0i,{name}_suspect=0i {at_ms}"


def readings_in(line: str) -> int:
    """How many readings a line of ``lines_of`` holds."""
    return line.count(f"{QUALITY}=")


def apart(line: str) -> list[str]:
    """The same line, one for each metric it holds; what stands before ``_`` in a field names it."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        return [line]
    head, fields, at_ms = parts.groups()
    metrics: dict[str, list[str]] = {}
    for field in _FIELD.finditer(fields):
        metrics.setdefault(field[1].partition("_")[0], []).append(field[0])
    return [f"{head} {','.join(those)} {at_ms}" for those in metrics.values()]


def time_of(line: str) -> int:
    """The milliseconds at the end of a line."""
    return int(line.rpartition(" ")[2])


def escape(text: str) -> str:
    """A tag's value or a field's name; ValueError for text that line protocol cannot say."""
    if not text or "\\" in text or not text.isprintable():
        raise ValueError(f"{text!r} cannot be a tag or a field in line protocol")
    return text.translate(_ESCAPES)


_PLAIN = frozenset(name for name in METRICS if escape(name) == name)


def quote_name(text: str) -> str:
    """An identifier of InfluxQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_text(text: str) -> str:
    """A string of InfluxQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def where(series: Series) -> str:
    """The condition that leaves the lines of this series (an absent tag equals '')."""
    return " AND ".join(f"{quote_name(tag)} = {quote_text(getattr(series, tag))}" for tag in TAGS)


def ranges(starts: Iterable[int], step_ms: int, gap: int) -> list[tuple[int, int]]:
    """The buckets that begin at ``starts`` as half-open spans; up to ``gap`` steps between them."""
    spans: list[tuple[int, int]] = []
    for start in sorted(starts):
        if spans and start <= spans[-1][1] + gap * step_ms:
            spans[-1] = (spans[-1][0], start + step_ms)
        else:
            spans.append((start, start + step_ms))
    return spans


def _new_templates(form: Form) -> tuple[_Template, ...]:
    """A form that comes back to a point is not spelled so: of the same point twice the later counts."""
    if len(_templates) >= FORMS_KNOWN:
        _templates.clear()
    found: list[_Template] = []
    start = 0
    keys = list(zip(form.place, form.port, form.metric, strict=True))
    spots = [key[:2] for key in keys]
    for (place, port), group in groupby(spots):
        end = start + len(list(group))
        head = _spell_head(form.site, form.device, place, port) + " "
        found.append((head, _fields(tuple(form.metric[start:end])), start, end))
        start = end
    if len(set(keys)) < len(keys) or len(set(spots)) < len(found):
        found = []
    _templates[form] = tuple(found)
    return _templates[form]


@lru_cache(4096)
def _fields(metrics: tuple[str, ...]) -> str:
    names = [escape(name).replace("%", "%%") for name in metrics]
    return ",".join([f"{name}=%r,{name}{QUALITY}={_GOOD}i" for name in names]) + " %d"


def _spell_head(site: str, device: str, place: str, port: str) -> str:
    values = zip(TAGS, (site, device, place, port), strict=True)
    return ",".join([MEASUREMENT, *(f"{tag}={escape(value)}" for tag, value in values if value)])


_head = lru_cache(HEADS_KNOWN)(_spell_head)

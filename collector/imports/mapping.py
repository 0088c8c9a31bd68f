"""What the columns of a table mean: read from a small TOML file and from options, checked at once."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from collector.decoders.units import UnknownUnit, converter
from collector.errors import ConfigError
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS

_STRICT: dict[str, Any] = {"extra": "forbid"}
UNIX = {"unix": 1000.0, "unix-ms": 1.0}
"""Formats of a time that is a number, and its milliseconds."""
DECIMALS = (".", ",")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's series; its unit where it is not the catalogue's, its site and device where others."""

    __pydantic_config__: ClassVar = _STRICT
    metric: str
    place: str = ""
    port: str = ""
    unit: str = ""
    site: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvMapping:
    """How a table is read. Empty ``encoding`` and ``delimiter`` are found by looking.

    ``time`` is one column, or several that are joined by a space; ``time_format`` is of strptime,
    ``unix``, ``unix-ms`` or empty for ISO 8601; times without an offset are in ``zone``, a name or an offset. ``where``
    takes only rows that hold these values; a cell that says one of ``missing`` holds no reading.
    """

    __pydantic_config__: ClassVar = _STRICT
    site: str = ""
    device: str = ""
    time: str | tuple[str, ...] = ()
    time_format: str = ""
    zone: str = "UTC"
    encoding: str = ""
    delimiter: str = ""
    decimal: str = "."
    missing: tuple[str, ...] = ()
    where: dict[str, str] = field(default_factory=dict)
    column: dict[str, Column] = field(default_factory=dict)

    @property
    def times(self) -> tuple[str, ...]:
        """The columns of the time."""
        if isinstance(self.time, str):
            return (self.time,) if self.time else ()
        return self.time

    def key(self, column: Column) -> tuple[str, str]:
        """Site and device of a column."""
        return column.site or self.site, column.device or self.device


_ADAPTER = TypeAdapter(CsvMapping)


def read_mapping(path: Path | None, options: Mapping[str, Any]) -> CsvMapping:
    """The file's mapping with the options over it; ConfigError lists every problem."""
    raw: dict[str, Any] = {}
    where = str(path or "the options")
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(
                [f"{path}: cannot be read ({error.strerror}); name another"]
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: is no TOML: {error}"]) from error
    columns = {**raw.get("column", {}), **options.get("column", {})}
    given = {name: value for name, value in options.items() if value}
    try:
        mapping = _ADAPTER.validate_python({**raw, **given, "column": columns})
    except ValidationError as error:
        raise ConfigError(
            [
                f"{where}: {'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False)
            ]
        ) from error
    problems = [f"{where}: {problem}" for problem in _problems(mapping)]
    if problems:
        raise ConfigError(problems)
    return mapping


def column_of(text: str) -> tuple[str, dict[str, str]]:
    """``NAME=PLACE[/PORT]/METRIC[:UNIT]`` as a name and the keys of a Column; ConfigError otherwise."""
    name, _, target = text.partition("=")
    path, _, unit = target.partition(":")
    parts = path.split("/")
    if not name or len(parts) not in (2, 3) or not all(parts):
        raise ConfigError([f"--column {text!r}: write NAME=PLACE[/PORT]/METRIC[:UNIT]"])
    port = parts[1] if len(parts) == 3 else ""
    return name, {"place": parts[0], "port": port, "metric": parts[-1], "unit": unit}


def zone_of(text: str) -> tzinfo:
    """A zone by its name, or by its offset (``+08:00``); ValueError, KeyError or OSError for none."""
    if text[:1] in ("+", "-"):
        return timezone(datetime.strptime(text, "%z").utcoffset() or timedelta())
    return ZoneInfo(text)


def _problems(mapping: CsvMapping) -> list[str]:
    problems = []
    if not mapping.times:
        problems.append("time: is missing; name the column, e.g. --time at")
    if not mapping.column:
        problems.append("column: is missing; say what one holds, e.g. --column ph=laobakou/ph")
    if mapping.decimal not in DECIMALS:
        problems.append(f"decimal: is '.' or ',', got {mapping.decimal!r}")
    if len(mapping.delimiter) > 1:
        problems.append(f"delimiter: is one character, got {mapping.delimiter!r}")
    try:
        "".encode(mapping.encoding or "utf-8")
    except LookupError:
        problems.append(f"encoding: {mapping.encoding!r} is not known; e.g. utf-8, gbk")
    try:
        zone_of(mapping.zone)
    except (ValueError, OSError, KeyError):
        problems.append(f"zone: {mapping.zone!r} is not known; e.g. Asia/Shanghai, +08:00")
    for name, column in mapping.column.items():
        problems += [f"column {name!r}: {problem}" for problem in _wrong(mapping, column)]
    return problems


def _wrong(mapping: CsvMapping, column: Column) -> list[str]:
    problems = []
    site, device = mapping.key(column)
    for key, text, may_be_empty in (
        ("site", site, False),
        ("device", device, False),
        ("place", column.place, True),
        ("port", column.port, True),
    ):
        if not text and not may_be_empty:
            problems.append(f"{key}: is missing; give it once for all, or here")
        elif text and not is_id(text):
            problems.append(f"{key}: an id is 1 to 64 of a-z, 0-9 and -, got {text!r}")
    if column.metric not in METRICS:
        problems.append(
            f"metric: there is no {column.metric!r}; `edge/contract/metrics.py` has all"
        )
        return problems
    try:
        converter(column.metric, column.unit)
    except UnknownUnit as error:
        problems.append(f"unit: {error}")
    return problems

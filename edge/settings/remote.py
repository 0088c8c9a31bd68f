"""Which keys of ``edge.toml`` may come by wire, and how they are laid over the file.

Everything that is not in ``SETTINGS`` needs hands on the device: broker and CA, keys and passwords,
paths and commands, pins and series, and every limit of a guard that is not tighter than the file's.
The bounds are those of the file's own reader, which reads the result again.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edge.contract.settings import Value
from edge.table import entry_path


class Form(StrEnum):
    NUMBER = "number"
    WHOLE = "whole number"
    DURABILITY = 'number or "each"'


class Tighter(StrEnum):
    """The way in which a guard's limit may move by wire, measured by the file's own."""

    LOWER = "lower than the file's"
    HIGHER = "higher than the file's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key. ``<name>`` in ``key`` is the name of an entry of the array ``table``."""

    key: str
    table: str
    field: str
    form: Form = Form.NUMBER
    bounds: str
    meaning: str
    tighter: Tighter | None = None


SETTINGS = (
    Setting(key="health_interval_s", table="agent", field="health_interval_s",
            bounds="1 to 86400", meaning="how often the box tells about itself"),
    Setting(key="resend_s", table="agent", field="resend_s",
            bounds="1 to 86400", meaning="when to send again what the server has not named"),
    Setting(key="backlog_per_s", table="agent", field="backlog_per_s",
            bounds="1 to 1000000", meaning="how fast a backlog is sent, in readings a second"),
    Setting(key="journal.durability", table="journal", field="durability", form=Form.DURABILITY,
            bounds="above 0, to 3600", meaning="how many seconds a power cut may cost"),
    Setting(key="mqtt.keep_alive_s", table="mqtt", field="keep_alive_s", form=Form.WHOLE,
            bounds="5 to 3600", meaning="how long the link may be silent"),
    Setting(key="mqtt.window", table="mqtt", field="window", form=Form.WHOLE,
            bounds="1 to 1000", meaning="how many packs may be sent and not yet received"),
    Setting(key="sensor.<name>.interval_s", table="sensor", field="interval_s",
            bounds="of its kind", meaning="how often the sensor is asked"),
    Setting(key="sensor.<name>.report_s", table="sensor", field="report_s",
            bounds="of its kind", meaning="how long an unchanged value may go unreported"),
    Setting(key="guard.<name>.above", table="guard", field="above", tighter=Tighter.LOWER,
            bounds="of the guard", meaning="the upper limit at which the guard acts"),
    Setting(key="guard.<name>.below", table="guard", field="below", tighter=Tighter.HIGHER,
            bounds="of the guard", meaning="the lower limit at which the guard acts"),
    Setting(key="guard.<name>.for_s", table="guard", field="for_s", tighter=Tighter.LOWER,
            bounds="of the guard", meaning="how long a limit must be passed before the guard acts"),
    Setting(key="guard.<name>.per_minute", table="guard", field="per_minute",
            tighter=Tighter.LOWER, bounds="of the guard", meaning="the rise at which the guard acts"),
    Setting(key="guard.<name>.after_s", table="guard", field="after_s", tighter=Tighter.LOWER,
            bounds="of the guard", meaning="how long its input may be silent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """The file with values laid over it. ``over`` is what the file itself says of the same keys.

    ``places`` leads from a key as the file's reader names it to the key by wire.
    """

    raw: dict[str, Any]
    over: dict[str, Value | None] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def lay_over(raw: Mapping[str, Any], values: Mapping[str, Value]) -> Laid:
    """``raw`` is a file that was found right; with problems nothing of it is to be used."""
    laid = Laid(raw=copy.deepcopy(dict(raw)))
    for key, value in values.items():
        problem = _lay(laid, key, value)
        if problem is not None:
            laid.problems.append(f"{key}: {problem}")
    return laid


def _lay(laid: Laid, key: str, value: Value) -> str | None:
    found = _find(laid.raw, key)
    if isinstance(found, str):
        return found
    setting, table, place = found
    now = laid.over[key] = table.get(setting.field)
    wrong = _form_problem(setting.form, value)
    if wrong is not None:
        return wrong
    if setting.tighter is not None:
        wrong = _tighter_problem(setting.tighter, now, value)
        if wrong is not None:
            return wrong
    table[setting.field] = value
    laid.places[f"{place}.{setting.field}"] = key
    return None


def _find(raw: dict[str, Any], key: str) -> tuple[Setting, dict[str, Any], str] | str:
    """The key's row, its table in ``raw`` and where the file's reader says that it stands."""
    parts = key.split(".")
    for setting in SETTINGS:
        if "<name>" not in setting.key:
            if setting.key == key:
                return setting, raw.setdefault(setting.table, {}), setting.table
        elif len(parts) == 3 and (parts[0], parts[2]) == (setting.table, setting.field):
            entries = raw.get(setting.table, [])
            for nth, entry in enumerate(entries):
                if parts[1] == entry.get("name", f"{entry.get('kind')}-{nth + 1}"):
                    return setting, entry, entry_path(setting.table, entry, nth, len(entries))
            return f"the device has no {setting.table} {parts[1]!r}"
    import difflib  # only for who has misspelt something

    near = difflib.get_close_matches(key, [setting.key for setting in SETTINGS], 1, 0.85)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"cannot be set by wire, only in edge.toml on the device{hint}"


def _form_problem(form: Form, value: Value) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if form is Form.WHOLE and is_number and isinstance(value, int):
        return None
    if form is Form.NUMBER and is_number:
        return None
    if form is Form.DURABILITY and (is_number or value == "each"):
        return None
    return f"is a {form.value}, got {value!r}"


def _tighter_problem(tighter: Tighter, now: object, value: Value) -> str | None:
    """A guard that could be blunted by wire would guard nothing."""
    if not isinstance(now, int | float) or isinstance(now, bool):
        return "the file sets no such limit; a new one needs hands on the device"
    assert isinstance(value, int | float)
    is_tighter = value <= now if tighter is Tighter.LOWER else value >= now
    if is_tighter:
        return None
    return f"may only be {tighter.value} {now:g}; a looser limit needs hands on the device"

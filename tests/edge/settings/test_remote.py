"""What may come by wire: the list, and nothing beside it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import config
from edge.errors import ConfigError
from edge.settings.remote import SETTINGS, Tighter, lay_over

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "edge/samples/edge.toml"
RAW = tomllib.loads(SAMPLE.read_text("utf-8"))
GUARDED = {
    "guard": [{"name": "heat", "sensor": "shed-air", "above": 60, "for_s": 10.0},
              {"name": "low", "below": -5, "shape": "limit"}],
}  # fmt: skip
FIELDS = {(setting.table, setting.field) for setting in SETTINGS}


@pytest.mark.parametrize(
    ("key", "value", "table", "field"),
    [
        ("health_interval_s", 60, "agent", "health_interval_s"),
        ("resend_s", 12.5, "agent", "resend_s"),
        ("backlog_per_s", 100, "agent", "backlog_per_s"),
        ("journal.durability", "each", "journal", "durability"),
        ("journal.durability", 30, "journal", "durability"),
        ("mqtt.keep_alive_s", 120, "mqtt", "keep_alive_s"),
        ("mqtt.window", 5, "mqtt", "window"),
    ],
)
def test_a_value_lies_over_the_file_s_and_nothing_else_moves(key, value, table, field) -> None:
    laid = lay_over(RAW, {key: value})
    assert laid.problems == []
    assert laid.over == {key: RAW[table].get(field)}
    assert laid.raw == {**RAW, table: {**RAW[table], field: value}}
    config.build(laid.raw, SAMPLE)


def test_a_sensor_is_found_by_its_name_or_the_one_it_has_without() -> None:
    raw = tomllib.loads('[[sensor]]\nkind="rain"\n[[sensor]]\nkind="rain"\nname="b"\ninterval_s=9')
    laid = lay_over(raw, {"sensor.rain-1.interval_s": 5, "sensor.b.interval_s": 6})
    assert [sensor["interval_s"] for sensor in laid.raw["sensor"]] == [5, 6]
    assert laid.over == {"sensor.rain-1.interval_s": None, "sensor.b.interval_s": 9}
    assert laid.places["sensor[1 of 2].interval_s"] == "sensor.rain-1.interval_s"
    assert laid.places["sensor.b.interval_s"] == "sensor.b.interval_s"
    assert "interval_s" not in raw["sensor"][0]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("mqtt.url", "mqtt://evil", "only in edge.toml"),
        ("mqtt.ca", "x", "only in edge.toml"),
        ("mqtt.password", "env:X", "only in edge.toml"),
        ("site", "x", "only in edge.toml"),
        ("trial_s", 9, "only in edge.toml"),
        ("journal.path", "/etc/passwd", "only in edge.toml"),
        ("sensor.shed-air.command", "x", "only in edge.toml"),
        ("sensor.shed-air.place", "x", "only in edge.toml"),
        ("sensor.shed-air.name", 1, "only in edge.toml"),
        ("sensor.nobody.interval_s", 5, "no sensor 'nobody'"),
        ("sensor.<name>.interval_s", 5, "no sensor '<name>'"),
        ("healh_interval_s", 5, "did you mean 'health_interval_s'?"),
        ("mqtt.window", 5.0, "is a whole number"),
        ("mqtt.window", True, "is a whole number"),
        ("resend_s", "30", "is a number"),
        ("resend_s", False, "is a number"),
        ("journal.durability", "never", 'number or "each"'),
        ("sensor.shed-air.interval_s", "5", "is a number"),
        ("", 1, "only in edge.toml"),
        ("..", 1, "only in edge.toml"),
    ],
)
def test_what_is_forbidden_unknown_or_of_another_form_says_so(key, value, text) -> None:
    (problem,) = lay_over(RAW, {key: value}).problems
    assert problem.startswith(f"{key}: ")
    assert text in problem


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("guard.heat.above", 55, None),
        ("guard.heat.above", 60, None),
        ("guard.heat.above", 60.1, "may only be lower than the file's 60"),
        ("guard.heat.for_s", 5, None),
        ("guard.heat.for_s", 11, "may only be lower than the file's 10"),
        ("guard.low.below", 0, None),
        ("guard.low.below", -6, "may only be higher than the file's -5"),
        ("guard.low.above", 1000, "sets no such limit"),
        ("guard.low.shape", "x", "only in edge.toml"),
        ("guard.heat.sensor", "feeder", "only in edge.toml"),
        ("guard.none.above", 1, "no guard 'none'"),
    ],
)
def test_a_guard_s_limit_moves_only_to_the_careful_side(key, value, text) -> None:
    problems = lay_over({**RAW, **GUARDED}, {key: value}).problems
    assert [text in problem for problem in problems] == ([] if text is None else [True])


paths = st.sampled_from(
    sorted(
        {f"{table}.{field}" for table, body in RAW.items() if isinstance(body, dict) for field in body}
        | {field for table in RAW.values() if isinstance(table, dict) for field in table}
        | {f"sensor.{each['name']}.{field}" for each in RAW["sensor"] for field in each}
        | {f"sensor[1 of 3].{field}" for field in RAW["sensor"][0]}
        | {f"guard.{each['name']}.{field}" for each in GUARDED["guard"] for field in each}
        | {setting.key for setting in SETTINGS}
        | set(RAW)
    )
)  # fmt: skip
anything = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)


@given(st.dictionaries(paths | st.text(max_size=20), anything, max_size=6))
def test_whatever_is_wished_only_listed_keys_ever_change(values) -> None:
    before = {**RAW, **GUARDED}
    laid = lay_over(before, values)
    if laid.problems:
        return
    for table, field, was, now in differences(before, laid.raw):
        assert (table, field) in FIELDS
        (setting,) = (s for s in SETTINGS if (s.table, s.field) == (table, field))
        if setting.tighter is Tighter.LOWER:
            assert now <= was
        if setting.tighter is Tighter.HIGHER:
            assert now >= was


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    found = []
    for table in before.keys() | after.keys():
        old, new = before.get(table), after.get(table)
        pairs = list(zip(old, new or [], strict=True)) if isinstance(old, list) else [(old, new)]
        for one, other in pairs:
            if not isinstance(one, dict) or not isinstance(other, dict):
                assert one == other, table
                continue
            keys = (key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
            found += [(table, key, one.get(key), other.get(key)) for key in keys]
    return found


BOUNDED = [setting for setting in SETTINGS if " to " in setting.bounds]


@pytest.mark.parametrize("setting", BOUNDED, ids=lambda setting: setting.key)
def test_the_bounds_that_are_told_are_those_of_the_file(setting) -> None:
    words = setting.bounds.replace("above ", "").replace(",", "").split(" to ")
    least, most = (int(word) for word in words)
    if setting.bounds.startswith("above"):
        least += 1
    for value, fits in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        laid = lay_over(RAW, {setting.key: value})
        assert laid.problems == []
        try:
            config.build(laid.raw, SAMPLE)
        except ConfigError:
            assert not fits, value
        else:
            assert fits, value


def test_the_document_lists_what_may_come_by_wire() -> None:
    text = (ROOT / "docs/remote-settings.md").read_text("utf-8")
    for setting in SETTINGS:
        tighter = f"; only {setting.tighter.value}" if setting.tighter else ""
        row = f"| `{setting.key}` | {setting.form.value}, {setting.bounds}{tighter} | {setting.meaning} |"
        assert row in text
    assert text.count("\n| `") == len(SETTINGS)

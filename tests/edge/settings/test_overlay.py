"""What lies over the file at a start: kept, left to hands, left out, set aside; never fatal."""

import json
import time
from pathlib import Path

import pytest

from edge.config import EdgeConfig
from edge.contract.settings import (
    Desired,
    Reported,
    SettingsState,
    Value,
    decode_reported,
    encode_desired,
)
from edge.errors import ConfigError
from edge.settings import kept, probation
from edge.settings.overlay import Overlay

FILE = """
site = "riverside"
device = "box"
[mqtt]
url = "mqtt://127.0.0.1"
window = 20
[journal]
path = "journal.db"
[agent]
trial_s = {trial_s}
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp"]
interval_s = 60
"""


class Box:
    """The file, and an agent's life with it without an agent."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "edge.toml"
        self.store = folder / f"journal.db{kept.ENDING}"
        self.reports: list[Reported] = []
        self.restarts = 0
        self.adopted: list[EdgeConfig] = []
        self.write()

    def write(self, old: str = "", new: str = "", trial_s: float = 0) -> None:
        text = FILE.format(trial_s=trial_s or 600)
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")

    def start(self) -> Overlay:
        overlay = Overlay(self.path, {})
        overlay.begin()
        overlay.attach(self._report, self._restart, self._adopt)
        return overlay

    def wish(self, overlay: Overlay, revision: int, values: dict[str, Value]) -> None:
        overlay.heard(encode_desired(Desired(revision=revision, values=values)))

    def apply(self, values: dict[str, Value], revision: int = 1) -> None:
        """Bring values to where they are applied."""
        self.write(trial_s=1)
        self.wish(self.start(), revision, values)
        overlay = self.start()
        until = time.monotonic() + 10
        while self.reports[-1].state is not SettingsState.APPLIED and time.monotonic() < until:
            overlay.look(is_linked=True)
            time.sleep(0.02)
        assert self.reports[-1].state is SettingsState.APPLIED
        self.write()
        self.reports.clear()
        self.restarts = 0
        self.adopted.clear()

    def _report(self, payload: bytes) -> None:
        report = decode_reported(payload)
        assert report is not None
        self.reports.append(report)

    @property
    def changes(self) -> int:
        return self.restarts + len(self.adopted)

    def _restart(self) -> None:
        self.restarts += 1

    def _adopt(self, config: EdgeConfig) -> None:
        self.adopted.append(config)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_without_a_wish_nothing_is_written_or_said(box) -> None:
    overlay = box.start()
    overlay.connected()
    overlay.heard(b"")
    assert overlay.look(is_linked=True) is None
    assert (box.reports, box.changes, box.store.exists()) == ([], 0, False)
    assert overlay.describe() == []


def test_the_same_values_under_a_new_revision_need_no_trial(box) -> None:
    box.apply({"mqtt.window": 5})
    box.wish(box.start(), 2, {"mqtt.window": 5})
    assert (box.reports[-1].state, box.reports[-1].revision) == (SettingsState.APPLIED, 2)
    assert box.changes == 0
    assert box.start().config.mqtt.window == 5


def test_while_a_trial_runs_a_further_wish_leaves_what_held_before_to_fall_back_on(box) -> None:
    box.apply({"mqtt.window": 5})
    box.wish(box.start(), 2, {"mqtt.window": 6})
    overlay = box.start()
    assert overlay.config.mqtt.window == 6
    box.wish(overlay, 3, {"mqtt.window": 7})
    assert box.changes == 2
    for _ in range(probation.MOST_STARTS):
        assert box.start().config.mqtt.window == 7
    overlay = box.start()
    assert overlay.config.mqtt.window == 5
    overlay.connected()
    assert (box.reports[-1].state, box.reports[-1].revision) == (SettingsState.ROLLED_BACK, 3)
    assert box.reports[-1].values == {"mqtt.window": 5}


def test_the_link_a_wish_came_over_proves_nothing_of_its_values(box) -> None:
    overlay = box.start()
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert overlay.look(is_linked=True) is None
    assert json.loads(box.store.read_text())["trial"]["is_linked"] is False


def test_hands_win_over_what_came_by_wire_until_the_next_wish(box) -> None:
    box.apply({"mqtt.window": 5, "sensor.air.interval_s": 10})
    box.write("window = 20", "window = 30")
    overlay = box.start()
    assert overlay.config.mqtt.window == 30
    overlay.connected()
    assert box.reports[-1] == Reported(
        revision=1, state=SettingsState.APPLIED, values={"sensor.air.interval_s": 10},
        problems=("mqtt.window: changed in edge.toml since, which holds",),
    )  # fmt: skip
    box.wish(overlay, 1, {"mqtt.window": 5, "sensor.air.interval_s": 10})
    assert box.changes == 0, "the broker's old wish is no new one"
    box.write()  # the old value again, by hand
    overlay = box.start()
    assert overlay.config.mqtt.window == 20
    box.wish(overlay, 2, {"mqtt.window": 5})
    assert box.changes == 1
    assert box.start().config.mqtt.window == 5


def test_what_no_longer_fits_the_file_is_left_out_whole_and_said(box) -> None:
    box.apply({"sensor.air.interval_s": 10, "mqtt.window": 5})
    box.write('name = "air"', 'name = "sky"')
    overlay = box.start()
    assert overlay.config == overlay.file
    overlay.connected()
    assert box.reports[-1].state is SettingsState.REFUSED
    assert box.reports[-1].problems == ("sensor.air.interval_s: the device has no sensor 'air'",)
    box.write()
    overlay = box.start()
    box.wish(overlay, 1, {"sensor.air.interval_s": 10, "mqtt.window": 5})
    assert box.changes == 1, "once it fits again the same wish is tried again"


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"\xff" * 99, b'{"device": 1}', b"{}" * 200_000],
    ids=["empty", "cut", "a list", "no text", "another shape", "too long"],
)
def test_a_damaged_file_is_set_aside_and_said(box, payload) -> None:
    box.store.write_bytes(payload)
    overlay = box.start()
    assert overlay.config == overlay.file
    (aside,) = box.store.parent.glob(f"{box.store.name}.damaged-*")
    assert aside.read_bytes() == payload
    assert not box.store.exists()
    overlay.connected()
    assert "is damaged" in box.reports[-1].problems[0]
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert box.start().config.mqtt.window == 5


def test_each_field_of_the_file_may_be_damaged_and_the_agent_starts(box) -> None:
    box.wish(box.start(), 1, {"mqtt.window": 5})
    whole = json.loads(box.store.read_text())

    def spoilt(body: object) -> list[object]:
        if not isinstance(body, dict):
            return [None, [], {}, "x", -1, 1e999]
        return [{**body, key: bad} for key, value in body.items() for bad in spoilt(value)] + [
            {k: v for k, v in body.items() if k != key} for key in body
        ]

    for body in spoilt(whole):
        box.store.write_text(json.dumps(body))
        assert box.start().config.mqtt.window in (5, 20), body


def test_another_device_s_file_is_not_used(box) -> None:
    box.apply({"mqtt.window": 5})
    box.write('device = "box"', 'device = "other"')
    overlay = box.start()
    assert overlay.config.mqtt.window == 20
    assert "belongs to riverside/box" in overlay.notes[0]


def test_a_wish_is_refused_while_the_file_itself_has_mistakes(box) -> None:
    overlay = box.start()
    box.write("window = 20", "window = ")  # somebody is at it, half-way
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert box.changes == 0, "a restart would end the device"
    assert box.reports[-1].state is SettingsState.REFUSED
    with pytest.raises(ConfigError):
        Overlay(box.path, {})


def test_values_are_not_taken_back_into_a_file_with_mistakes(box) -> None:
    box.write(trial_s=1)
    box.wish(box.start(), 1, {"mqtt.window": 5})
    overlay = box.start()
    box.restarts = 0
    box.adopted.clear()
    box.write("window = 20", "window = ")
    until = time.monotonic() + 10
    while overlay.look(is_linked=False) != 10.0 and time.monotonic() < until:
        time.sleep(0.02)
    assert box.changes == 0
    box.write(trial_s=1)
    assert overlay.look(is_linked=False) is None
    assert box.changes == 1
    assert box.start().config.mqtt.window == 20


def test_a_disk_that_cannot_be_written_refuses_a_wish_and_ends_a_trial(box) -> None:
    overlay = box.start()
    fresh = box.store.with_name(box.store.name + ".new")
    fresh.mkdir()  # in the way of the write
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert box.changes == 0
    assert "cannot be written" in box.reports[-1].problems[0]
    fresh.rmdir()
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert box.changes == 1
    fresh.mkdir()
    overlay = box.start()
    assert overlay.config.mqtt.window == 20
    overlay.connected()
    assert box.reports[-1].state is SettingsState.ROLLED_BACK


def test_the_line_changes_while_running_and_a_sensor_by_a_restart(box) -> None:
    overlay = box.start()
    box.wish(overlay, 1, {"mqtt.window": 5})
    assert (box.restarts, [config.mqtt.window for config in box.adopted]) == (0, [5])
    assert overlay.look(is_linked=True) is None, "not before the agent has taken it up"
    overlay.adopted()
    assert overlay.look(is_linked=True) == 1.0
    box.wish(overlay, 2, {"mqtt.window": 5, "sensor.air.interval_s": 10})
    assert (box.restarts, len(box.adopted)) == (1, 1)


HELD = """
[[output]]
name = "feeder"
kind = "gpio"
pin = 17
wiring = "hold"
place = "shed-1"
[button]
pin = 27
"""
GUARD = """
[[guard]]
name = "heat"
kind = "limit"
place = "shed-1"
metric = "shed-temp"
above = 60
clear_above = 50
for_s = 10
hold_s = 600
"""


def test_what_needs_a_restart_is_refused_where_that_would_drop_the_power(box) -> None:
    box.path.write_text(box.path.read_text() + HELD)
    overlay = box.start()
    box.wish(overlay, 1, {"sensor.air.interval_s": 10, "mqtt.window": 5})
    assert (box.changes, box.reports[-1].state) == (0, SettingsState.REFUSED)
    assert "would open output feeder" in box.reports[-1].problems[0]
    box.wish(overlay, 2, {"mqtt.window": 5})
    assert (box.restarts, len(box.adopted)) == (0, 1)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"guard.heat.above": 55}, None),
        ({"guard.heat.for_s": 0}, None),
        ({"sensor.air.interval_s": 5}, None),
        ({"sensor.air.report_s": 300}, None),
        ({"guard.heat.above": 61}, "guard.heat.above: may only be lower"),
        ({"guard.heat.above": 40}, "guard.heat.above: "),  # under where it clears
        ({"sensor.air.interval_s": 120}, "sensor.air.interval_s: a guard looks at it"),
        ({"guard.heat.hold_s": 3600}, "guard.heat.hold_s: cannot be set by wire"),
        ({"guard.heat.off": "x"}, "guard.heat.off: cannot be set by wire"),
    ],
)
def test_a_guard_can_be_made_more_careful_and_never_blunter(box, values, problem) -> None:
    box.path.write_text(box.path.read_text() + GUARD)
    box.wish(box.start(), 1, values)
    (report,) = box.reports
    if problem is None:
        assert (report.state, report.problems) == (SettingsState.TRIAL, ())
    else:
        assert report.state is SettingsState.REFUSED
        assert report.problems[0].startswith(problem)

"""The link's benchmark counts real bytes, in small."""

from pathlib import Path

import pytest

from benchmarks.link import USUAL, month, slow_line

pytestmark = pytest.mark.mosquitto


def test_a_backlog_over_a_slow_line_is_sent_once(tmp_path: Path) -> None:
    figures, notes = slow_line(tmp_path, backlog=100)
    assert int(figures["slow_line_readings"]) >= 100
    assert figures["slow_line_doubles"] == 0
    assert float(figures["slow_line_s"]) > 100 * 20 / 2500  # the line was slow indeed
    assert set(notes) <= set(figures)


def test_each_usual_device_has_its_figure(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.link.SETTLE_S", 24)
    figures, notes = month(tmp_path, 72)
    assert set(notes) <= set(figures)
    for usual in USUAL:
        assert float(figures[f"{usual.name}_tls_mb"]) >= float(figures[f"{usual.name}_mqtt_mb"])
    assert float(figures["ten_s_mqtt_mb"]) > 0

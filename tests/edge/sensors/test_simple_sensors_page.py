"""The examples of docs/simple-sensors.md load as they stand."""

import re
from pathlib import Path

from edge import config

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simple-sensors.md"
HEAD = 'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://127.0.0.1:1883"\n'


def test_the_examples_load(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "edge.toml").write_text(HEAD + "".join(examples), encoding="utf-8")
    found = config.read(tmp_path / "edge.toml")
    assert [sensor.name for sensor in found.sensors] == [
        "smoke-1", "rain-1", "water-temp-1", "adc-1", "radar-1", "probe",
    ]  # fmt: skip

"""The kinds of sensor that ``edge.toml`` may name. A new one is one file beside this and one line."""

from collections.abc import Callable
from pathlib import Path

from edge.sensors import (
    ads1115,
    contact,
    dlt645,
    ds18b20,
    modbus,
    printed,
    rain,
    replay,
    serialline,
    simulated,
)
from edge.sensors.port import Plan
from edge.table import Table

KINDS: dict[str, Callable[[Table, Path], Plan]] = {
    "ads1115": ads1115.read,
    "contact": contact.read,
    "dlt645": dlt645.read,
    "ds18b20": ds18b20.read,
    "modbus": modbus.read,
    "printed": printed.read,
    "rain": rain.read,
    "replay": replay.read,
    "serialline": serialline.read,
    "simulated": simulated.read,
}
"""By kind: reads its keys (paths are relative to the folder) and complains to the table."""

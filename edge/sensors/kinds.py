"""The kinds of sensor that ``edge.toml`` may name. A new one is one file beside this and one line."""

from collections.abc import Callable
from pathlib import Path

from edge.sensors import contact, dlt645, modbus, rain, replay, simulated
from edge.sensors.port import Plan
from edge.table import Table

KINDS: dict[str, Callable[[Table, Path], Plan]] = {
    "contact": contact.read,
    "dlt645": dlt645.read,
    "modbus": modbus.read,
    "rain": rain.read,
    "replay": replay.read,
    "simulated": simulated.read,
}
"""By kind: reads its keys (paths are relative to the folder) and complains to the table."""

"""The kinds of sensor by name, each loaded when a file names it.

A new one is one file beside this and one name here."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from edge.sensors.port import Plan
from edge.table import Table

Read = Callable[[Table, Path], Plan]
"""Reads its keys (paths are relative to the folder) and complains to the table."""


def _late(kind: str) -> Read:
    def read(table: Table, folder: Path) -> Plan:
        plan: Plan = import_module(f"edge.sensors.{kind}").read(table, folder)
        return plan

    return read


KINDS: dict[str, Read] = {
    kind: _late(kind)
    for kind in (
        "ads1115",
        "contact",
        "dlt645",
        "ds18b20",
        "modbus",
        "printed",
        "rain",
        "replay",
        "serialline",
        "simulated",
    )
}

"""A register map: which registers of a Modbus device are which metric. No I/O but reading the map."""

import struct
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path

from edge.contract.metrics import METRICS
from edge.sensors.polling import Answer, fault
from edge.sensors.port import Series
from edge.table import Table

MAPS = Path(__file__).parent / "maps"
TYPES = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "float32": ">f"}
BIT = "bit"
BIT_FUNCTIONS = (1, 2)  # coils, discrete inputs; 3 and 4 are holding and input registers
# How manuals name the bytes of two registers as they come: ABCD has the high word first.
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
MOST_REGISTERS = 125  # a request's most: Modbus Application Protocol V1.1b3, 6.3 and 6.4
# What an unread or unfitted channel says; a map may say otherwise with `missing`.
NOTHING: dict[str, tuple[float, ...]] = {
    "uint16": (0xFFFF,),
    "int16": (0x7FFF, -0x8000),
    "uint32": (0xFFFF_FFFF,),
    "int32": (0x7FFF_FFFF, -0x8000_0000),
    "float32": (-9999.0,),
    BIT: (),
}
# Units that makers use for a metric whose unit is another: (theirs, ours) -> factor.
FACTORS = {
    ("mm", "m"): 0.001,
    ("cm", "m"): 0.01,
    ("mS/cm", "µS/cm"): 1000.0,
    ("uS/cm", "µS/cm"): 1.0,
    ("µg/L", "mg/L"): 0.001,
    ("ug/L", "mg/L"): 0.001,
    ("L/s", "m³/s"): 0.001,
    ("m3/s", "m³/s"): 1.0,
    ("C", "°C"): 1.0,
    ("V", "mV"): 1000.0,
    ("mV", "V"): 0.001,
    ("A", "mA"): 1000.0,
    ("mA", "A"): 0.001,
    ("kW", "W"): 1000.0,
    ("kWh", "Wh"): 1000.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One quantity: ``(raw * scale + offset) * factor`` is in the unit of its metric."""

    series: Series
    function: int
    address: int
    type: str
    order: str = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    factor: float = 1.0
    missing: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        return 2 if self.type.endswith("32") else 1

    def decode(self, words: Sequence[int]) -> Answer:
        """The value of its registers, or why they hold none."""
        if self.type == BIT:
            raw, shown = float(words[0]), str(int(words[0]))
        else:
            data = b"".join(word.to_bytes(2, "big") for word in words)
            shown = " ".join(f"{word:04X}" for word in words)
            raw = struct.unpack(TYPES[self.type], _ordered(data, self.order))[0]
        if not isfinite(raw):
            return fault(f"the register holds {raw}", raw=shown)
        if raw in self.missing:
            return fault(f"the register holds {raw:g}, which stands for no value", raw=shown)
        value = (raw * self.scale + self.offset) * self.factor
        # No more digits than the register has: 9.1 of a float32 is not 9.10000038147.
        return Answer(float(f"{value:.{7 if self.type == 'float32' else 12}g}"), shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Registers asked for together: one function, addresses without a hole."""

    function: int
    address: int
    count: int
    registers: tuple[Register, ...]


def blocks(registers: Sequence[Register]) -> tuple[Block, ...]:
    """The fewest requests that ask for no register which no map names: some devices refuse those."""
    found: list[Block] = []
    for each in sorted(registers, key=lambda r: (r.function, r.address)):
        last = found[-1] if found else None
        if last is not None and last.function == each.function:
            end = max(last.address + last.count, each.address + each.size)
            is_next = each.address <= last.address + last.count
            if is_next and end - last.address <= MOST_REGISTERS:
                found[-1] = Block(
                    function=last.function,
                    address=last.address,
                    count=end - last.address,
                    registers=(*last.registers, each),
                )
                continue
        found.append(
            Block(function=each.function, address=each.address, count=each.size, registers=(each,))
        )
    return tuple(found)


def read_registers(table: Table, folder: Path, place: str, port: str) -> tuple[Register, ...]:
    """``map`` (a ready one by name, or a file), ``metrics`` of it, and own ``[[sensor.register]]``.

    ``[sensor.offset]`` adds to a metric, in its unit: the height of a gauge's zero.
    """
    offsets = _offsets(table)
    found: list[Register] = []
    if "map" in table:
        whole = _map(table, folder, place, port, offsets)
        names = table.texts("metrics")
        for name in names:
            if name not in {each.series.metric for each in whole}:
                table.complain("metrics", f"the map has no {name!r}")
        found += [each for each in whole if not names or each.series.metric in names]
    elif "metrics" in table:
        table.complain("metrics", "chooses from a map; name one in map")
        table.texts("metrics")
    for each in table.tables("register"):
        found.append(_register(each, place, port, offsets))
    if not found and "map" not in table:
        ready = ", ".join(ready_maps())
        table.complain("map", f"name a ready map ({ready}), a file, or write [[sensor.register]]")
    for one, other in pairwise(sorted(each.series for each in found)):
        if one == other:
            table.complain("register", f"{one.metric} is measured twice at one place and port")
    for name in offsets:
        if name not in {each.series.metric for each in found}:
            table.complain("offset", f"{name!r} is not among the registers")
    return tuple(found)


def ready_maps() -> list[str]:
    return sorted(path.stem for path in MAPS.glob("*.toml"))


def _map(
    table: Table, folder: Path, place: str, port: str, offsets: dict[str, float]
) -> list[Register]:
    name = table.text("map")
    path = folder / name if name.endswith(".toml") else MAPS / f"{name}.toml"
    if not name.endswith(".toml") and name not in ready_maps():
        table.complain("map", f"no ready map {name!r}; there are {', '.join(ready_maps())}")
        return []
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        table.complain("map", f"{path} cannot be read: {error}")
        return []
    top = Table(raw, f"{table.where}.map({path.name})", table.problems)
    for key in ("title", "source"):  # for people
        if key in top:
            top.text(key, most=2000)
    for metric, why in ((key, top.table("needs_offset").text(key))
                        for key in top.table("needs_offset").keys()):  # fmt: skip # noqa: SIM118
        if metric not in offsets:
            table.complain("offset", f"is missing: write [sensor.offset] {metric} = {why}")
    registers = [_register(each, place, port, offsets) for each in top.tables("register")]
    if not registers:
        top.complain("register", "there is none; write at least one [[register]]")
    top.done()
    return registers


def _register(table: Table, place: str, port: str, offsets: dict[str, float]) -> Register:
    metric = table.one_of("metric", METRICS)
    ours = METRICS[metric].unit
    unit = table.text("unit", ours) if "unit" in table else ours
    factor = 1.0 if unit == ours else FACTORS.get((unit, ours), 0.0)
    if not factor:
        known = [ours, *(theirs for theirs, to in FACTORS if to == ours)]
        table.complain("unit", f"{metric} is in {ours!r}; write one of {known} or use scale")
    function = table.whole("function", 3, least=1, most=4)
    is_bit = function in BIT_FUNCTIONS
    kind = table.one_of("type", (BIT,) if is_bit else TYPES, BIT if is_bit else None)
    register = Register(
        series=Series(
            table.id("place", place) if "place" in table else place,
            table.id("port", port) if "port" in table else port,
            metric,
        ),
        function=function,
        address=table.whole("address", least=0, most=0xFFFF),
        type=kind,
        order=table.one_of("order", ORDERS, "ABCD"),
        scale=table.number("scale", 1.0),
        offset=table.number("offset", 0.0) + offsets.get(metric, 0.0) / (factor or 1.0),
        factor=factor,
        missing=_missing(table, kind),
    )
    if register.series.port and not register.series.place:
        table.complain("place", "is missing beside port")
    if register.scale == 0:
        table.complain("scale", "0 makes every value the same; take it out")
    table.done()
    return register


def _missing(table: Table, kind: str) -> tuple[float, ...]:
    raw = table.raw("missing")
    if raw is None:
        return NOTHING[kind]
    if isinstance(raw, list) and all(type(each) in (int, float) for each in raw):
        return tuple(raw)
    table.complain("missing", f"write a list of raw values that mean none, got {raw!r}")
    return ()


def _offsets(table: Table) -> dict[str, float]:
    offsets = table.table("offset")
    return {name: offsets.number(name) for name in offsets.keys()}  # noqa: SIM118


def _ordered(data: bytes, order: str) -> bytes:
    """The bytes with the highest first."""
    if order in ("BADC", "DCBA"):
        data = b"".join(data[i : i + 2][::-1] for i in range(0, len(data), 2))
    if order in ("CDAB", "DCBA"):
        data = data[2:] + data[:2] if len(data) == 4 else data
    return data

"""Register maps: what words become, which requests are made, what a wrong map is told."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import config
from edge.contract.metrics import METRICS
from edge.sensors.port import Series
from edge.sensors.registers import (
    MOST_REGISTERS,
    ORDERS,
    TYPES,
    Register,
    blocks,
    read_registers,
    ready_maps,
)
from edge.table import Table


def register(type: str = "uint16", address: int = 0, **more: Any) -> Register:
    more = {"function": 3, "series": Series("weir", "", "water-level"), **more}
    return Register(type=type, address=address, **more)


def read(folder: Path = Path(), **keys: Any) -> tuple[tuple[Register, ...], list[str]]:
    problems: list[str] = []
    table = Table(keys, "sensor", problems)
    found = read_registers(table, folder, "weir", "")
    table.done()
    return found, problems


@pytest.mark.parametrize(
    ("type", "words", "more", "value"),
    [
        ("uint16", [2299], {"scale": 0.1}, 229.9),
        ("int16", [0xFFF6], {"scale": 0.1}, -1.0),
        ("uint16", [0x0102], {"order": "DCBA"}, 0x0201),
        ("uint16", [0x0102], {"order": "CDAB"}, 0x0102),
        ("uint32", [0x1E24, 0x0001], {"order": "CDAB"}, 0x11E24),
        ("uint32", [0x0001, 0x1E24], {}, 0x11E24),
        ("uint32", [0x0100, 0x241E], {"order": "BADC"}, 0x11E24),
        ("uint32", [0x241E, 0x0100], {"order": "DCBA"}, 0x11E24),
        ("int32", [0xFFFF, 0xFF9C], {"scale": 0.01, "offset": 3.0}, 2.0),
        ("float32", [0x4111, 0x999A], {}, 9.1),
        ("float32", [0x999A, 0x4111], {"order": "CDAB"}, 9.1),
        ("uint16", [4250], {"scale": -1, "offset": 12_500, "factor": 0.001}, 8.25),
        ("bit", [1], {}, 1.0),
        ("bit", [1], {"scale": -1, "offset": 1}, 0.0),
    ],
)
def test_words_become_the_value(
    type: str, words: list[int], more: dict[str, Any], value: float
) -> None:
    assert register(type, **more).decode(words).value == value


@given(st.sampled_from(sorted(TYPES)), st.sampled_from(ORDERS), st.data())
def test_every_type_comes_back_in_every_order(type: str, order: str, data: Any) -> None:
    code = TYPES[type]
    size = struct.calcsize(code)
    raw = data.draw(st.binary(min_size=size, max_size=size))
    (number,) = struct.unpack(code, raw)
    moved = raw
    if order in ("CDAB", "DCBA"):
        moved = b"".join(moved[i : i + 2] for i in range(size - 2, -1, -2))
    if order in ("BADC", "DCBA"):
        moved = b"".join(moved[i : i + 2][::-1] for i in range(0, size, 2))
    answer = register(type, order=order).decode(list(struct.unpack(f">{size // 2}H", moved)))
    if answer.value is None:
        assert "holds" in answer.reason
    else:
        assert answer.value == pytest.approx(number, rel=1e-6)


@pytest.mark.parametrize(
    ("type", "words", "more"),
    [
        ("uint16", [0xFFFF], {"missing": (0xFFFF,)}),
        ("float32", [0x7FC0, 0], {}),
        ("float32", [0x7F80, 0], {}),
        ("uint16", [0], {"missing": (0,)}),
    ],
)
def test_what_stands_for_no_value_is_none(type: str, words: list[int], more: dict) -> None:
    answer = register(type, **more).decode(words)
    assert answer.value is None
    assert "the register holds" in answer.reason
    assert answer.raw == " ".join(f"{word:04X}" for word in words)


def test_only_registers_that_follow_each_other_are_asked_together() -> None:
    made = blocks(
        [
            register("float32", 2),
            register("uint16", 0),
            register("uint16", 1),
            register("uint16", 9),
            register("uint16", 4, function=4),
        ]
    )
    assert [(b.function, b.address, b.count) for b in made] == [(3, 0, 4), (3, 9, 1), (4, 4, 1)]


def test_a_request_asks_for_no_more_than_the_protocol_lets() -> None:
    made = blocks([register("uint32", 2 * n) for n in range(100)])
    assert [b.count for b in made] == [124, 76]
    assert max(b.count for b in made) <= MOST_REGISTERS
    assert sum(len(b.registers) for b in made) == 100


@pytest.mark.parametrize("name", ready_maps())
def test_a_ready_map_is_read_without_a_complaint(name: str) -> None:
    offset = {"water-level": 12.5} if name == "radar-level" else {}
    found, problems = read(map=name, offset=offset)
    assert problems == []
    assert all(each.series.metric in METRICS for each in found)


def test_the_ready_maps_are_those_promised() -> None:
    assert ready_maps() == ["pzem-004t-v3", "radar-level", "sonde"]
    assert [r.series.metric for r in read(map="sonde")[0]] == [
        "water-temp", "ph", "do", "conductivity", "turbidity", "orp", "nh3n",
    ]  # fmt: skip
    assert len(blocks(read(map="sonde")[0])) == 1
    assert len(blocks(read(map="pzem-004t-v3")[0])) == 1


def test_a_gauge_that_looks_down_gives_the_level_above_the_datum() -> None:
    (gauge,), _ = read(map="radar-level", offset={"water-level": 12.5})
    assert gauge.decode([4250]).value == 8.25
    assert gauge.decode([0]).value is None


def test_a_map_of_one_s_own_stands_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        '[[register]]\nmetric = "conductivity"\naddress = 7\ntype = "uint16"\nunit = "mS/cm"\n'
        "scale = 0.01\nmissing = [9999]\n"
    )
    (ours,), problems = read(tmp_path, map="ours.toml")
    assert problems == []
    assert (ours.decode([42]).value, ours.decode([9999]).value) == (420.0, None)


def test_a_map_is_narrowed_and_widened() -> None:
    own = {"metric": "smoke", "function": 2, "address": 3, "port": "a"}
    found, problems = read(map="sonde", metrics=["ph", "do"], register=[own])
    assert problems == []
    assert [each.series.metric for each in found] == ["ph", "do", "smoke"]
    assert found[2].series == Series("weir", "a", "smoke")


GOOD = {"metric": "ph", "address": 1, "type": "int16"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "sensor.map: name a ready map (pzem-004t-v3, radar-level, sonde), a file"),
        ({"map": "sond"}, "sensor.map: no ready map 'sond'"),
        ({"map": "none.toml"}, "none.toml cannot be read"),
        ({"map": "radar-level"}, "write [sensor.offset] water-level = the height"),
        ({"map": "sonde", "metrics": ["smoke"]}, "sensor.metrics: the map has no 'smoke'"),
        ({"map": "sonde", "register": [GOOD]}, "ph is measured twice"),
        ({"metrics": ["ph"]}, "sensor.metrics: chooses from a map"),
        ({"register": [GOOD], "offset": {"do": 1}}, "'do' is not among the registers"),
        ({"register": [{**GOOD, "metric": "x"}]}, "sensor.register[1 of 1].metric: write one of"),
        ({"register": [{**GOOD, "type": "int8"}]}, "sensor.register[1 of 1].type: write one of"),
        ({"register": [{**GOOD, "order": "low"}]}, "order: write one of ABCD, CDAB"),
        ({"register": [{**GOOD, "address": 40001.0}]}, "address: write a whole number"),
        ({"register": [{**GOOD, "function": 6}]}, "function: write a whole number, 1 to 4"),
        ({"register": [{**GOOD, "metric": "do", "unit": "mol"}]}, "unit: do is in 'mg/L'"),
        ({"register": [{**GOOD, "scale": 0}]}, "scale: 0 makes every value the same"),
        ({"register": [{**GOOD, "missing": 9}]}, "missing: write a list"),
        ({"register": [{**GOOD, "adress": 1}]}, "did you mean 'address'?"),
    ],
)
def test_each_mistake_names_its_key(keys: dict[str, Any], problem: str) -> None:
    assert problem in "\n".join(read(**keys)[1])


def test_the_examples_of_the_documentation_are_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/meters-and-sondes.md").read_text(encoding="utf-8")
    examples = "\n".join(part.partition("```")[0] for part in text.split("```toml\n")[1:])
    path = tmp_path / "edge.toml"
    path.write_text(
        f'site = "a"\ndevice = "b"\n[mqtt]\nurl = "mqtt://c"\n{examples}', encoding="utf-8"
    )
    names = [sensor.name for sensor in config.read(path, {}).sensors]
    assert names == ["port-2-meter", "gauge", "own", "shed-meter"]

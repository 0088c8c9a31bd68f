"""Modbus against pymodbus' own server in another process: over TCP, RTU over TCP, and a pty pair."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from edge.contract.quality import Quality
from edge.sensors import modbus
from edge.sensors.polling import Polling
from edge.sensors.port import Sample
from edge.table import Table
from tests.edge.sensors.simulators import Simulator, simulator

NOW = 1_800_000_000_000
# A PZEM's 229.9 V, 1.234 A, 283.7 W, 73252 Wh, 50.0 Hz, 0.95: low words first.
PZEM = [2299, 1234, 0, 2837, 0, 0x1E24, 1, 500, 95, 0]
METER = {
    "voltage": 229.9, "current": 1.234, "power": 283.7, "energy": 73252.0, "frequency": 50.0,
    "power-factor": 0.95,
}  # fmt: skip
# A sonde's 14.25 °C, pH 7.5, 8.25 mg/L, 420 µS/cm, 6.5 NTU, -150 mV, nothing fitted for NH3-N.
SONDE = [
    0x4164, 0, 0x40F0, 0, 0x4104, 0, 0x43D2, 0, 0x40D0, 0, 0xC316, 0, 0x7FC0, 0,
]  # fmt: skip
REGISTERS = {"4": {"0": PZEM}, "3": {"0": SONDE}, "2": {"3": [0, 1]}}


def read(**keys: Any) -> tuple[modbus.Device, list[str]]:
    problems: list[str] = []
    table = Table(keys, "sensor", problems)
    device = modbus.read(table, Path())
    table.done()
    return device, problems


opened: list[Polling] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while opened:
        opened.pop().source.close()


def sensor(running: Simulator, **keys: Any) -> Polling:
    line = {"serial": running.where} if running.where.startswith("/") else {"tcp": running.where}
    if running.mode == "rtu-tcp":
        line["framing"] = "rtu"
    keys = {"place": "shed-1", "timeout_s": 0.3, "retries": 0, **line, **keys}
    if "register" not in keys:
        keys = {"map": "pzem-004t-v3", **keys}
    device, problems = read(**keys)
    assert problems == []
    opened.append(device.build("meter", NOW))
    return opened[-1]


def values(samples: tuple[Sample, ...]) -> dict[str, float | None]:
    return {each.metric: each.value for each in samples}


def start(mode: str) -> Iterator[Simulator]:
    pytest.importorskip("pymodbus")
    if mode == "pty":
        pytest.importorskip("serial")
    with simulator("modbus_simulator.py", mode=mode, registers=REGISTERS) as running:
        yield running


@pytest.fixture(scope="module")
def tcp() -> Iterator[Simulator]:
    yield from start("tcp")


@pytest.fixture(scope="module")
def rtu_tcp() -> Iterator[Simulator]:
    yield from start("rtu-tcp")


@pytest.fixture(scope="module")
def pty() -> Iterator[Simulator]:
    yield from start("pty")


def _clean(request: pytest.FixtureRequest) -> Simulator:
    running: Simulator = request.getfixturevalue(request.param)
    running.fault("none")
    return running


@pytest.fixture(params=["tcp", "rtu_tcp", "pty"])
def any_line(request: pytest.FixtureRequest) -> Simulator:
    return _clean(request)


@pytest.fixture(params=["rtu_tcp", "pty"])
def rtu(request: pytest.FixtureRequest) -> Simulator:
    return _clean(request)


def test_a_pzem_is_read_by_its_map(any_line: Simulator) -> None:
    polling = sensor(any_line)
    first = polling.step("", NOW)
    assert values(first.samples) == METER
    assert polling.last[polling.source.series[1]].raw == "04D2 0000"
    assert values(polling.step(first.mark, NOW + 60_000).samples) == METER


def test_a_sonde_is_read_and_what_is_not_fitted_is_missing(any_line: Simulator) -> None:
    samples = sensor(any_line, map="sonde").step("", NOW).samples
    assert values(samples) == {
        "water-temp": 14.25, "ph": 7.5, "do": 8.25, "conductivity": 420.0, "turbidity": 6.5,
        "orp": -150.0, "nh3n": None,
    }  # fmt: skip
    assert samples[-1].reason == "the register holds nan"


def test_a_contact_is_read_from_a_discrete_input(any_line: Simulator) -> None:
    register = [
        {"metric": "smoke", "function": 2, "address": 3},
        {"metric": "water", "function": 2, "address": 4},
    ]
    samples = sensor(any_line, register=register).step("", NOW).samples
    assert values(samples) == {"smoke": 0.0, "water": 1.0}


def missing(running: Simulator, polling: Polling, fault: str) -> str:
    """The one reason of a round under a fault; then the line is whole again, and so is the sensor."""
    running.fault(fault)
    step = polling.step("", NOW)
    assert {(s.value, s.quality) for s in step.samples} == {(None, Quality.MISSING)}
    assert len(step.samples) == len(METER)
    running.fault("none")
    assert values(polling.step(step.mark, NOW + 60_000).samples) == METER
    (reason,) = {s.reason for s in step.samples}
    return reason


def test_silence_is_told_with_what_to_look_at(any_line: Simulator) -> None:
    reason = missing(any_line, sensor(any_line), "silence")
    assert "no answer within 0.3 s; check power, wires A and B, baud rate and unit_id" in reason
    assert reason.startswith("unit 1, function 4, 0-8")


def test_half_a_frame_is_told(rtu: Simulator) -> None:
    assert "cut off after 11 of 23 bytes (01 04 12" in missing(rtu, sensor(rtu), "half")


def test_half_a_frame_over_tcp_is_told(tcp: Simulator) -> None:
    assert "13 bytes that are no answer to it" in missing(tcp, sensor(tcp), "half")


def test_a_wrong_crc_is_told(rtu: Simulator) -> None:
    assert "wrong checksum" in missing(rtu, sensor(rtu), "crc")


def test_an_exception_is_told_in_words(any_line: Simulator) -> None:
    reason = missing(any_line, sensor(any_line), "exception")
    assert "exception 6, the device is busy" in reason


def test_one_spoilt_frame_is_asked_again_at_once(rtu: Simulator) -> None:
    rtu.fault("crc-once")
    assert values(sensor(rtu, retries=1).step("", NOW).samples) == METER


def test_an_adapter_that_gives_back_the_question_is_seen_through(rtu: Simulator) -> None:
    rtu.fault("echo")
    assert values(sensor(rtu).step("", NOW).samples) == METER
    assert "no answer within 0.3 s; check power" in missing(rtu, sensor(rtu), "echo-only")


def test_stray_bytes_before_a_frame_are_passed_over(rtu: Simulator) -> None:
    rtu.fault("stray")
    assert values(sensor(rtu).step("", NOW).samples) == METER


def test_a_register_that_the_device_lacks_leaves_the_others(any_line: Simulator) -> None:
    register = [
        {"metric": "voltage", "function": 4, "address": 0, "type": "uint16", "scale": 0.1},
        {"metric": "humidity", "function": 4, "address": 50, "type": "uint16"},
    ]
    voltage, humidity = sensor(any_line, register=register).step("", NOW).samples
    assert voltage.value == 229.9
    assert (humidity.value, humidity.quality) == (None, Quality.MISSING)
    assert "exception 2, illegal address" in humidity.reason


def test_another_unit_on_the_line_is_not_taken_for_ours(rtu: Simulator) -> None:
    samples = sensor(rtu, unit_id=7).step("", NOW).samples
    assert all(s.value is None for s in samples)


def test_two_sensors_share_one_serial_line(pty: Simulator) -> None:
    pty.fault("none")
    pollings = [sensor(pty), sensor(pty, map="sonde", metrics=["ph"])]
    found: list[dict[str, float | None]] = []

    def ask(polling: Polling) -> None:
        mark = ""
        for nth in range(10):
            step = polling.step(mark, NOW + nth * 60_000)
            mark = step.mark
            found.append(values(step.samples))

    threads = [Thread(target=ask, args=(polling,)) for polling in pollings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [each for each in found if each not in (METER, {"ph": 7.5})] == []
    assert len(found) == 20


@pytest.mark.skipif(not importlib.util.find_spec("pymodbus"), reason="pymodbus is not installed")
def test_a_device_that_goes_and_comes_back_is_found_again() -> None:
    with simulator("modbus_simulator.py", mode="tcp", registers=REGISTERS) as running:
        polling = sensor(running, retries=1)
        step = polling.step("", NOW)
        assert values(step.samples) == METER
        where = running.where
    step = polling.step(step.mark, NOW + 60_000)
    assert where in step.samples[0].reason
    assert "check cable, address and rights" in step.samples[0].reason
    port = int(where.rpartition(":")[2])
    with simulator("modbus_simulator.py", mode="tcp", registers=REGISTERS, port=port):
        assert values(polling.step(step.mark, NOW + 120_000).samples) == METER


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"serial": "/dev/x", "framing": "tcp"}, "sensor.framing: a serial line speaks rtu"),
        ({"tcp": "a", "unit_id": 0}, "sensor.unit_id: write a whole number, 1 to 255"),
        ({"tcp": "a", "interval": 5}, "did you mean 'interval_s'?"),
    ],
)
def test_each_mistake_names_its_key(keys: dict[str, Any], problem: str) -> None:
    assert problem in "\n".join(read(place="a", map="sonde", **keys)[1])


def test_the_line_has_its_defaults() -> None:
    device, problems = read(place="a", serial="/dev/ttyUSB0", map="pzem-004t-v3")
    assert problems == []
    assert (device.line.baud, device.line.parity, device.unit_id) == (9600, "none", 1)
    assert device.is_rtu
    device, _ = read(place="a", tcp="10.0.0.7", map="pzem-004t-v3")
    assert (device.line.host, device.line.port, device.is_rtu) == ("10.0.0.7", 502, False)

"""DL/T 645-2007: the codec on published frames, the sensor against a meter in another process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.quality import Quality
from edge.sensors import dlt645
from edge.sensors.dlt645_frame import (
    ANY_METER,
    READ_DONE,
    Frame,
    digits,
    encode,
    find,
    read_request,
    refusal,
)
from edge.sensors.polling import Polling
from edge.sensors.port import Sample
from edge.table import Table
from tests.edge.sensors.meter_simulator import FRAMES
from tests.edge.sensors.simulators import Simulator, simulator

NOW = 1_800_000_000_000
PUBLISHED = {"voltage": 100.1, "current": 4.999, "power": 251.2, "energy": 260.0}
ITEMS = ("00010000", "02010100", "02020100", "02030000")


def read(**keys: Any) -> tuple[dlt645.Meter, list[str]]:
    problems: list[str] = []
    table = Table(keys, "sensor", problems)
    meter = dlt645.read(table, Path())
    table.done()
    return meter, problems


def sensor(where: str, **keys: Any) -> Polling:
    # A pty takes no parity.
    line = {"serial": where, "parity": "none"} if where.startswith("/") else {"tcp": where}
    keys = {"place": "shed-1", "timeout_s": 0.25, "retries": 0, "address": "161", **line, **keys}
    meter, problems = read(**keys)
    assert problems == []
    return meter.build("meter", NOW)


def values(samples: tuple[Sample, ...]) -> dict[str, float | None]:
    return {each.metric: each.value for each in samples}


# The codec


@pytest.mark.parametrize(("item", "ask"), list(zip(ITEMS, FRAMES, strict=True)))
def test_a_request_is_the_published_one(item: str, ask: str) -> None:
    assert read_request("000000000161", item) == b"\xfe" * 4 + bytes.fromhex(ask)


@pytest.mark.parametrize(("nth", "number"), [(0, 26), (1, 1001), (2, 4999), (3, 2512)], ids=ITEMS)
def test_a_published_answer_says_what_was_published(nth: int, number: int) -> None:
    (frame,) = find(bytes.fromhex(list(FRAMES.values())[nth]))
    assert (frame.address, frame.control) == ("000000000161", READ_DONE)
    assert frame.data[:4] == bytes.fromhex(ITEMS[nth])[::-1]
    assert digits(frame.data[4:]) == number


frames = st.builds(
    Frame,
    st.text("0123456789", min_size=12, max_size=12),
    st.integers(0, 255),
    st.binary(max_size=200),
)


@given(
    st.binary(max_size=20).filter(lambda noise: 0x68 not in noise), frames, st.binary(max_size=9)
)
def test_a_frame_is_found_again_between_noise(noise: bytes, frame: Frame, more: bytes) -> None:
    assert find(noise + encode(frame) + more)[0] == frame


@given(frames, st.data())
def test_one_changed_byte_never_gives_the_frame_s_data_as_another(frame: Frame, data: Any) -> None:
    whole = bytearray(encode(frame))
    at = data.draw(st.integers(4, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    assert all(len(each.data) < len(frame.data) for each in find(bytes(whole)))


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_through(noise: bytes) -> None:
    find(noise)


@pytest.mark.parametrize(
    ("data", "signed", "number"),
    [
        ("26 00 00 00", False, 26),
        ("34 12", False, 1234),
        ("34 92", False, 9234),
        ("34 92", True, -1234),
        ("FF FF", False, None),
        ("0A 00", False, None),
        ("", False, None),
    ],
)
def test_digits_are_low_byte_first_and_never_guessed(
    data: str, signed: bool, number: int | None
) -> None:
    assert digits(bytes.fromhex(data), signed=signed) == number


def test_a_refusal_is_told_in_words() -> None:
    assert refusal(b"\x02") == "no such data"
    assert refusal(b"\x05") == "other error, wrong password or no right"
    assert refusal(b"\x80") == "error word 80"


# The sensor


@pytest.fixture(scope="module")
def tcp() -> Iterator[Simulator]:
    with simulator("meter_simulator.py", mode="tcp") as running:
        yield running


@pytest.fixture(scope="module")
def pty() -> Iterator[Simulator]:
    pytest.importorskip("serial")
    with simulator("meter_simulator.py", mode="pty") as running:
        yield running


@pytest.fixture(params=["tcp", "pty"])
def meter(request: pytest.FixtureRequest) -> Simulator:
    running: Simulator = request.getfixturevalue(request.param)
    running.fault("none")
    return running


@pytest.mark.parametrize("fault", ["none", "torn", "echo"])
def test_a_meter_is_read_however_its_answer_comes(meter: Simulator, fault: str) -> None:
    meter.fault(fault)
    polling = sensor(meter.where)
    assert values(polling.step("", NOW).samples) == PUBLISHED
    assert {each.raw for each in polling.last.values()} >= {"10 01", "00 25 12"}


def test_the_only_meter_on_the_line_needs_no_address(meter: Simulator) -> None:
    assert values(sensor(meter.where, address=ANY_METER).step("", NOW).samples) == PUBLISHED


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silence", "no answer within 0.25 s; check wires A and B"),
        ("checksum", "torn frame or wrong checksum"),
        ("half", "torn frame or wrong checksum"),
        ("refuse", "meter 000000000161 refuses 02010100: no such data"),
        ("other-item", "only frames that are no answer to it"),
        ("other-meter", "only frames that are no answer to it"),
        ("no-digits", "is no number"),
    ],
)
def test_a_fault_is_a_missing_sample_with_its_reason(
    meter: Simulator, fault: str, reason: str
) -> None:
    meter.fault(fault)
    polling = sensor(meter.where)
    (sample,) = [s for s in polling.step("", NOW).samples if s.metric == "voltage"]
    assert (sample.value, sample.quality) == (None, Quality.MISSING)
    assert reason in sample.reason
    meter.fault("none")
    assert values(polling.step("", NOW + 60_000).samples) == PUBLISHED


def test_an_item_that_the_meter_lacks_leaves_the_others(meter: Simulator) -> None:
    polling = sensor(meter.where, metrics=["voltage", "frequency"])
    voltage, frequency = polling.step("", NOW).samples
    assert voltage.value == 100.1
    assert frequency.value is None
    assert "refuses 02800002: no such data" in frequency.reason


def test_a_port_that_takes_no_parity_says_so(pty: Simulator) -> None:
    samples = sensor(pty.where, parity="even").step("", NOW).samples
    assert "does not take baud 2400, parity even, 1 stop bits" in samples[0].reason


def test_a_meter_that_is_not_there_says_so(tcp: Simulator) -> None:
    step = sensor("127.0.0.1:1", metrics=["voltage"]).step("", NOW)
    assert "127.0.0.1:1" in step.samples[0].reason
    assert "check cable, address and rights" in step.samples[0].reason


def test_the_meter_of_another_library_is_understood() -> None:
    pytest.importorskip("dlt645")
    metrics = ["voltage", "current", "power", "energy", "power-factor", "frequency"]
    with simulator("meter_simulator.py", mode="library") as running:
        samples = sensor(running.where, metrics=metrics, timeout_s=3.0).step("", NOW).samples
    assert values(samples) == {
        "voltage": 229.9,
        "current": 1.234,
        "power": 283.7,
        "energy": 1_234_560.0,
        "power-factor": 0.953,
        "frequency": 50.02,
    }


# The keys


def test_the_standard_s_line_is_the_default() -> None:
    meter, problems = read(serial="/dev/ttyUSB0", place="shed-1", port="2", address="161")
    assert problems == []
    assert (meter.line.baud, meter.line.parity, meter.address) == (2400, "even", "000000000161")
    assert meter.metrics == ("voltage", "current", "power", "energy")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, 'sensor.serial: write serial = "/dev/ttyUSB0" or tcp'),
        ({"tcp": "a:1", "serial": "b"}, "one of them"),
        ({"tcp": "a:x"}, "sensor.tcp: write host or host:port"),
        ({"tcp": "a", "baud": 2400}, "sensor.baud: belongs to a serial line"),
        ({"serial": "a", "baud": 2401}, "sensor.baud: write one of"),
        ({"tcp": "a", "address": "12x"}, "sensor.address: write the up to 12 digits"),
        ({"tcp": "a", "metrics": ["smoke"]}, "sensor.metrics: 'smoke' is not read"),
        ({"tcp": "a", "metrics": []}, "sensor.metrics: name each once"),
        ({"tcp": "a", "phase": "d"}, "sensor.phase: write one of a, b, c"),
        ({"tcp": "a", "port": "2"}, "sensor.place: is missing beside port"),
        ({"tcp": "a", "adress": "1"}, "did you mean 'address'?"),
    ],
)
def test_each_mistake_names_its_key(keys: dict[str, Any], problem: str) -> None:
    assert problem in "\n".join(read(**keys)[1])


def test_a_phase_is_asked_by_its_number() -> None:
    assert [dlt645._phase_number("voltage", p) for p in ("", "a", "b", "c")] == [1, 1, 2, 3]
    assert [dlt645._phase_number("power", p) for p in ("", "a", "b", "c")] == [0, 1, 2, 3]

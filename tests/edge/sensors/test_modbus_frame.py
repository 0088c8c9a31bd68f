"""Frames of Modbus, beside what pymodbus' server understands in the sensor's own tests."""

import pytest

from edge.sensors import modbus_frame
from edge.sensors.modbus_frame import Frame


def rtu(text: str) -> bytes:
    body = bytes.fromhex(text)
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")


def test_a_question_is_the_frame_that_handbooks_print() -> None:
    assert modbus_frame.read(0x11, 3, 0x6B, 3) == bytes.fromhex("11 03 006B 0003 7687")
    assert modbus_frame.write_coil(0x11, 0xAC, True) == bytes.fromhex("11 05 00AC FF00 4E8B")
    assert modbus_frame.read(0x11, 3, 0x6B, 3, 1) == bytes.fromhex("0001 0000 0006 11 03 006B 0003")


ANSWER = bytes.fromhex("11 03 06 AE41 5652 4340 49AD")


@pytest.mark.parametrize(
    ("heard", "frame"),
    [
        (ANSWER, Frame(3, bytes.fromhex("AE4156524340"))),
        (b"\x00\x11\xff" + ANSWER + b"\x00", Frame(3, bytes.fromhex("AE4156524340"))),
        (rtu("11 83 02"), Frame(3, b"", 2)),
        (ANSWER[:-1], None),
        (ANSWER[:-1] + b"\xac", None),
        (rtu("12 03 02 0001"), None),
        (rtu("11 04 02 0001"), None),
        (rtu("11 84 02"), None),
        (b"", None),
    ],
)
def test_of_what_is_heard_on_a_line_only_a_whole_answer_counts(heard, frame) -> None:
    assert modbus_frame.answer(heard, 0x11, 3) == frame


@pytest.mark.parametrize(
    ("heard", "frame"),
    [
        ("0007 0000 0005 11 03 02 002A", Frame(3, b"\x00\x2a")),
        ("0006 0000 0005 11 03 02 0001 0007 0000 0005 11 03 02 002A", Frame(3, b"\x00\x2a")),
        ("0007 0000 0003 11 83 0B", Frame(3, b"", 11)),
        ("0006 0000 0005 11 03 02 0001", None),
        ("0007 0000 0005 12 03 02 0001", None),
        ("0007 0001 0005 11 03 02 0001", None),
        ("0007 0000 0005 11 03 02 00", None),
        ("0007 0000 0005 11 03 04 0001", None),
        ("0007 0000 0000 11 03 04 0001", None),
        ("0007 0000", None),
    ],
)
def test_of_what_comes_by_tcp_only_the_answer_to_this_question_counts(heard, frame) -> None:
    assert modbus_frame.answer(bytes.fromhex(heard), 0x11, 3, 7) == frame


def test_bits_begin_with_the_lowest_and_registers_with_the_high_byte() -> None:
    assert modbus_frame.bits(b"\x05\x80") == [1, 0, 1, 0, 0, 0, 0, 0] + [0] * 7 + [1]
    assert modbus_frame.registers(b"\x01\x02\xff\xfe") == [0x0102, 0xFFFE]

"""Frames of Modbus (Application Protocol V1.1b3; RTU and TCP): the few that a box sends and hears.

A codec of our own: importing pymodbus brings asyncio and a whole server, 3 MB of a device that has
30. Tests hold this against pymodbus' server.
"""

import struct
from typing import NamedTuple

READ_FUNCTIONS = frozenset({1, 2, 3, 4})
WRITE_COIL = 5
ON = 0xFF00  # 6.5: the one value that closes a coil


class Frame(NamedTuple):
    """An answer: ``data`` of a read without its count; ``exception`` is 0 unless it was refused."""

    function: int
    data: bytes
    exception: int = 0


def read(unit: int, function: int, address: int, count: int, number: int | None = None) -> bytes:
    """Ask for ``count`` bits or registers. With a ``number`` the frame is Modbus TCP, else RTU."""
    return _wrap(unit, struct.pack(">BHH", function, address, count), number)


def write_coil(unit: int, address: int, bit: bool, number: int | None = None) -> bytes:
    """Order one coil."""
    return _wrap(unit, struct.pack(">BHH", WRITE_COIL, address, ON if bit else 0), number)


def answer(heard: bytes, unit: int, function: int, number: int | None = None) -> Frame | None:
    """The unit's first whole answer to the function among bytes that may hold others; else None.

    Bytes of RTU have no beginning but a checksum that fits; an answer with another number belongs
    to a question that was given up.
    """
    if number is None:
        found = (_rtu(heard[at:], unit, function) for at in range(len(heard)))
        return next((frame for frame in found if frame is not None), None)
    while len(heard) >= 8:
        its, protocol, length, its_unit = struct.unpack_from(">HHHB", heard)
        body = heard[7 : 6 + length]
        if protocol or length < 2 or len(body) < length - 1:
            return None
        if (its, its_unit) == (number, unit):
            frame = _pdu(body, function)
            if frame is not None and _size(body) == len(body):
                return frame
        heard = heard[6 + length :]
    return None


def bits(data: bytes) -> list[int]:
    """The bits of a read, the lowest of the first byte first; filled up to whole bytes."""
    return [byte >> bit & 1 for byte in data for bit in range(8)]


def registers(data: bytes) -> list[int]:
    """The registers of a read."""
    return [high << 8 | low for high, low in zip(data[::2], data[1::2], strict=False)]


def _wrap(unit: int, pdu: bytes, number: int | None) -> bytes:
    frame = bytes([unit]) + pdu
    if number is None:
        return frame + _crc(frame)
    return struct.pack(">HHH", number, 0, len(frame)) + frame


def _rtu(heard: bytes, unit: int, function: int) -> Frame | None:
    if heard[:1] != bytes([unit]) or (size := _size(heard[1:])) is None:
        return None
    frame = heard[: 1 + size]
    if heard[1 + size : 3 + size] != _crc(frame):
        return None
    return _pdu(frame[1:], function)


def _size(pdu: bytes) -> int | None:
    """How long the answer is by its first bytes."""
    if len(pdu) < 2:
        return None
    if pdu[0] & 0x80:
        return 2
    return 2 + pdu[1] if pdu[0] in READ_FUNCTIONS else 5


def _pdu(pdu: bytes, function: int) -> Frame | None:
    if pdu[0] == function | 0x80:
        return Frame(function, b"", pdu[1])
    if pdu[0] != function:
        return None
    return Frame(function, pdu[2:] if function in READ_FUNCTIONS else pdu[1:])


def _crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS, the low byte first (Modbus over serial line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")

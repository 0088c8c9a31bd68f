"""Feishu's frames on its long connection: nine fields of protocol buffers, written and read.

Field numbers as in ``pbbp2.proto`` of Feishu's own SDK (lark-oapi 1.7.5, MIT), whose bytes the
tests hold these against.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

CONTROL, DATA = 0, 1
FRAME_MOST = 4 * 2**20  # bytes; a message of a person has a few hundred
_SEQ, _LOG, _SERVICE, _METHOD, _HEADER, _ENCODING, _TYPE, _PAYLOAD, _LOG_NEW = range(1, 10)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """``service`` comes from the connection's address; an answer repeats all but the payload."""

    service: int
    method: int
    seq: int = 0
    log: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = b""
    encoding: str = ""
    type: str = ""
    log_new: str = ""


def encode(frame: Frame) -> bytes:
    out = bytearray()
    for number, value in (
        (_SEQ, frame.seq),
        (_LOG, frame.log),
        (_SERVICE, frame.service),
        (_METHOD, frame.method),
    ):
        out += _tag(number, _VARINT) + _varint(value)
    for key, text in frame.headers.items():
        header = _text(1, key) + _text(2, text)
        out += _tag(_HEADER, _BYTES) + _varint(len(header)) + header
    for number, text in ((_ENCODING, frame.encoding), (_TYPE, frame.type)):
        out += _text(number, text) if text else b""
    if frame.payload:
        out += _tag(_PAYLOAD, _BYTES) + _varint(len(frame.payload)) + frame.payload
    out += _text(_LOG_NEW, frame.log_new) if frame.log_new else b""
    return bytes(out)


def decode(data: bytes) -> Frame:
    """ValueError for what is no frame."""
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    headers: dict[str, str] = {}
    for number, value in _fields(data):
        if isinstance(value, int):
            numbers[number] = value
        elif number == _HEADER:
            pair = dict(_fields(value))
            key, text = pair.get(1), pair.get(2)
            if not isinstance(key, bytes) or not isinstance(text, bytes):
                raise ValueError("a header needs key and value")
            headers[key.decode()] = text.decode()
        else:
            texts[number] = value
    if _METHOD not in numbers or _SERVICE not in numbers:
        raise ValueError("a frame needs service and method")
    return Frame(
        service=_signed(numbers[_SERVICE]),
        method=_signed(numbers[_METHOD]),
        seq=numbers.get(_SEQ, 0),
        log=numbers.get(_LOG, 0),
        headers=headers,
        payload=texts.get(_PAYLOAD, b""),
        encoding=texts.get(_ENCODING, b"").decode(),
        type=texts.get(_TYPE, b"").decode(),
        log_new=texts.get(_LOG_NEW, b"").decode(),
    )


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _read_varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} is not used")
        if at + length > len(data):
            raise ValueError("the frame is cut off")
        if kind == _BYTES:
            yield number, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
    raise ValueError("a number is cut off")


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # a negative int32 goes as 64 bits
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _text(number: int, text: str) -> bytes:
    data = text.encode()
    return _tag(number, _BYTES) + _varint(len(data)) + data

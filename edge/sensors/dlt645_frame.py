"""Frames of DL/T 645-2007: ``68 A0..A5 68 C L DATA CS 16``, data plus 33H, all low byte first.

A codec of our own: PyPI's dlt645 3.2.0 is sound, but its client gives None for every trouble, so no
reading could say why it is missing, and its import takes 43 MB of a device that has 30.
"""

from dataclasses import dataclass

START, END, WAKE = 0x68, 0x16, 0xFE
OFFSET = 0x33
HEAD = 10  # bytes before the data
READ, READ_DONE, READ_MORE, READ_REFUSED = 0x11, 0x91, 0xB1, 0xD1
ANY_METER = "A" * 12  # wildcard digits: whoever is on the line answers, with its own address
# Bits of the error word of a refused read.
ERRORS = (
    "other error", "no such data", "wrong password or no right", "baud rate not to be changed",
    "too many year zones", "too many day periods", "too many tariffs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """``address`` as printed on the meter, 12 digits; ``data`` without the 33H."""

    address: str
    control: int
    data: bytes = b""


def encode(frame: Frame) -> bytes:
    """The bytes of a frame, after the four that wake the meter."""
    body = bytes([START, *bytes.fromhex(frame.address)[::-1], START, frame.control])
    body += bytes([len(frame.data)]) + bytes((each + OFFSET) & 0xFF for each in frame.data)
    return bytes([WAKE] * 4) + body + bytes([sum(body) & 0xFF, END])


def find(heard: bytes) -> list[Frame]:
    """Every whole frame in the bytes; what is torn or has a wrong checksum is passed over."""
    frames: list[Frame] = []
    at = 0
    while (at := heard.find(START, at)) >= 0:
        frame, size = _frame_at(heard[at:])
        if frame is not None:
            frames.append(frame)
        at += size
    return frames


def read_request(address: str, item: str) -> bytes:
    """Ask a meter for a data item, for example 02010100."""
    return encode(Frame(address, READ, bytes.fromhex(item)[::-1]))


def refusal(data: bytes) -> str:
    """The error word of a refused read in words."""
    word = data[0] if data else 0
    named = [text for bit, text in enumerate(ERRORS) if word >> bit & 1]
    return ", ".join(named) or f"error word {word:02X}"


def digits(data: bytes, *, signed: bool = False) -> int | None:
    """The number written in BCD, low byte first; None when a half-byte is no digit.

    With ``signed`` the highest bit is the sign.
    """
    if not data:
        return None
    top = data[-1]
    sign = -1 if signed and top & 0x80 else 1
    text = bytes([*data[:-1], top & 0x7F if signed else top])[::-1].hex()
    return sign * int(text) if text.isdigit() else None


def _frame_at(heard: bytes) -> tuple[Frame | None, int]:
    """The frame that begins here, and how far to go on."""
    if len(heard) < HEAD + 2 or heard[7] != START:
        return None, 1
    end = HEAD + heard[9]
    if len(heard) < end + 2 or heard[end + 1] != END or sum(heard[:end]) & 0xFF != heard[end]:
        return None, 1
    data = bytes((each - OFFSET) & 0xFF for each in heard[HEAD:end])
    return Frame(heard[1:7][::-1].hex().upper(), heard[8], data), end + 2

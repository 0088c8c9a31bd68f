"""MQTT written to a socket by hand: a session that is left behind, and many messages queued for it.

paho tops out at some 14,000 messages a second and slows down with what is unacknowledged; here
packets are joined bytes, and the broker's PUBACKs are only counted.
"""

import socket
import struct
import threading
from collections.abc import Iterable, Sequence

CHUNK = 2**18  # bytes in one write
TIMEOUT_S = 60.0
_EXPIRY = b"\x11" + struct.pack(">I", 86_400)  # MQTT 5, 3.1.2.11.2: Session Expiry Interval


def leave_session(
    host: str, port: int, client_id: str, filters: Sequence[str], *, version: int
) -> None:
    """A persistent session of this client, subscribed at QoS 1 and away (``version``: 4 or 5)."""
    subscribe = struct.pack(">H", 1) + (b"\x00" if version == 5 else b"")
    subscribe += b"".join(_text(each) + b"\x01" for each in filters)
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        connect(line, client_id, version=version)
        line.sendall(_packet(0x82, subscribe))
        _expect(line, 0x90)
        line.sendall(b"\xe0\x00")
        while line.recv(4096):  # until the broker has seen us off
            pass


def connect(
    line: socket.socket, client_id: str, *, version: int, receive_maximum: int = 65_535
) -> bytes:
    """CONNECT to a session that is kept, and hear the CONNACK; what came with it of the rest."""
    head = _text("MQTT") + bytes((version, 0)) + struct.pack(">H", 60)
    if version == 5:
        # MQTT 5, 3.1.2.11.3
        properties = _EXPIRY + b"\x21" + struct.pack(">H", receive_maximum)
        head += bytes((len(properties),)) + properties
    line.sendall(_packet(0x10, head + _text(client_id)))
    answer = _expect(line, 0x20)
    return answer[2 + answer[1] :]


def publish(host: str, port: int, messages: Iterable[tuple[str, bytes]]) -> int:
    """Publish all at QoS 1 and wait for each PUBACK; how many there were."""
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        line.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text("bench-load")))
        _expect(line, 0x20)
        count = 0
        total: list[int] = []
        told = threading.Event()
        failed: list[str] = []

        def hear() -> None:
            heard = 0
            while not (total and heard >= total[0] * 4):
                data = line.recv(2**16)
                if not data:
                    failed.append("the broker closed the connection")
                    break
                heard += len(data)
            told.set()

        # Started before the first message, so that neither side's buffer can fill up for good.
        ears = threading.Thread(target=hear, name="pubacks", daemon=True)
        ears.start()
        parts: list[bytes] = []
        size = 0
        for topic, payload in messages:
            count += 1
            part = published(topic, payload, count % 65_535 + 1)
            parts.append(part)
            size += len(part)
            if size >= CHUNK:
                line.sendall(b"".join(parts))
                parts, size = [], 0
        # The last PUBACK must come after the total is known, so that the ears notice the end.
        total.append(count + 1)
        last = _text("bench/end") + struct.pack(">H", (count + 1) % 65_535 + 1)
        line.sendall(b"".join(parts) + _packet(0x32, last))
        if not told.wait(TIMEOUT_S) or failed:
            raise RuntimeError(f"{count} messages were not taken: {failed or 'no answer'}")
        line.sendall(b"\xe0\x00")
    return count


def published(topic: str, payload: bytes, number: int) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1) with this packet identifier."""
    return _packet(0x32, _text(topic) + struct.pack(">H", number) + payload)


def _packet(first: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | (128 if size else 0))
        if not size:
            return bytes((first,)) + bytes(length) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _expect(line: socket.socket, kind: int) -> bytes:
    answer = line.recv(4096)
    if not answer or answer[0] != kind:
        raise RuntimeError(f"the broker answered {answer[:8].hex() or 'nothing'}, not {kind:#x}")
    return answer

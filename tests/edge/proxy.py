"""A proxy between a client and a broker that understands MQTT's framing, and does harm on command.

It listens on loopback and passes packets of MQTT 3.1.1 and 5 on, whole, in threads of its own. Each
fault stands until ``heal``; it may be set while connections are open. Directions are named by who
speaks: UP is what the client says, DOWN what the broker says.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

UP, DOWN = "up", "down"
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, DISCONNECT = 12, 14
HOST = "127.0.0.1"
LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet. ``nth`` counts those of its kind, connection and direction, from 1."""

    kind: int
    raw: bytes
    body: bytes
    nth: int = 0

    @property
    def topic(self) -> str:
        """Of a PUBLISH; empty for others."""
        if self.kind != PUBLISH:
            return ""
        (length,) = struct.unpack_from("!H", self.body)
        return self.body[2 : 2 + length].decode()

    @property
    def version(self) -> int:
        """Of a CONNECT: 4 is 3.1.1, 5 is 5; 0 for others."""
        return self.body[6] if self.kind == CONNECT else 0


Eats = Callable[[str, Packet], bool]


def take_packet(buffer: bytearray) -> tuple[int, bytes, bytes] | None:
    """The first whole packet, taken off the buffer: kind, all its bytes, what follows the length."""
    length, shift = 0, 0
    for at in range(1, 5):
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 127) << shift
        shift += 7
        if not buffer[at] & 128:
            break
    else:
        raise ValueError("no MQTT: a length of more than four bytes")
    end = at + 1 + length
    if len(buffer) < end:
        return None
    raw = bytes(buffer[:end])
    del buffer[:end]
    return raw[0] >> 4, raw, raw[at + 1 :]


@dataclass
class Faults:
    """What is wrong with the line now."""

    delay_s: float = 0.0  # before each packet, so it bounds the rate too
    bytes_per_s: float = 0.0  # of each connection and direction; 0 is as fast as it goes
    is_closed: bool = False  # takes connections and ends them at once
    is_mute: bool = False  # takes connections and never says a word
    held: set[str] = field(default_factory=set)  # directions that pass nothing, though TCP takes it
    eats: Eats | None = None
    cuts: Eats | None = None  # half of such a packet is passed, then the connection ends


class Proxy:
    """``with Proxy(host, port) as proxy:`` stands before that broker at ``proxy.port``."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.faults = Faults()
        self.connections = 0  # so many were taken
        self.bytes: Counter[str] = Counter()
        self.packets: Counter[tuple[str, int]] = Counter()
        self.eaten = 0
        self.cut = 0
        self.versions: list[int] = []  # of each CONNECT, in order
        self._open: list[_Line] = []
        self._lock = threading.Lock()
        self._is_over = False

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._listener.close()
        self.drop()

    def heal(self) -> None:
        """Nothing is wrong any more; what was held back is passed on."""
        self.faults = Faults()

    def drop(self) -> None:
        """Reset every connection, as a lost line that is noticed."""
        with self._lock:
            lines, self._open = self._open, []
        for line in lines:
            line.reset()

    def half_close(self, direction: str) -> None:
        """End one direction in order (FIN); the other goes on."""
        with self._lock:
            for line in self._open:
                line.finish(direction)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.faults.is_closed or self._is_over:
                client.close()
                continue
            line = _Line(self, client)
            with self._lock:
                self._open.append(line)
            if not self.faults.is_mute:
                line.start(self._to)


class _Line:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._ends = {UP: client}  # by who speaks there
        self._counts: Counter[tuple[str, int]] = Counter()

    def start(self, to: tuple[str, int]) -> None:
        try:
            self._ends[DOWN] = socket.create_connection(to, timeout=5)
        except OSError:
            self.reset()
            return
        for direction in (UP, DOWN):
            self._ends[direction].settimeout(None)
            self._ends[direction].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for direction in (UP, DOWN):
            threading.Thread(target=self._pump, args=(direction,), daemon=True).start()

    def reset(self) -> None:
        for end in list(self._ends.values()):
            try:
                # RST instead of FIN
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                socket.socket.shutdown(end, socket.SHUT_RD)  # wakes the thread that reads it
            except OSError:
                pass
            end.close()

    def finish(self, direction: str) -> None:
        other = self._ends.get(DOWN if direction == UP else UP)
        if other is not None:
            try:
                other.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _pump(self, direction: str) -> None:
        source = self._ends[direction]
        target = self._ends[DOWN if direction == UP else UP]
        buffer = bytearray()
        try:
            while data := source.recv(65536):
                buffer += data
                while (found := take_packet(buffer)) is not None:
                    self._pass(direction, target, *found)
            self.finish(direction)
        except OSError:
            self.reset()

    def _pass(
        self, direction: str, target: socket.socket, kind: int, raw: bytes, body: bytes
    ) -> None:
        proxy = self._proxy
        self._counts[direction, kind] += 1
        packet = Packet(kind=kind, raw=raw, body=body, nth=self._counts[direction, kind])
        if packet.version:
            proxy.versions.append(packet.version)
        while direction in proxy.faults.held:
            time.sleep(LOOK_S)
        faults = proxy.faults
        if faults.delay_s:
            time.sleep(faults.delay_s)
        if faults.bytes_per_s:
            time.sleep(len(raw) / faults.bytes_per_s)
        if faults.eats is not None and faults.eats(direction, packet):
            proxy.eaten += 1
            return
        if faults.cuts is not None and faults.cuts(direction, packet):
            proxy.cut += 1
            target.sendall(raw[: len(raw) // 2])
            time.sleep(LOOK_S)  # so that the half arrives before the reset does
            raise ConnectionAbortedError
        target.sendall(raw)
        proxy.bytes[direction] += len(raw)
        proxy.packets[direction, kind] += 1

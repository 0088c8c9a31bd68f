"""A broker that answers as it is told to, for what no real one does on demand."""

import socket
import threading
from collections.abc import Callable

from tests.edge import proxy
from tests.edge.proxy import HOST, Packet, take_packet

PINGRESP = b"\xd0\x00"
ACCEPT_3, ACCEPT_5 = b"\x20\x02\x00\x00", b"\x20\x03\x00\x00\x00"
WRONG_VERSION = b"\x20\x02\x00\x01"  # as brokers that know 3.1.1 only say it to a 5
END = None  # close instead of answering

Answer = Callable[[Packet, int], bytes | None]


def polite(packet: Packet, version: int) -> bytes | None:
    """What a broker says who takes everything; ``version`` is that of the connection."""
    match packet.kind:
        case proxy.CONNECT:
            return ACCEPT_5 if version == 5 else ACCEPT_3
        case proxy.SUBSCRIBE:
            codes = b"\x01" * _filters(packet, version)
            body = packet.body[:2] + (b"\x00" if version == 5 else b"") + codes
            return bytes([0x90, len(body)]) + body
        case proxy.PUBLISH:
            return bytes([0x40, 2]) + packet_id(packet)
        case proxy.PINGREQ:
            return PINGRESP
        case _:
            return b""


def packet_id(packet: Packet) -> bytes:
    """Of a PUBLISH at QoS 1."""
    at = 2 + len(packet.topic.encode())
    return packet.body[at : at + 2]


class OddBroker:
    """``with OddBroker(answer) as broker:`` listens at ``broker.port``; ``got`` is what came."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.got: list[Packet] = []

    def __enter__(self) -> "OddBroker":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        socket.socket.shutdown(self._listener, socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()

    def drop(self) -> None:
        """End the connections that are there."""
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended

    @property
    def versions(self) -> list[int]:
        return [packet.version for packet in self.got if packet.kind == proxy.CONNECT]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        buffer, version = bytearray(), 0
        try:
            while data := client.recv(65536):
                buffer += data
                while (found := take_packet(buffer)) is not None:
                    packet = Packet(kind=found[0], raw=found[1], body=found[2])
                    version = packet.version or version
                    self.got.append(packet)
                    answer = self._answer(packet, version)
                    if answer is END:
                        return
                    client.sendall(answer)
        except OSError:
            pass  # the client has gone
        finally:
            client.close()


def _filters(packet: Packet, version: int) -> int:
    at, count = 3 if version == 5 else 2, 0
    while at < len(packet.body):
        at += 2 + int.from_bytes(packet.body[at : at + 2]) + 1
        count += 1
    return count

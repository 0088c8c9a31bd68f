"""A DL/T 645-2007 meter in a process of its own: published frames, or the server of PyPI's dlt645.

Run as a script with one argument in JSON: ``mode`` tcp, pty or library. It prints where it listens,
then obeys a fault a line: none, silence, checksum, half, torn, refuse, other-item, other-meter,
echo, no-digits.
"""

import json
import os
import socket
import sys
import threading
import time
import tty
from collections.abc import Callable

# Of meter 000000000161, as published with their meaning: 0.26 kWh, 100.1 V, 4.999 A, 0.2512 kW.
FRAMES = {
    "68 61 01 00 00 00 00 68 11 04 33 33 34 33 14 16":
        "68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8A 16",
    "68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 16":
        "68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16",
    "68 61 01 00 00 00 00 68 11 04 33 34 35 35 18 16":
        "68 61 01 00 00 00 00 68 91 07 33 34 35 35 CC 7C 33 16 16",
    "68 61 01 00 00 00 00 68 11 04 33 33 36 35 18 16":
        "68 61 01 00 00 00 00 68 91 07 33 33 36 35 45 58 33 6B 16",
}  # fmt: skip
ANSWERS = {bytes.fromhex(ask): bytes.fromhex(answer) for ask, answer in FRAMES.items()}
REFUSED = bytes.fromhex("68 61 01 00 00 00 00 68 D1 01 35 39 16")  # error word 02: no such data
WAKE = b"\xfe\xfe\xfe\xfe"
state = {"fault": "none"}


def answers(asked: bytes) -> list[bytes]:
    """What comes back, in pieces."""
    fault = state["fault"]
    frame = asked.lstrip(b"\xfe")
    if fault == "silence" or frame[-1:] != b"\x16":
        return []
    known = ANSWERS.get(frame)
    if known is None and frame[1:7] == b"\xaa" * 6:  # the wildcard: by data item only
        known = next(a for q, a in ANSWERS.items() if q[8:14] == frame[8:14])
    if known is None or fault == "refuse":
        return [REFUSED]
    if fault == "checksum":
        known = known[:-2] + bytes([known[-2] ^ 1, known[-1]])
    if fault == "half":
        known = known[: len(known) // 2]
    if fault == "torn":
        return [known[:5], known[5:11], known[11:]]
    if fault == "other-item":
        known = next(a for q, a in ANSWERS.items() if q != frame)
    if fault in ("other-meter", "no-digits"):
        at, to = (1, 0x62) if fault == "other-meter" else (-3, (0xFF + 0x33) & 0xFF)
        body = bytearray(known)
        body[at] = to
        body[-2] = sum(body[:-2]) & 0xFF
        known = bytes(body)
    if fault == "echo":
        known = asked + known
    return [WAKE + known if fault == "none" else known]


def serve(receive: Callable[[], bytes], send: Callable[[bytes], object]) -> None:
    heard = b""
    while some := receive():
        heard += some
        if heard.endswith(b"\x16") and len(heard) >= 16:
            for piece in answers(heard):
                send(piece)
                time.sleep(0.03)
            heard = b""


def listen(server: socket.socket) -> None:
    while True:
        connection = server.accept()[0]
        try:
            serve(lambda: connection.recv(512), connection.sendall)  # noqa: B023 (one at a time)
        except OSError:
            pass
        connection.close()


def library() -> str:
    from dlt645 import MeterServerService

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    meter = MeterServerService.new_tcp_server("127.0.0.1", port, 30)
    meter.set_address(bytes.fromhex("610100000000"))
    meter.set_00(0x00010000, 1234.56)
    meter.set_02(0x02010100, 229.9)
    meter.set_02(0x02020100, 1.234)
    meter.set_02(0x02030000, 0.2837)
    meter.set_02(0x02060000, 0.953)
    meter.set_02(0x02800002, 50.02)
    threading.Thread(target=meter.server.start, daemon=True).start()
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    return f"127.0.0.1:{port}"


def main(mode: str) -> None:
    if mode == "library":
        where = library()
    elif mode == "pty":
        master, slave = os.openpty()
        tty.setraw(slave)
        where = os.ttyname(slave)
        threading.Thread(
            target=serve,
            args=(lambda: os.read(master, 512), lambda data: os.write(master, data)),
            daemon=True,
        ).start()
    else:
        server = socket.create_server(("127.0.0.1", 0))
        where = f"127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=listen, args=(server,), daemon=True).start()
    sys.stdout.write(where + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        state["fault"] = line.strip()
        sys.stdout.write("ok\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
    os._exit(0)

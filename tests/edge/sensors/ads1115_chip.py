"""An ADS1115 in a process of its own, at a Unix socket in place of the two wires.

Each I2C message is one line: ``w ADDRESS HEX`` or ``r ADDRESS COUNT``; the answer is ``ok HEX`` or
``nak``. It has the pointer register, the configuration with its busy bit, and conversions that take
their time; ``argv[2]`` gives the volts at AIN0 to AIN3, ``argv[3]`` a fault.
"""

import socket
import sys
import time
from pathlib import Path

FULL_SCALE = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
PAIRS = ((0, 1), (0, 3), (1, 3), (2, 3))


class Chip:
    def __init__(self, volts: list[float], fault: str) -> None:
        self.volts, self.fault = volts, fault
        self.pointer, self.config, self.raw, self.done_s = 0, 0x8583, 0, 0.0

    def write(self, data: bytes) -> None:
        self.pointer = data[0] & 3
        if self.pointer == 1 and len(data) == 3:
            self.config = int.from_bytes(data[1:], "big")
            if self.config & 0x8000:
                rate = (8, 16, 32, 64, 128, 250, 475, 860)[self.config >> 5 & 7]
                self.done_s = time.monotonic() + 1 / rate + (60 if self.fault == "stuck" else 0)
                self.raw = self.convert()

    def convert(self) -> int:
        mux, gain = self.config >> 12 & 7, self.config >> 9 & 7
        if mux >= 4:
            volts = self.volts[mux - 4]
        else:
            plus, minus = PAIRS[mux]
            volts = self.volts[plus] - self.volts[minus]
        return min(max(round(volts / FULL_SCALE[gain] * 0x8000), -0x8000), 0x7FFF) & 0xFFFF

    def read(self, count: int) -> bytes:
        if self.pointer == 0:
            word = self.raw if time.monotonic() >= self.done_s else 0
        else:
            is_idle = time.monotonic() >= self.done_s
            word = self.config & 0x7FFF | (0x8000 if is_idle else 0)
            if self.fault == "reset":
                word = 0x8583
        return word.to_bytes(2, "big")[:count]


def main(path: str, volts: str, fault: str) -> None:
    chip = Chip([float(each) for each in volts.split(",")], fault)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path + ".new")
        server.listen()
        Path(path + ".new").rename(path)
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as lines:
                for line in lines:
                    kind, address, what = line.split()
                    if int(address) != 0x48:
                        lines.write("nak\n")
                    elif kind == "w":
                        chip.write(bytes.fromhex(what))
                        lines.write("ok\n")
                    else:
                        lines.write(f"ok {chip.read(int(what)).hex()}\n")
                    lines.flush()


main(*sys.argv[1:])

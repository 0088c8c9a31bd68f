"""A meter in a process of its own that counts its answers, and writes down what it handed out.

Run as ``counting_meter.py LOG``: a Modbus RTU server on a pty, whose input registers 0 and 1 hold
the number of the answer as a uint32 (low word first, as the PZEM-004T counts energy). It prints
the pty's name, and is silent from the first line it reads on. Each line of the log is ``number seconds-since-1970``, by this process's own clock,
which nobody sets.
"""

import asyncio
import os
import sys
import threading
import time
import tty
from typing import Any, TextIO

UNIT = 1


async def serve(out: TextIO) -> None:
    from pymodbus.constants import ExcCodes
    from pymodbus.framer import FramerType
    from pymodbus.server import ModbusSerialServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    answers = 0
    is_over = False

    async def count(*asked: Any) -> ExcCodes | None:
        nonlocal answers
        if is_over:
            return ExcCodes.DEVICE_BUSY
        answers += 1
        registers: list[int] = asked[4]
        registers[0], registers[1] = answers & 0xFFFF, answers >> 16
        out.write(f"{answers} {time.time():.3f}\n")
        return None

    block = [SimData(0, values=[0, 0], datatype=DataType.REGISTERS)]
    spare = [SimData(60000, values=[0], datatype=DataType.REGISTERS)]
    bits = [SimData(60000, values=[False], datatype=DataType.BITS)]
    device = SimDevice(id=UNIT, simdata=(bits, bits, spare, block), action=count)
    near, far = os.openpty(), os.openpty()
    for master, slave in (near, far):
        tty.setraw(slave)
        tty.setraw(master)
    for one, other in ((near[0], far[0]), (far[0], near[0])):
        threading.Thread(target=_pump, args=(one, other), daemon=True).start()
    server = ModbusSerialServer(
        device, framer=FramerType.RTU, port=os.ttyname(far[1]), baudrate=9600
    )
    await server.serve_forever(background=True)
    sys.stdout.write(os.ttyname(near[1]) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    is_over = True  # the pty stays ours: another process would get its name
    await asyncio.to_thread(sys.stdin.read)


def _pump(source: int, target: int) -> None:
    while True:
        os.write(target, os.read(source, 4096))


if __name__ == "__main__":
    with open(sys.argv[1], "a", buffering=1, encoding="ascii") as log:
        asyncio.run(serve(log))
    os._exit(0)

"""A Modbus device in a process of its own: pymodbus' server over TCP, RTU over TCP, or a pty pair.

Run as a script with one argument in JSON: ``mode`` and ``registers`` by function ("3", "4") and
address. It prints where it listens, then obeys a fault a line: none, silence, crc, crc-once,
half, stray, echo, echo-only, exception, deaf (TCP: says yes to a coil and leaves it as it is).
"""

import asyncio
import json
import os
import sys
import threading
import tty
from typing import Any

state: dict[str, Any] = {"fault": "none", "answers": 0}


def spoil(sending: bool, data: bytes) -> bytes:
    """What the fault makes of an answer on its way out."""
    if not sending:
        state["asked"] = data
        is_order = state["fault"] == "deaf" and data[7:8] == b"\x05"
        return data[:10] + b"\x00\x00" if is_order else data
    fault = state["fault"]
    state["answers"] += 1
    if fault == "crc" or (fault == "crc-once" and state["answers"] == 1):
        return data[:-1] + bytes([data[-1] ^ 0x55])
    if fault == "stray":
        return b"\x00\x01" + data
    if fault == "echo":
        return bytes(state["asked"]) + data
    if fault == "echo-only" or (fault == "deaf" and data[7:8] == b"\x05"):
        return bytes(state["asked"])
    if fault == "half":
        return data[: len(data) // 2]
    return b"" if fault == "silence" else data


async def serve(mode: str, registers: dict[str, dict[str, list[int]]], port: int = 0) -> None:
    from pymodbus.constants import ExcCodes
    from pymodbus.framer import FramerType
    from pymodbus.server import ModbusSerialServer, ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def act(*_: Any) -> ExcCodes | None:
        return ExcCodes.DEVICE_BUSY if state["fault"] == "exception" else None

    def block(function: str) -> list[SimData]:
        given = registers.get(function, {"60000": [0]})
        kind = DataType.BITS if function in "12" else DataType.REGISTERS
        return [
            SimData(int(at), values=[bool(v) for v in words] if kind is DataType.BITS else words,
                    datatype=kind)
            for at, words in given.items()
        ]  # fmt: skip

    device = SimDevice(
        id=1, simdata=(block("1"), block("2"), block("3"), block("4")), action=act
    )  # fmt: skip
    server: Any
    if mode == "pty":
        near, far = os.openpty(), os.openpty()
        for master, slave in (near, far):
            tty.setraw(slave)
            tty.setraw(master)
        for one, other in ((near[0], far[0]), (far[0], near[0])):
            threading.Thread(target=pump, args=(one, other), daemon=True).start()
        where = os.ttyname(near[1])
        server = ModbusSerialServer(
            device, framer=FramerType.RTU, port=os.ttyname(far[1]), baudrate=9600,
            trace_packet=spoil,
        )  # fmt: skip
    else:
        framer = FramerType.RTU if mode == "rtu-tcp" else FramerType.SOCKET
        server = ModbusTcpServer(
            device, framer=framer, address=("127.0.0.1", port), trace_packet=spoil
        )  # fmt: skip
    await server.serve_forever(background=True)
    if mode != "pty":
        where = f"127.0.0.1:{server.transport.sockets[0].getsockname()[1]}"
    say(where)
    await asyncio.to_thread(obey)


def obey() -> None:
    for line in sys.stdin:
        state.update(fault=line.strip(), answers=0)
        say("ok")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def pump(source: int, target: int) -> None:
    while True:
        os.write(target, os.read(source, 4096))


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
    os._exit(0)

"""AP3000 e-bike charging boards: what a frame says, and the answer that keeps the board online.

Names are ``port:1.power`` (ports counted from 1, as printed on the box; the wire counts from 0),
``voltage``, ``temp``, ``smoke``. The board's own times are left out: its guide calls them unreliable.

Marks. Confirmed against two public protocol guides and the frames they print: commands, layouts,
units (0.1 V, 0.1 W, 0.001 A of a port, 0.01 A of a host, 10 Wh), temperatures sent 65 higher, which
commands are answered. Not confirmed on a board: whether a wire's temperatures are sent higher too,
and when fields that the guide calls later additions are there; they are read by the data's length.
"""

from collector.decoders.ap3000_frame import Frame
from collector.decoders.port import Garbled, Record, Told

STATUS_OLD, SETTLED, ORDERED, POWER = 0x01, 0x03, 0x04, 0x06
HOST_HEARTBEAT, HOST_TIME, HOST_STATUS = 0x11, 0x12, 0x17
REGISTER, HEARTBEAT, TIME, ALARM = 0x20, 0x21, 0x22, 0x42
LEAKAGE_HOST = 0x0A  # the upper byte of a physical id says what the board is
STOPPED = 128  # `port-state` of a charge that has ended: this and the stop reason
_PORTS_MOST = 64
_MAINS_V = 50.0  # as a guard's proof: less is what a line without power picks up

STATES = {
    0: "idle",
    1: "charging",
    2: "plugged in, not started",
    3: "plugged in, full",
    4: "not metered",
    5: "float charge",
    6: "memory fault",
    7: "socket spring stuck",
    8: "bad contact or fuse",
    9: "relay welded",
    10: "plug detector broken",
    11: "relay or fuse failed the check",
    13: "load short at the check",
    14: "relay welded (filtered)",
    15: "card reader broken",
    16: "metering circuit broken",
}
FAULTS = frozenset(STATES) - frozenset(range(6))
STOPS = {
    1: "full",
    2: "longest time reached",
    3: "set time reached",
    4: "set energy reached",
    5: "unplugged",
    6: "overload",
    7: "by the server",
    8: "dynamic overload",
    9: "too little power",
    10: "surroundings too hot",
    11: "socket too hot",
    12: "overcurrent",
    13: "unplugged, perhaps a stuck spring",
    14: "no power, perhaps contact or fuse",
    15: "relay or fuse failed the check",
    16: "water",
    17: "fire put out at this port",
    18: "fire put out at another port",
    19: "cabinet opened by code",
    20: "cabinet door open",
    21: "from outside",
    22: "by card",
    23: "forced by the server",
    24: "fire system",
    25: "memory fault",
    26: "over-voltage",
    27: "under-voltage",
    28: "low power",
}
# Alarm pushes -> (name, metric, value, word). Heat and a burnt-through trigger are fire's own signs;
# the catalogue has no metric nearer than smoke, and a fire must not wait for a mapping.
ALARMS = {
    1: ("mains", "mains", 0.0, "the board says: power cut"),
    2: ("water", "water", 1.0, "the board says: water"),
    3: ("trigger", "smoke", 1.0, "the board says: the extinguisher's trigger has melted"),
    4: ("smoke", "smoke", 1.0, ""),
    5: ("heat", "smoke", 1.0, "the board says: heat detector"),
    6: ("water-level", "water", 1.0, "the board says: water level"),
    7: ("door", "door", 1.0, ""),
}


def told(frame: Frame) -> Told:
    """What a frame says; Garbled when its data is not what its command says it is."""
    try:
        records = _READERS.get(frame.command, _nothing)(frame)
    except IndexError as error:
        reason = f"command {frame.command:#04x} with {len(frame.data)} bytes of data is too short"
        raise Garbled(reason) from error
    return Told(records=tuple(records), online=True)


def answer(frame: Frame, now_s: int) -> bytes:
    """The frame that this one waits for, or b"". A card (0x02) is the operator's to answer."""
    data = b""
    if frame.command in (STATUS_OLD, SETTLED, REGISTER, HEARTBEAT):
        data = b"\0"
    elif frame.command == ORDERED:
        data = frame.data[:1] + b"\0"
    elif frame.command in (TIME, HOST_TIME):
        data = (now_s & 0xFFFFFFFF).to_bytes(4, "little")
    if not data:
        return b""
    return Frame(
        board=frame.board, message=frame.message, command=frame.command, data=data
    ).encode()


def address(board: int) -> str:
    """How the registry names a board: its physical id in eight hexadecimal digits."""
    return f"{board:08x}"


# Readers: a command's data as records


def _heartbeat(frame: Frame) -> list[Record]:
    data = frame.data
    ports = _count(data[2])
    records = [_voltage(data, 0), _mains(data, 0), *(_state(n, data[3 + n]) for n in range(ports))]
    records += _temperature(data, 4 + ports, "temp", "shed-temp")  # behind the signal's strength
    return records


def _old_heartbeat(frame: Frame) -> list[Record]:
    data = frame.data
    ports = _count(data[4])
    records = [_voltage(data, 2), _mains(data, 2), *(_state(n, data[5 + n]) for n in range(ports))]
    at = 5 + ports
    records += [_power(n, data, at + 2 * n) for n in range(ports)]
    records += _temperature(data, at + 4 * ports + 3, "temp", "shed-temp")
    return records


def _port_power(frame: Frame) -> list[Record]:
    data = frame.data
    port, state = data[0], data[1]
    records = [] if state not in STATES else [_state(port, state)]
    records.append(_energy(port, data, 4))
    records.append(_power(port, data, 7))
    if len(data) >= 39:  # peak, voltage and current came together
        records.append(_voltage(data, 35))
        current = Record(
            f"{_name(port)}.current", _u16(data, 37) / 1000, "current", "A", spare=True
        )
        records.append(current)
    records += _temperature(data, 39, "temp", "shed-temp")
    records += _temperature(data, 40, f"{_name(port)}.temp", "port-temp")
    return records


def _settled(frame: Frame) -> list[Record]:
    data = frame.data
    port, stop = data[6], data[12]
    word = f"charging stopped: {STOPS.get(stop, f'reason {stop:#04x}')}"
    return [
        _energy(port, data, 4),
        Record(f"{_name(port)}.state", float(STOPPED + min(stop, 127)), "port-state", reason=word),
    ]


def _host_status(frame: Frame) -> list[Record]:
    data = frame.data
    records = _temperature(data, 1, "temp", "shed-temp")
    records += [
        _voltage(data, 2),
        Record("current", _u16(data, 4) / 100, "current", "A", spare=True),
        Record("energy", int.from_bytes(data[6:10], "little") * 10.0, "energy", "Wh", spare=True),
        Record("smoke", _flag(data[16]), "smoke"),
    ]
    if frame.board >> 24 == LEAKAGE_HOST:  # the guide: other hosts send these without meaning
        records.append(Record("breaker", _flag(data[0]), "relay", spare=True))
        if len(data) > 18:
            records.append(
                Record("residual", float(data[18]), "residual-current", "mA", spare=True)
            )
        records += _temperature(data, 19, "live-wire", "wire-temp")
        records += _temperature(data, 20, "neutral-wire", "wire-temp")
    return records


def _alarm(frame: Frame) -> list[Record]:
    kind, _ = frame.data[0], frame.data[1]
    if kind not in ALARMS:
        return []
    name, metric, value, word = ALARMS[kind]
    return [Record(name, value, metric, reason=word)]


def _nothing(frame: Frame) -> list[Record]:
    return []  # registration, cards, questions: nothing measured


_READERS = {
    STATUS_OLD: _old_heartbeat,
    SETTLED: _settled,
    POWER: _port_power,
    HOST_STATUS: _host_status,
    HEARTBEAT: _heartbeat,
    ALARM: _alarm,
}

# Helpers: a field that is not there raises IndexError


def _u16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _count(ports: int) -> int:
    if ports > _PORTS_MOST:
        raise Garbled(f"{ports} ports; at most {_PORTS_MOST}")
    return ports


def _name(port: int) -> str:
    return f"port:{port + 1}"


def _state(port: int, state: int) -> Record:
    word = (
        STATES.get(state, f"state {state:#04x}") if state in FAULTS or state not in STATES else ""
    )
    return Record(f"{_name(port)}.state", float(state), "port-state", reason=word)


def _power(port: int, data: bytes, at: int) -> Record:
    return Record(f"{_name(port)}.power", _u16(data, at) / 10, "power", "W")


def _energy(port: int, data: bytes, at: int) -> Record:
    """Of this charge, not of the meter."""
    return Record(f"{_name(port)}.energy", _u16(data, at) * 10.0, "energy", "Wh", spare=True)


def _voltage(data: bytes, at: int) -> Record:
    return Record("voltage", _u16(data, at) / 10, "voltage", "V", spare=True)


def _mains(data: bytes, at: int) -> Record:
    """No alarm says that the power is back: the voltage of a heartbeat does."""
    return Record("mains", float(_u16(data, at) / 10 >= _MAINS_V), "mains", spare=True)


def _temperature(data: bytes, at: int, name: str, metric: str) -> list[Record]:
    if at >= len(data) or data[at] == 0:  # a field of later boards; 0 = no sensor
        return []
    return [Record(name, float(data[at] - 65), metric, "°C", spare=True)]


def _flag(byte: int) -> float:
    return float(byte != 0)

"""A large village: half of its devices sondes in reaches, half feeders of sheds, five metrics each.

The same readings as SenML packs, as line protocol, and as backlogs of 500 readings a message. All
values are usual, so that rules judge and none rings.
"""

from collections.abc import Iterator

from alerts.registry.model import Binding, Device, Names, Place, PlaceKind, Registry, Site
from edge.contract.metrics import METRICS

SITE = "bench"
READINGS = 5  # a message
BACKLOG_STEPS = 100  # times a backlog message spans, one a minute
SONDE = {"water-temp": 18.0, "ph": 7.2, "do": 8.1, "conductivity": 410.0, "orp": 210.0}
FEEDER = {
    "voltage": 228.0, "current": 21.0, "power": 1800.0, "shed-temp": 24.0, "residual-current": 4.0,
}  # fmt: skip
Message = tuple[str, bytes]


def registry(devices: int) -> Registry:
    """Each device at a place of its own."""
    return Registry(
        cell="bench",
        sites=(Site(id=SITE, names=Names(zh="测速")),),
        places=tuple(
            Place(
                id=place(n),
                site=SITE,
                kind=PlaceKind.SHED if n % 2 else PlaceKind.REACH,
                names=Names(zh=f"第{n}处"),
            )
            for n in range(devices)
        ),
        devices=tuple(
            Device(
                id=_device(n),
                site=SITE,
                names=Names(zh=f"第{n}台"),
                bindings=(Binding(place=place(n), metrics=tuple(_usual(n)), interval_s=60.0),),
            )
            for n in range(devices)
        ),
    )


def packs(devices: int, rounds: range, start_ms: int, step_ms: int = 1_000) -> Iterator[Message]:
    """SenML as devices send it: a message of five readings of each device a round."""
    for at in rounds:
        seconds = (start_ms + at * step_ms) / 1000
        for n in range(devices):
            yield pack(n, at, seconds, "r1")


def pack(n: int, at: int, seconds: float, run: str) -> Message:
    """The ``at``-th message of a device's run, measured at that time."""
    head = f'[{{"bn":"{place(n)}/","bt":{seconds},"run":"{run}","seq":{at * READINGS},'
    return f"shouwang/v1/{SITE}/{_device(n)}/readings", f"{head}{_records(n, at)}]".encode()


def lines(devices: int, rounds: range, start_ms: int, step_ms: int = 1_000) -> Iterator[Message]:
    """The same as line protocol, a line a message."""
    for at in rounds:
        at_ms = start_ms + at * step_ms
        for n in range(devices):
            fields = ",".join(f"{name}={_value(v, n, at)}" for name, v in _usual(n).items())
            line = f"reading,site={SITE},device={_device(n)},place={place(n)} {fields} {at_ms}"
            yield f"bench/line/{_device(n)}", line.encode()


def backlogs(devices: int, rounds: range, start_ms: int) -> Iterator[Message]:
    """SenML as devices send what they kept: 500 readings a message, a minute between times."""
    for nth in rounds:
        for n in range(devices):
            begin = nth * BACKLOG_STEPS
            base_s = start_ms / 1000 + begin * 60
            records = [_records(n, begin)]
            for step in range(1, BACKLOG_STEPS):
                part = _records(n, begin + step)
                records.append(part.replace('"u"', f'"t":{step * 60}.0,"u"'))
            head = f'[{{"bn":"{place(n)}/","bt":{base_s},"run":"r1","seq":{begin * READINGS},'
            payload = f"{head}{',{'.join(records)}]".encode()
            yield f"shouwang/v1/{SITE}/{_device(n)}/readings", payload


def place(n: int) -> str:
    """Where device ``n`` is."""
    return f"place-{n:05d}"


def last_of(devices: int) -> tuple[str, str]:
    """The device whose messages come last in each round, and a metric of its."""
    return _device(devices - 1), next(iter(_usual(devices - 1)))


def _records(n: int, at: int) -> str:
    """The records of a device at one time, without the first one's opening brace."""
    return ",{".join(
        f'"n":"{name}","u":"{METRICS[name].senml}","v":{_value(usual, n, at)}}}'
        for name, usual in _usual(n).items()
    )


def _usual(n: int) -> dict[str, float]:
    return FEEDER if n % 2 else SONDE


def _value(usual: float, n: int, at: int) -> float:
    return round(usual * (1 + (at * 7 + n * 3) % 20 / 1000), 2)


def _device(n: int) -> str:
    return f"device-{n:05d}"

"""Ten minutes of a box's bad luck, ten times as fast: the line cut, the power cut, the clock set.

Two boxes ask a meter of their own five times a second. The meters count their answers and write
down what they handed out and when; at the end that is compared with what arrived. What was handed
out and not written down yet may be lost with the power, and nothing else.

SHOUWANG_BOX_SECONDS makes it longer, SHOUWANG_BOX_SEED another.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.clock import Clock
from edge.contract.quality import Quality
from edge.contract.reading import Reading
from tests.edge.device import ROOT, Device, Server, wait_until
from tests.edge.proxy import DOWN, UP, Proxy
from tests.services.faketime import CLOCKS, EARLY, FakedClock
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.faketime, pytest.mark.timeout(900)]

SECONDS = float(os.environ.get("SHOUWANG_BOX_SECONDS", "60"))  # at ten times: ten minutes
SEED = int(os.environ.get("SHOUWANG_BOX_SEED", "20261123"))
INTERVAL_S = 0.2
LATE_S = 2.0  # the durability of the second box
UNDER_WAY_S = 0.6  # asked, answered and on its way to the disk, on a busy machine
APART_S = 2.5  # between when the meter answered and what the reading says: half a slow round trip

SENSOR = f"""
[time]
trust = "server"
[[sensor]]
kind = "modbus"
name = "meter"
place = "{{place}}"
serial = "{{serial}}"
unit_id = 1
interval_s = {INTERVAL_S}
retries = 0
[[sensor.register]]
metric = "energy"
function = 4
address = 0
type = "uint32"
order = "CDAB"
missing = []
"""


@dataclass
class Box:
    """An agent, its meter and its line, and when its power was cut."""

    name: str
    device: Device
    meter: subprocess.Popen[str]
    proxy: Proxy
    loses_s: float
    cuts: list[float] = field(default_factory=list)

    _log_began: int = 0

    @property
    def _log(self) -> Path:
        return self.device.folder / "log"

    @property
    def _clock(self) -> FakedClock:
        return FakedClock(self.device.folder / "clock")

    def start(self) -> None:
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
        self.device.start(self._clock.environment)

    @property
    def is_up(self) -> bool:
        """Whether the agent that was started last has found the broker."""
        return b"link: connected" in self._log.read_bytes()[self._log_began :]

    def cut_power(self) -> None:
        self.device.kill()
        self.cuts.append(time.time())

    def set_clock(self, to: str) -> None:
        self._clock.set(to)

    def end_handing_out(self) -> None:
        assert self.meter.stdin is not None
        self.meter.stdin.write("end\n")
        self.meter.stdin.flush()

    def handed_out(self) -> dict[int, float]:
        """The number of each answer and when it was given."""
        log = (self.device.folder / "meter").read_text("ascii")
        return {int(number): float(at) for number, at in map(str.split, log.splitlines())}


def complaints(
    handed_out: Mapping[int, float],
    arrived: Sequence[Reading],
    cuts: Sequence[float],
    loses_s: float,
) -> list[str]:
    """What is wrong with what arrived, each as a sentence."""
    found = []
    values = [int(reading.value) for reading in arrived if reading.value is not None]
    if len(values) != len(set(values)):
        found.append(f"{len(values) - len(set(values))} answers came twice")
    if invented := set(values) - set(handed_out):
        found.append(f"never handed out: {sorted(invented)[:5]}")
    bound_s = loses_s + UNDER_WAY_S
    lost = {
        number: at
        for number, at in handed_out.items()
        if number not in set(values) and not any(0 <= cut - at <= bound_s for cut in cuts)
    }
    if lost:
        found.append(f"{len(lost)} lost though no power was cut: {sorted(lost.items())[:5]}")
    told = [reading for reading in arrived if reading.value is not None]
    by_time = [reading.value for reading in sorted(told, key=lambda reading: reading.at_ms)]
    if by_time != sorted(by_time, key=lambda value: value or 0):
        found.append("not in order of their times")
    for reading in told:
        off_s = reading.at_ms / 1000 - handed_out.get(int(reading.value or 0), 0)
        if abs(off_s) > APART_S:
            found.append(f"answer {reading.value:.0f} is dated {off_s:+.1f} s off")
        if reading.quality is Quality.FAIL:
            found.append(f"answer {reading.value:.0f}: {reading.reason}")
    return found


@pytest.fixture
def boxes(mosquitto_server, tmp_path: Path) -> Iterator[tuple[Mosquitto, Server, list[Box]]]:
    broker = mosquitto_server()
    with ExitStack() as stack:
        server = Server(broker.host, broker.port)
        stack.callback(server.close)
        server.clock, server.tells_time = Clock(), True
        boxes = []
        for name, durability in (("box", "each"), ("late-box", LATE_S)):
            folder = tmp_path / name
            folder.mkdir()
            meter = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("counting_meter.py")),
                 str(folder / "meter")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            )  # fmt: skip
            stack.callback(meter.communicate)
            assert meter.stdout is not None
            serial = meter.stdout.readline().strip()
            proxy = stack.enter_context(Proxy(broker.host, broker.port))
            device = Device(folder=folder, url=proxy.url, clock=None)
            stack.callback(device.discard)
            device.write(
                SENSOR.format(serial=serial, place=name), durability=durability, resend_s=2
            )
            text = (folder / "edge.toml").read_text("utf-8")
            (folder / "edge.toml").write_text(text.replace('device = "box"', f'device = "{name}"'))
            loses_s = 0.0 if durability == "each" else LATE_S
            boxes.append(Box(name=name, device=device, meter=meter, proxy=proxy, loses_s=loses_s))
        yield broker, server, boxes


def test_a_box_in_trouble_loses_only_what_it_had_not_written(boxes) -> None:
    broker, server, pair = boxes
    chance = random.Random(SEED)
    story = [f"seed {SEED}, {SECONDS:g} s"]
    for box in pair:
        box.set_clock(EARLY)
        box.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.5, 2.5))
        harm = chance.choice(HARMS)
        story.append(f"{until - time.monotonic():5.1f} s left: {harm.__name__}")
        harm(chance, broker, server, pair)
    for box in pair:
        box.proxy.heal()
        box.set_clock("+0")
    server.speak()
    for box in pair:
        box.end_handing_out()

    wait_until(lambda: all(box.is_up for box in pair), "both boxes are back")

    def wrong() -> list[str]:
        return [
            f"{box.name}: {text}"
            for box in pair
            for text in complaints(
                box.handed_out(), readings_of(server, box), box.cuts, box.loses_s
            )
        ]

    try:
        wait_until(lambda: not wrong(), "all that was written down is there", 60)
    except AssertionError:
        pytest.fail("\n".join([*wrong()[:20], *story]))
    for box in pair:
        box.device.stop()
        handed, came = box.handed_out(), readings_of(server, box)
        lost = len(handed) - sum(reading.value is not None for reading in came)
        story.append(
            f"{box.name}: {len(handed)} handed out, {len(box.cuts)} power cuts, {lost} lost with them"
        )
        assert len(handed) > SECONDS  # it did measure on
        assert not wrong()
        told = {cut_ms for status in server.statuses for cut_ms in status.cuts_ms}
        bound_s = LATE_S + UNDER_WAY_S + APART_S
        values = {int(reading.value) for reading in came if reading.value is not None}
        for number, at in handed.items():  # what was lost lies behind a cut that was told
            if number not in values:
                assert any(abs(at - cut_ms / 1000) <= bound_s for cut_ms in told), (at, told)
    sys.stdout.write("\n".join(story) + "\n")


def readings_of(server: Server, box: Box) -> list[Reading]:
    return [reading for reading in server.of("energy") if reading.place == box.name]


def cut_power(chance: random.Random, _: Mosquitto, __: Server, boxes: Sequence[Box]) -> None:
    box = chance.choice(boxes)
    box.cut_power()
    time.sleep(chance.uniform(0.1, 1.5))
    if chance.random() < 0.5:
        box.set_clock(chance.choice(CLOCKS))  # no battery keeps it
    box.start()


def set_clock(chance: random.Random, _: Mosquitto, __: Server, boxes: Sequence[Box]) -> None:
    chance.choice(boxes).set_clock(chance.choice(CLOCKS))


def cut_line(chance: random.Random, _: Mosquitto, __: Server, boxes: Sequence[Box]) -> None:
    chance.choice(boxes).proxy.drop()


def hold_line(chance: random.Random, _: Mosquitto, __: Server, boxes: Sequence[Box]) -> None:
    proxy = chance.choice(boxes).proxy
    proxy.faults.held = {chance.choice((UP, DOWN))}
    time.sleep(chance.uniform(1, 4))
    proxy.heal()


def eat_receipts(chance: random.Random, _: Mosquitto, __: Server, boxes: Sequence[Box]) -> None:
    proxy = chance.choice(boxes).proxy
    proxy.faults.eats = lambda _, packet: packet.topic.endswith("/received")
    time.sleep(chance.uniform(1, 4))
    proxy.heal()


def kill_broker(chance: random.Random, broker: Mosquitto, _: Server, __: Sequence[Box]) -> None:
    broker.kill()
    time.sleep(chance.uniform(0.2, 2))
    broker.start()


def silence_server(chance: random.Random, _: Mosquitto, server: Server, __: Sequence[Box]) -> None:
    server.hush()
    time.sleep(chance.uniform(0.5, 3))
    server.speak()


Harm = Callable[[random.Random, Mosquitto, Server, Sequence[Box]], None]
HARMS: tuple[Harm, ...] = (
    cut_power,
    cut_power,
    set_clock,
    cut_line,
    hold_line,
    eat_receipts,
    kill_broker,
    silence_server,
)

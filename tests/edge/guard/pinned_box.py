"""An agent whose pins are gpiozero's mock ones. A line on stdin drives an input: "low 17", "high 17".

It says "ready" once the pins that are named after the file are open, then each change of an output:
"22 1 63.2", the pin, its level, and the milliseconds since an input was last driven.
"""

import signal
import sys
import threading
import time
from pathlib import Path

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge import config
from edge.agent import Agent
from edge.clock import Clock

OUTPUTS = (22, 24)
driven_s = time.monotonic()


def main() -> None:
    Device.pin_factory = factory = MockFactory()
    inputs = {int(number): factory.pin(int(number)) for number in sys.argv[2:]}
    agent = Agent(config.read(Path(sys.argv[1])), Clock.from_environment())
    signal.signal(signal.SIGTERM, lambda *_: agent.stop())
    threading.Thread(target=obey, args=(inputs,), daemon=True).start()
    for number in OUTPUTS:
        threading.Thread(target=watch, args=(factory.pin(number), number), daemon=True).start()
    agent.run()


def obey(inputs) -> None:
    global driven_s  # noqa: PLW0603
    while not all(pin.when_changed for pin in inputs.values()):
        time.sleep(0.01)
    say("ready")
    for line in sys.stdin:
        level, number = line.split()
        pin = inputs[int(number)]
        driven_s = time.monotonic()
        pin.drive_low() if level == "low" else pin.drive_high()
        say("driven")


def watch(pin, number: int) -> None:
    told = 1
    while True:
        time.sleep(0.001)
        states = list(pin.states)
        for state in states[told:]:
            say(f"{number} {int(state.state)} {1000 * (pin._last_change - driven_s):.1f}")
        told = max(told, len(states))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


main()

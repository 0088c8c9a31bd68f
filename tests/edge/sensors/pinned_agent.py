"""An agent whose pins are gpiozero's mock ones: each line on stdin tips the bucket at pin 17."""

import sys
import threading
import time
from pathlib import Path

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge import config
from edge.agent import Agent
from edge.clock import Clock


def main() -> None:
    Device.pin_factory = MockFactory()
    pin = Device.pin_factory.pin(17)
    agent = Agent(config.read(Path(sys.argv[1])), Clock.from_environment())
    threading.Thread(target=agent.run, daemon=True).start()
    while pin.pull != "up" or pin.when_changed is None:
        time.sleep(0.01)
    _say("ready")
    for _ in sys.stdin:
        pin.drive_low()
        pin.drive_high()  # the reed bounces
        pin.drive_low()
        time.sleep(0.01)
        pin.drive_high()
        pin.drive_low()
        pin.drive_high()
        time.sleep(0.3)  # longer than the debounce, so that the next is a tip of its own
        _say("tipped")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


main()

"""What systemd is told: ready, alive, stopping, and in words how it goes (sd_notify(3)).

One datagram a word to the socket that NOTIFY_SOCKET names. Without it nothing is said.
"""

import logging
import os
import socket
from collections.abc import MutableMapping

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
BEATS = 3  # in one WatchdogSec; sd_watchdog_enabled(3) asks for two, and one may come late
SEND_S = 0.5  # real: a systemd that does not take its mail must not hold the loop

_log = logging.getLogger(__name__)


class Systemd:
    """``address`` as NOTIFY_SOCKET has it; ``watchdog_s`` is how long it waits for a beat."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = watchdog_s / BEATS if watchdog_s else None
        self._beat_s = 0.0
        self._text = ""

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Systemd":
        """What systemd left for us. Taken out, so that a sensor's command does not speak for us."""
        address, usec, pid = (environment.pop(name, "") for name in VARIABLES)
        is_ours = not pid or pid == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if is_ours and usec.isdecimal() else None
        return cls(address if address[:1] in ("/", "@") else "", watchdog_s)

    def ready(self) -> None:
        self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def beat(self, now_s: float, text: str) -> float | None:
        """Say that we live, when that is due; after how many seconds to say it again.

        ``text`` is how it goes, for ``systemctl status``.
        """
        if not self._address:
            return None
        if self._every_s is None:
            if text != self._text:
                self._say(f"STATUS={text}")
                self._text = text
            return None
        if now_s >= self._beat_s:
            self._say(f"STATUS={text}\nWATCHDOG=1")
            self._beat_s = now_s + self._every_s
        return self._beat_s - now_s

    def _say(self, words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as mouth:
                mouth.settimeout(SEND_S)
                mouth.connect(self._address)
                mouth.send(words.encode())
        except OSError as error:
            _log.warning("systemd cannot be told %r: %s", words, error)

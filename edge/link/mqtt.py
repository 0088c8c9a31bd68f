"""The device's link: keeps itself connected, and hands over what it hears.

A thread connects, waits for the end of the connection, waits a jittered back-off, and connects again
(``connection``). It speaks MQTT 5 where the broker does (``version``), gives up a broker
that does not answer, and says what went wrong with its remedy.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.link import refusals, tls
from edge.link.config import MqttConfig
from edge.link.connection import SPARE, Connection, Plan
from edge.link.version import Known, learn, speaks_5

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
STEADY_S = 30.0  # a connection that held this long starts the back-off anew
LOOK_S = 1.0  # how often a connection is asked whether the broker still answers
END_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us and our subscription; what was sent before is open again."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """``is_news`` is false when the last attempt failed for the same reason."""

    reason: str
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    is_retained: bool


Event = Connected | Disconnected | Heard


def back_off_s(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row, ``chance`` in 0..1.

    Half of the wait is chance, so that a thousand devices do not return at the same moment.
    """
    most = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (min(failures, 10) - 1))
    return most * (0.5 + 0.5 * chance)


def system_ms() -> int:
    """What the system's clock says, ms since 1970."""
    return time.time_ns() // 1_000_000


class MqttLink:
    """A connection that comes back. ``hand_over`` is called from the link's threads.

    ``will`` is (topic, payload), said retained by the broker when the device falls silent.
    ``now_ms`` is the real time as far as the device knows it, and ``built_ms`` when its software was
    built: what the system's clock is measured by before it judges a certificate.
    """

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        *,
        will: tuple[str, bytes],
        listen: tuple[str, ...],
        hand_over: Callable[[Event], None],
        now_ms: Callable[[], int] = system_ms,
        built_ms: int = 0,
    ) -> None:
        self._config = config
        self._client_id = client_id
        self._will = will
        self._listen = listen
        self._hand_over = hand_over
        self._now_ms = now_ms
        self._built_ms = built_ms
        self.refused = 0  # how many publications the broker did not pass on, as far as it said so
        self._told: set[int] = set()
        self._known = Known()
        self._in_flight = config.window + SPARE
        self._is_early = False  # a certificate began in our future, so our clock is behind
        self._ignored_times = False
        self._reason = ""
        self._connection: Connection | None = None
        self._up: Connection | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the connection at QoS 1; False when there is none."""
        up = self._up
        return up is not None and up.publish(topic, payload, retain)

    def say_last(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish retained and wait for the broker's word, at most that long."""
        up = self._up
        if up is not None:
            up.say_last(topic, payload, timeout_s)

    def close(self) -> None:
        """Disconnect in order, which withdraws the will, and end the thread."""
        self._closing.set()
        connection = self._connection
        if connection is not None:
            connection.say_goodbye()
        if self._thread.is_alive():
            self._thread.join(END_S)  # it may hang in connect(), and dies with the process then

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            was_steady = self._connect_once()
            failures = 0 if was_steady else failures + 1
            self._closing.wait(back_off_s(failures, random.random()))

    def _connect_once(self) -> bool:
        """One connection from its beginning to its end; whether it held for a while."""
        is_5 = speaks_5(self._config.protocol, self._known, time.monotonic())
        try:
            connection = Connection(
                self._plan(is_5), ready=self._ready, heard=self._heard, refused=self._refused
            )
            self._connection = connection
            if self._closing.is_set():  # close() may have looked before the line above
                return False
            connection.open()
        except (OSError, ValueError, tls.Unreadable) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                self._is_early = error.verify_code == tls.NOT_YET_VALID
            where = f"{self._config.host}:{self._config.port}"
            self._say_ended(f"no connection to {where}: {self._explain(error)}")
            return False
        was_steady = self._hold(connection)
        self._up = None
        connection.drop()
        self._learn(is_5, connection)
        self._say_ended(connection.why)
        return was_steady

    def _hold(self, connection: Connection) -> bool:
        """Wait for its end, or give it up; whether it held for a while."""
        if not connection.settled.wait(self._config.connect_s):
            within = f"{self._config.connect_s:g} s"
            connection.why = f"the broker takes the connection, but does not answer within {within}"
            return False
        began_s = time.monotonic()
        while not connection.ended.wait(LOOK_S):
            if connection.is_deaf(time.monotonic()):
                connection.why = (
                    "the broker acknowledges nothing of what we send for "
                    f"{self._config.keep_alive_s} s"
                )
                return False
        return time.monotonic() - began_s >= STEADY_S and not connection.is_taken_over

    def _plan(self, is_5: bool) -> Plan:
        config = self._config
        context = None
        known_ms = max(self._now_ms(), self._built_ms)
        ignores_times = self._is_early or tls.is_clock_wrong(system_ms(), known_ms)
        if config.is_tls:
            context = tls.client_context(config.cas, config.cert, config.key)
            if ignores_times:
                tls.ignore_times(context)
            if ignores_times and not self._ignored_times:
                _log.warning("link: our clock is behind; certificates are judged by what is known")
            self._ignored_times = ignores_times

        def check(sock: ssl.SSLSocket) -> None:
            if ignores_times:
                tls.refuse_ended(sock.getpeercert(), max(known_ms, system_ms()))

        return Plan(
            config=config,
            client_id=self._client_id,
            is_5=is_5,
            in_flight=self._in_flight,
            will=self._will,
            listen=self._listen,
            context=context,
            check=check,
            explain=self._explain,
        )

    def _explain(self, error: BaseException) -> str:
        return tls.explain(error, self._config.host, self._config.cert is not None, system_ms())

    def _learn(self, is_5: bool, connection: Connection) -> None:
        self._known = learn(self._known, is_5, connection.outcome, time.monotonic())
        if connection.granted is not None:
            self._in_flight = connection.granted

    def _ready(self, connection: Connection) -> None:
        self._up = connection
        self._reason = ""
        self._hand_over(Connected())

    def _heard(self, topic: str, payload: bytes, is_retained: bool) -> None:
        self._hand_over(Heard(topic, payload, is_retained))

    def _refused(self, code: int, name: str) -> None:
        """It stays in the journal and is sent again; somebody must mend the broker."""
        self.refused += 1
        if code not in self._told:
            self._told.add(code)
            _log.error("link: %s", refusals.of_publishing(code, name))

    def _say_ended(self, reason: str) -> None:
        if not self._closing.is_set():
            self._hand_over(Disconnected(reason, reason != self._reason))
            self._reason = reason

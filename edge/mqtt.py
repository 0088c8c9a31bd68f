"""The one place that knows paho: a link that keeps itself connected and hands over what it hears.

A thread connects, waits for the end of the connection, waits a jittered back-off, and connects
again with a client of its own each time: what paho still held of the last connection is forgotten,
because the journal knows better what was not received. Callbacks only hand over.
"""

import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import MqttConfig

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
CONNECT_S = 10.0  # TCP and CONNACK on 2G; longer means that nobody is there
STEADY_S = 30.0  # a connection that held this long starts the back-off anew
END_S = 2.0
QOS = 1


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us and our subscription; what was sent before is open again."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    reason: str


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


class MqttLink:
    """A connection that comes back. ``hand_over`` is called from the link's threads.

    ``will`` is (topic, payload), said retained by the broker when the device falls silent.
    """

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        *,
        will: tuple[str, bytes],
        listen: tuple[str, ...],
        hand_over: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._client_id = client_id
        self._will = will
        self._listen = listen
        self._hand_over = hand_over
        self._client: Client | None = None
        self._ended = threading.Event()
        self._closing = threading.Event()
        self._why = ""
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the connection at QoS 1; False when there is none."""
        client = self._client
        if client is None:
            return False
        return client.publish(topic, payload, QOS, retain).rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def say_last(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish retained and wait for the broker's word, at most that long."""
        client = self._client
        if client is not None:
            try:
                client.publish(topic, payload, QOS, True).wait_for_publish(timeout_s)
            except (RuntimeError, ValueError):
                pass  # the connection ended meanwhile; the broker says the will instead

    def close(self) -> None:
        """Disconnect in order, which withdraws the will, and end the thread."""
        self._closing.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._ended.set()
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
        self._ended.clear()
        self._why = ""
        if self._closing.is_set():  # close() may have spoken before the line above
            return False
        try:
            client = self._new_client()
            client.connect(self._config.host, self._config.port, self._config.keep_alive_s)
        except (OSError, ValueError) as error:
            self._hand_over(Disconnected(f"no connection: {error}"))
            return False
        client.loop_start()
        # The end needs no bound: paho's keep-alive ends a dead connection.
        was_steady = not self._ended.wait(STEADY_S) and self._ended.wait()
        self._client = None
        client.disconnect()  # nothing when it has ended by itself
        client.loop_stop()
        if not self._closing.is_set():
            self._hand_over(Disconnected(self._why or "the connection ended"))
        return was_steady

    def _new_client(self) -> Client:
        config = self._config
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # the agent's window bounds what is in flight
        client.will_set(*self._will, QOS, True)
        if config.user is not None:
            password = config.password.reveal() if config.password else None
            client.username_pw_set(config.user, password)
        if config.is_tls:
            client.tls_set_context(
                ssl.create_default_context(cafile=str(config.ca) if config.ca else None)
            )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode,
        properties: Properties | None,
    ) -> None:  # fmt: skip
        if code.is_failure:
            self._why = f"the broker refuses: {code}"
            client.disconnect()
            return
        client.subscribe([(topic, QOS) for topic in self._listen])

    def _on_subscribe(
        self, client: Client, _: object, mid: int, codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:  # fmt: skip
        if any(code.is_failure for code in codes):
            self._why = f"the broker refuses to let us listen to {', '.join(self._listen)}"
            client.disconnect()
            return
        self._client = client
        self._hand_over(Connected())

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        self._hand_over(Heard(message.topic, bytes(message.payload), message.retain))

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode,
        properties: Properties | None,
    ) -> None:  # fmt: skip
        if not self._why and code.is_failure:
            self._why = f"the connection ended: {code}"
        self._ended.set()

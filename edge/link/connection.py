"""The one place that knows paho: one connection from its CONNECT to its end.

A connection has a paho client of its own, so what paho still held of the last one is forgotten,
because the journal knows better what was not received; and message ids and acknowledgements belong
to the connection they came by. The broker keeps the session meanwhile: receipts and commands that
came while the line was away are delivered first, between CONNACK and SUBACK. Callbacks run in paho's
thread and only take notes and hand over.
"""

import logging
import socket
import ssl
import threading
import time
import urllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.later import later
from edge.link import refusals, tls
from edge.link.config import MqttConfig
from edge.link.version import Outcome

with later(urllib, "request"):  # paho wants it for SOCKS proxies alone
    from paho.mqtt.client import (
        Client,
        ConnectFlags,
        DisconnectFlags,
        MQTTMessage,
        topic_matches_sub,
    )

QOS = 1
# What waits for a device longer than this is of no use: receipts are said again, the configuration
# is retained, a command answers a nonce that is gone.
SESSION_S = 24 * 3600
# What the broker may send us before we acknowledge: a receipt is 100 bytes, so all of it is through
# a slow line within seconds.
RECEIVE_MAXIMUM = 20
# In flight beside the window: status, reports, results. With a window of 6 it stays below the 20 that
# brokers usually grant.
SPARE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a connection is to be. ``will`` is (topic, payload); ``check`` may refuse a socket."""

    config: MqttConfig
    client_id: str
    is_5: bool
    in_flight: int
    will: tuple[str, bytes]
    listen: tuple[str, ...]
    context: ssl.SSLContext | None
    check: Callable[[ssl.SSLSocket], None]
    explain: Callable[[BaseException], str]


class Connection:
    """One attempt and what becomes of it. ``settled`` is set when it is ready or has ended."""

    def __init__(
        self, plan: Plan, *,
        ready: Callable[["Connection"], None],
        heard: Callable[[str, bytes, bool], None],
        refused: Callable[[int, str], None],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._ready = ready
        self._heard = heard
        self._refused = refused
        self._client = self._new_client()
        self._trouble = _Trouble()
        self._sent = 0
        self._answered = 0
        self._moved_s = 0.0  # when an answer came, or the first was awaited
        self.settled = threading.Event()
        self.ended = threading.Event()
        self.outcome = Outcome.SILENT
        self.why = ""
        self.granted: int | None = None  # the broker's Receive Maximum, when it is below ours
        self.is_taken_over = False

    def open(self) -> None:
        """TCP, TLS and CONNECT; OSError or ValueError when it comes to nothing."""
        config = self._plan.config
        logger = logging.Logger("paho", logging.ERROR)
        logger.addHandler(self._trouble)
        self._client.enable_logger(logger)
        # Bytes: a str goes through the codec idna, ASCII or not, whose tables take 0.4 MB.
        host: Any = config.host.encode() if config.host.isascii() else config.host
        if self._plan.is_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            self._client.connect(
                host, config.port, config.keep_alive_s,
                clean_start=False, properties=properties,
            )  # fmt: skip
        else:
            self._client.connect(host, config.port, config.keep_alive_s)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Hand a message over at QoS 1; what exceeds the broker's grant waits in paho."""
        self._count_sent()
        sent = self._client.publish(topic, payload, QOS, retain)
        return sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def say_last(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish retained and wait for the broker's word, at most that long."""
        self._count_sent()
        try:
            self._client.publish(topic, payload, QOS, True).wait_for_publish(timeout_s)
        except (RuntimeError, ValueError):
            pass  # the connection ended meanwhile; the broker says the will instead

    def is_deaf(self, now_s: float) -> bool:
        """Whether the broker has acknowledged nothing for a keep-alive, though it should have."""
        waits = self._sent > self._answered
        return waits and now_s - self._moved_s >= self._plan.config.keep_alive_s

    def say_goodbye(self) -> None:
        """Disconnect in order, which withdraws the will."""
        self._client.disconnect()

    def drop(self) -> None:
        """End it now, whether the other side still reads or not, and wait for paho's thread."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                # Not SSLSocket's own, which would let the thread read on without TLS.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself
        self._client.loop_stop()

    def _count_sent(self) -> None:
        if self._sent == self._answered:
            self._moved_s = time.monotonic()
        self._sent += 1  # before it is sent, so that no answer can be earlier

    def _new_client(self) -> Client:
        plan = self._plan
        config = plan.config
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=plan.client_id,
            clean_session=None if plan.is_5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if plan.is_5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = config.connect_s
        client.max_inflight_messages_set(plan.in_flight)
        client.will_set(*plan.will, QOS, True)
        if config.user is not None:
            password = config.password.reveal() if config.password else None
            client.username_pw_set(config.user, password)
        if plan.context is not None:
            client.tls_set_context(plan.context)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _on_socket_open(self, client: Client, _: object, sock: object) -> None:
        """Before the first byte of MQTT, so that a wrong broker gets no password."""
        if not isinstance(sock, socket.socket):
            return
        # An alarm must not wait until the pack before it is acknowledged: seconds on 2G.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Without it Linux repeats what nobody acknowledges for a quarter of an hour.
            timeout_ms = self._plan.config.keep_alive_s * 1000
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
        if isinstance(sock, ssl.SSLSocket):
            try:
                self._plan.check(sock)
            except ssl.SSLError:
                sock.close()
                raise

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode,
        properties: Properties | None,
    ) -> None:  # fmt: skip
        if code.is_failure:
            is_version = code.value == refusals.UNSUPPORTED_VERSION
            self.outcome = Outcome.REFUSED if is_version else Outcome.OTHER
            self.why = refusals.of_connecting(code.value, str(code))
            return  # paho ends the connection
        self.outcome = Outcome.ACCEPTED
        granted = getattr(properties, "ReceiveMaximum", None)
        if granted is not None and granted < self._plan.in_flight:
            # paho takes its bound before it connects only (MQTT 5, 3.3.4: more is an error).
            self.granted = granted
            self.why = f"the broker takes {granted} messages at once; connecting again with that"
            client.disconnect()
            return
        client.subscribe([(topic, QOS) for topic in self._plan.listen])

    def _on_subscribe(
        self, client: Client, _: object, mid: int, codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:  # fmt: skip
        for code, topic in zip(codes, self._plan.listen, strict=False):
            if code.is_failure:
                self.why = refusals.of_listening(code.value, str(code), topic)
                client.disconnect()
                return
        self._ready(self)
        self.settled.set()

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        # A session may still hold what an older configuration listened to.
        if any(topic_matches_sub(topic, message.topic) for topic in self._plan.listen):
            self._heard(message.topic, bytes(message.payload), message.retain)

    def _on_publish(
        self, client: Client, _: object, mid: int, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered += 1
        self._moved_s = time.monotonic()
        if code.is_failure or code.value == refusals.NOBODY:
            self._refused(code.value, str(code))

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode,
        properties: Properties | None,
    ) -> None:  # fmt: skip
        if flags.is_disconnect_packet_from_server:
            self.why = refusals.of_ending(code.value, str(code))
            self.is_taken_over = code.value == refusals.TAKEN_OVER
        elif not self.why:
            self.why = self._reason(self._trouble.last, code)
        self.ended.set()
        self.settled.set()

    def _reason(self, trouble: BaseException | None, code: ReasonCode) -> str:
        if self.outcome is Outcome.SILENT and (trouble is None or tls.is_bare_end(trouble)):
            hint = ""
            if self._plan.context is not None:
                hint = "; it may want a client certificate (cert and key in [mqtt]), or another"
            return f"the broker closed the connection without an answer{hint}"
        if trouble is not None:
            return f"the connection broke off: {self._plan.explain(trouble)}"
        if code.value == refusals.UNSPECIFIED:
            # Mosquitto 2.0 does not say so when another client takes over.
            return (
                "the connection was closed without a word; when it happens often, another client "
                "uses our name"
            )
        return f"the connection ended: {code}"


class _Trouble(logging.Handler):
    """Keeps the error that paho would only write down: its callbacks know a number at most."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, BaseException):
                self.last = argument

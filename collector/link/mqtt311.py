"""MQTT 3.1.1 by paho, driven from the asyncio loop: no thread to wake, no lock to fight over.

Each connection has a paho client of its own (paho's session is in memory only, and one that lives
on would send old publications again); the session that counts is the broker's.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from collector.link.base import CONFIRMS_NOTHING, UNCONFIRMED_MOST, LinkBase, LinkDown
from collector.link.port import Broker, Message

_CONNECT_S = 3.0  # TCP and TLS, in a thread that cannot be cancelled: a stop waits for it
_MISC_S = 1.0  # paho's own keep-alive wants to be called about once a second
_REMEDIES = {
    "Bad user name or password": "check [mqtt] user and password",
    "Not authorized": "check [mqtt] user and password, and the broker's rights",
    "Unsupported protocol version": "the broker is no MQTT 3.1.1 broker",
}


class Mqtt311Link(LinkBase):
    """The link for brokers that speak 3.1.1 only, such as amqtt."""

    _wire: "_Wire | None" = None

    async def _open(self) -> None:
        wire = self._wire = _Wire(self, self._will(), clean=not self._filters)
        await wire.connect()
        for pattern in await self._subscribe(self._filters) if self._filters else ():
            raise LinkDown(f"{self.broker} refuses the subscription {pattern}; check its rights")

    async def _subscribe(self, filters: Sequence[str]) -> list[str]:
        if self._wire is None:
            raise LinkDown("not connected")
        return await self._wire.subscribe(filters)

    async def _unsubscribe(self, filters: Sequence[str]) -> None:
        if self._wire is None:
            raise LinkDown("not connected")
        await self._wire.unsubscribe(filters)

    async def _ended(self) -> str:
        assert self._wire is not None
        return await asyncio.shield(self._wire.ended)

    async def _drop(self) -> None:
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    async def _close(self) -> None:
        if self._wire is not None:
            self._wire.client.disconnect()
            await asyncio.shield(self._wire.ended)
            self._wire = None

    def _send_acks(self, ids: Sequence[int]) -> None:
        if self._wire is not None:
            for number in ids:
                self._wire.client.ack(number, 1)

    async def _send(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        if self._wire is None or self._wire.ended.done():
            return False
        return await self._wire.publish(topic, payload, qos, retain)

    def _pause(self) -> None:
        if self._wire is not None:
            self._wire.pause()

    def _resume(self) -> None:
        if self._wire is not None:
            self._wire.resume()


class _Sealed(ssl.SSLSocket):
    """A socket that paho does not leave open when the handshake fails."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class _Wire:
    """One connection: a paho client and its place in the loop."""

    def __init__(self, link: Mqtt311Link, will: tuple[str, bytes] | None, *, clean: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._token = link.epoch << 16
        self._socket: socket.socket | None = None
        self._came: list[Message] = []
        self._misc: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_reading = False
        self._accepted: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._pubacks: dict[int, asyncio.Future[bool]] = {}
        self.ended: asyncio.Future[str] = self._loop.create_future()
        broker = link.broker
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=clean,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if user := broker.user.reveal():
            client.username_pw_set(user, broker.password.reveal() or None)
        if will:
            client.will_set(will[0], will[1], qos=1, retain=True)
        if context := broker.context():
            context.sslsocket_class = _Sealed
            client.tls_set_context(context)
        client.connect_timeout = _CONNECT_S
        # Beyond its own window paho would keep back what is to be sent, and say nothing.
        client.max_inflight_messages_set(UNCONFIRMED_MOST + 1)
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closed
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._no_write
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect

    async def connect(self) -> None:
        broker = self._link.broker
        self.client.connect_async(broker.host, broker.port, keepalive=broker.keep_alive_s)
        # paho connects, and shakes hands for TLS, with a blocking socket: in a thread it stalls nobody.
        await self._loop.run_in_executor(None, self.client.reconnect)
        code = await self._first(self._accepted)
        if code.is_failure:
            raise LinkDown(_said("refuses the connection", str(code), broker))

    async def subscribe(self, filters: Sequence[str]) -> list[str]:
        _, number = self.client.subscribe([(pattern, 1) for pattern in filters])
        codes = await self._answer(number)
        return [name for name, code in zip(filters, codes, strict=True) if code.is_failure]

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        _, number = self.client.unsubscribe(list(filters))
        await self._answer(number)

    async def _answer(self, number: int | None) -> list[ReasonCode]:
        """Of a SUBSCRIBE or UNSUBSCRIBE that has just been asked for."""
        if number is None:
            raise LinkDown("not connected")
        answer = self._answers[number] = self._loop.create_future()
        try:
            codes: list[ReasonCode] = await self._first(answer)
            return codes
        finally:
            self._answers.pop(number, None)

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        info = self.client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if qos == 0:
            return True
        taken: asyncio.Future[bool] = self._loop.create_future()
        self._pubacks[info.mid] = taken
        if len(self._pubacks) > UNCONFIRMED_MOST:
            self._end(f"{self._link.broker} {CONFIRMS_NOTHING}")
        # An id whose PUBACK never came stays taken on this connection: the ack may yet come.
        return await taken

    async def _first(self, answer: "asyncio.Future[Any]") -> Any:
        await asyncio.wait((answer, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise LinkDown(self.ended.result())

    # paho's callbacks: connecting runs in a thread, so all but messages are handed to the loop

    def _hand(self, work: Callable[[Any], None], sock: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(work, sock)
        except RuntimeError:
            pass  # the loop has ended before the thread

    def _socket_opened(self, client: paho.Client, _: Any, sock: Any) -> None:
        self._hand(self._attach, sock)

    def _socket_closed(self, client: paho.Client, _: Any, sock: Any) -> None:
        # In the loop's thread except when connecting itself fails, where nothing is attached yet.
        self._detach(sock)

    def _want_write(self, client: paho.Client, _: Any, sock: Any) -> None:
        self._hand(self._write_soon, sock)

    def _no_write(self, client: paho.Client, _: Any, sock: Any) -> None:
        self._hand(self._write_no_more, sock)

    def _on_connect(self, client: Any, _: Any, flags: Any, code: ReasonCode, __: Any) -> None:
        if not self._accepted.done():
            self._accepted.set_result(code)

    def _on_subscribe(
        self, client: Any, _: Any, mid: int, codes: list[ReasonCode], __: Any
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_publish(self, client: Any, _: Any, mid: int, code: ReasonCode, __: Any) -> None:
        taken = self._pubacks.pop(mid, None)
        if taken is not None and not taken.done():
            taken.set_result(not code.is_failure)

    def _on_message(self, client: Any, _: Any, message: paho.MQTTMessage) -> None:
        number = message.mid if message.qos else 0
        self._came.append(
            Message(message.topic, bytes(message.payload), message.retain, self._token | number)
        )

    def _on_disconnect(self, client: Any, _: Any, flags: Any, code: ReasonCode, __: Any) -> None:
        self._end(f"{self._link.broker} closed the connection: {str(code).lower()}")

    # In the loop

    def _attach(self, sock: socket.socket) -> None:
        if self.ended.done() or sock.fileno() < 0:
            return
        self._socket = sock
        self._listen()
        self._tend()

    def _detach(self, sock: socket.socket) -> None:
        if self._socket is None or sock.fileno() < 0:
            return
        self._socket = None
        self._is_reading = False
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _write_soon(self, sock: socket.socket) -> None:
        if not self.ended.done() and sock.fileno() >= 0 and self.client.socket() is sock:
            self._loop.add_writer(sock, self.client.loop_write)

    def _write_no_more(self, sock: socket.socket) -> None:
        # Asked for again meanwhile? Then the request stands behind this one, or has bytes waiting.
        if sock.fileno() >= 0 and not self.client.want_write():
            self._loop.remove_writer(sock)

    def _listen(self) -> None:
        """From now on what comes is read."""
        if self._socket is not None:
            self._is_reading = True
            self._loop.add_reader(self._socket, self._read)
            self._read_rest()

    def _read_rest(self) -> None:
        # TLS takes a record whole off the socket, which does not say that packets are left in it.
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        if not self._is_reading:
            return  # paused, or ended, since it was asked for
        # paho may raise on bytes that are no MQTT: the connection is then of no use.
        try:
            self.client.loop_read()
        except Exception as error:
            self._end(f"{self._link.broker} sent something that is no MQTT: {error!r}")
        if self._came:
            came, self._came = self._came, []
            self._link._take_in(came)
        self._read_rest()

    def _tend(self) -> None:
        if self.ended.done():
            return
        self.client.loop_misc()
        self._misc = self._loop.call_later(_MISC_S, self._tend)

    def pause(self) -> None:
        self._is_paused = True
        self._is_reading = False
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
        # One look each half keep-alive: paho ends a connection whose pings go unanswered.
        self._look = self._loop.call_later(self._link.broker.keep_alive_s / 2, self._look_once)

    def _look_once(self) -> None:
        if not self._is_paused or self._socket is None:
            return
        self._listen()
        self._look = self._loop.call_later(0.05, self.pause)

    def resume(self) -> None:
        self._is_paused = False
        if self._look is not None:
            self._look.cancel()
        self._listen()

    # The end

    def _end(self, why: str) -> None:
        if self._misc is not None:
            self._misc.cancel()
        if self._look is not None:
            self._look.cancel()
        for taken in self._pubacks.values():
            if not taken.done():
                taken.set_result(False)
        if not self.ended.done():
            self.ended.set_result(why)

    def abort(self) -> None:
        """Close the socket without DISCONNECT."""
        self._end("given up")
        client = self.client
        # The client closes what it still holds when it is collected; nobody is to hear of that.
        client.on_socket_open = client.on_socket_close = None
        client.on_socket_register_write = client.on_socket_unregister_write = None
        sock: Any = self._socket if self._socket is not None else client.socket()
        if sock is not None:
            self._detach(sock)
            sock.close()


def _said(what: str, code: str, broker: Broker) -> str:
    remedy = _REMEDIES.get(code)
    return f"{broker} {what}: {code.lower()}" + (f"; {remedy}" if remedy else "")

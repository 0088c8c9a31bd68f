"""MQTT 5 on asyncio over the ``mqtt5`` packet parser (which has no I/O of its own).

The session around it is here: connect with session expiry and Receive Maximum, subscribe,
keep-alive, acknowledgements of a batch as one buffer, and reading that pauses.
"""

import asyncio
import struct
import time
from collections.abc import Sequence
from typing import Any

import mqtt5

from collector.link.base import CONFIRMS_NOTHING, UNCONFIRMED_MOST, LinkBase, LinkDown
from collector.link.port import (
    LARGEST_PACKET,
    PUBLISH_S,
    SESSION_EXPIRY_S,
    Broker,
    Message,
)

_PUBACK = struct.Struct(">BBH")
_AT_LEAST_ONCE = mqtt5.QoS.AT_LEAST_ONCE
_REMEDIES = {
    "BAD_USER_NAME_OR_PASSWORD": "check [mqtt] user and password",
    "NOT_AUTHORIZED": "check [mqtt] user and password, and the broker's rights",
    "UNSUPPORTED_PROTOCOL_VERSION": "set [mqtt] protocol = '3.1.1'",
    "SESSION_TAKEN_OVER": "another client uses the same client id; is a second watch running?",
}
_NOT_SENT_FROM = 16  # PUBACK codes from here on: nobody subscribed, refused, no room


class Mqtt5Link(LinkBase):
    """The fast link, for brokers that speak MQTT 5."""

    _wire: "_Wire | None" = None

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        wire = self._wire = _Wire(self)
        broker = self.broker
        await loop.create_connection(lambda: wire, broker.host, broker.port, ssl=broker.context())
        will = self._will()
        wire.write(
            mqtt5.ConnectPacket(
                broker.client_id,
                username=broker.user.reveal() or None,
                password=broker.password.reveal().encode() or None,
                clean_start=False,
                will=will and mqtt5.Will(will[0], payload=will[1], qos=_AT_LEAST_ONCE, retain=True),
                keep_alive=broker.keep_alive_s,
                # A link that only holds a will leaves nothing behind.
                session_expiry_interval=SESSION_EXPIRY_S if self._filters else 0,
                receive_max=broker.receive_maximum,
                max_packet_size=LARGEST_PACKET,
            )
        )
        answer = await wire.first(wire.connack)
        if answer.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise LinkDown(_said("refuses the connection", answer.reason_code, broker))
        wire.keep_alive(answer.server_keep_alive or broker.keep_alive_s)
        for pattern in await self._subscribe(self._filters) if self._filters else ():
            raise LinkDown(f"{broker} refuses the subscription {pattern}; check its rights")

    async def _subscribe(self, filters: Sequence[str]) -> list[str]:
        wire = self._there()
        asked = [
            mqtt5.TopicFilter(
                pattern,
                max_qos=_AT_LEAST_ONCE,
                # As in 3.1.1: what is retained says so only when it is old.
                retain_as_published=False,
            )
            for pattern in filters
        ]
        number = wire.next_id()
        wire.write(mqtt5.SubscribePacket(number, asked))
        answer = await wire.answer(number)
        codes = zip(filters, answer.reason_codes, strict=True)
        return [pattern for pattern, code in codes if int(code) >= 128]

    async def _unsubscribe(self, filters: Sequence[str]) -> None:
        wire = self._there()
        number = wire.next_id()
        wire.write(mqtt5.UnsubscribePacket(number, list(filters)))
        await wire.answer(number)

    def _there(self) -> "_Wire":
        if self._wire is None:
            raise LinkDown("not connected")
        return self._wire

    async def _ended(self) -> str:
        assert self._wire is not None
        return await asyncio.shield(self._wire.ended)

    async def _drop(self) -> None:
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    async def _close(self) -> None:
        if self._wire is not None:
            self._wire.write(mqtt5.DisconnectPacket())
            self._wire.close()
            await asyncio.shield(self._wire.ended)
            self._wire = None

    def _send_acks(self, ids: Sequence[int]) -> None:
        if self._wire is not None:
            # A PUBACK of two bytes is a success (MQTT 5, 3.4.2.1).
            self._wire.write_raw(b"".join([_PUBACK.pack(0x40, 2, number) for number in ids]))

    async def _send(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        wire = self._wire
        if wire is None or wire.ended.done():
            return False
        if qos == 0:
            wire.write(mqtt5.PublishPacket(topic, payload, retain=retain))
            return True
        number = wire.next_id()
        code = wire.pubacks[number] = asyncio.get_running_loop().create_future()
        wire.write(
            mqtt5.PublishPacket(topic, payload, qos=_AT_LEAST_ONCE, retain=retain, packet_id=number)
        )
        if len(wire.pubacks) > UNCONFIRMED_MOST:
            wire.end(f"{self.broker} {CONFIRMS_NOTHING}")
        # An id whose PUBACK never came stays taken on this connection: the ack may yet come.
        return bool((await code) < _NOT_SENT_FROM)

    async def _send_few(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """As one buffer, with one wait for all PUBACKs."""
        wire = self._wire
        if wire is None or wire.ended.done():
            return 0
        few = _Few(len(messages))
        packets: list[bytes] = []
        make = mqtt5.PublishPacket
        for topic, payload in messages:
            number = wire.next_id()
            wire.pubacks[number] = few
            packets.append(make(topic, payload, qos=_AT_LEAST_ONCE, packet_id=number).write())
        wire.write_raw(b"".join(packets))
        if len(wire.pubacks) > UNCONFIRMED_MOST:
            wire.end(f"{self.broker} {CONFIRMS_NOTHING}")
        # Not wait_for, which would cancel what the acks that may yet come are counted by.
        await asyncio.wait((few.all,), timeout=PUBLISH_S)
        return few.taken

    def _pause(self) -> None:
        if self._wire is not None:
            self._wire.pause()

    def _resume(self) -> None:
        if self._wire is not None:
            self._wire.resume()


class _Few:
    """The PUBACKs of several publications, counted; used as a future of each of them."""

    __slots__ = ("all", "left", "taken")

    def __init__(self, count: int) -> None:
        self.left, self.taken = count, 0
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        return self.left == 0

    def set_result(self, code: int) -> None:
        self.taken += code < _NOT_SENT_FROM
        self.left -= 1
        if self.left == 0:
            self.all.set_result(None)


class _Wire(asyncio.Protocol):
    """One connection: bytes to packets and back. Its epoch is the link's when it was made."""

    def __init__(self, link: Mqtt5Link) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._link = link
        self._token = link.epoch << 16
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._heard_s = time.monotonic()
        self._keep_alive_s = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._number = 0
        self.connack: asyncio.Future[mqtt5.ConnAckPacket] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.pubacks: dict[int, asyncio.Future[int] | _Few] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}  # SUBACK and UNSUBACK

    # Out

    def write(self, packet: Any) -> None:
        self.write_raw(packet.write())

    def write_raw(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def next_id(self) -> int:
        """A packet id that is free on this connection."""
        while True:
            self._number = self._number % 65_535 + 1
            if self._number not in self.pubacks and self._number not in self._answers:
                return self._number

    async def first(self, answer: "asyncio.Future[Any]") -> Any:
        """That answer, or LinkDown when the connection ends before."""
        await asyncio.wait((answer, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise LinkDown(self.ended.result())

    async def answer(self, number: int) -> Any:
        """The SUBACK or UNSUBACK of this packet id; ``write`` has just asked for it."""
        self._answers[number] = self._loop.create_future()
        try:
            return await self.first(self._answers[number])
        finally:
            self._answers.pop(number, None)

    def keep_alive(self, seconds: float) -> None:
        self._keep_alive_s = seconds
        self._ping()

    def _ping(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if silent_s > self._keep_alive_s * 1.5 and "pause" not in self._timers:
            self.end(f"{self._link.broker} has been silent for {silent_s:.0f} s")
            self.abort()
            return
        self.write(mqtt5.PingReqPacket())
        self._timers["ping"] = self._loop.call_later(self._keep_alive_s / 2, self._ping)

    # In

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        at, end = 0, len(data)
        messages: list[Message] = []
        read, publish, token = mqtt5.read, mqtt5.PublishPacket, self._token
        try:
            while at < end:
                packet, size = read(view[at:])
                at += size
                if type(packet) is publish:
                    messages.append(
                        Message(
                            packet.topic,
                            packet.payload,
                            packet.retain,
                            token | (packet.packet_id or 0),
                        )
                    )
                else:
                    self._take(packet)
        except IndexError:
            pass  # the rest is yet to come
        except ValueError as error:
            self.end(f"{self._link.broker} sent a malformed packet: {error}")
            self.abort()
        self._rest = data[at:]
        if len(self._rest) > 2 * LARGEST_PACKET:
            self.end(f"{self._link.broker} sends a packet larger than it was asked for")
            self.abort()
        if messages:
            self._link._take_in(messages)

    def _take(self, packet: Any) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            code = self.pubacks.pop(packet.packet_id, None)
            if code is not None and not code.done():
                code.set_result(int(packet.reason_code))
        elif isinstance(packet, mqtt5.ConnAckPacket):
            if not self.connack.done():
                self.connack.set_result(packet)
        elif isinstance(packet, mqtt5.SubAckPacket | mqtt5.UnsubAckPacket):
            answer = self._answers.get(packet.packet_id)
            if answer is not None and not answer.done():
                answer.set_result(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.end(_said("ends the connection", packet.reason_code, self._link.broker))
            self.close()

    # Pausing

    def pause(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.pause_reading()
        # One look each half keep-alive, so that the broker's pings are heard in time.
        self._timers["pause"] = self._loop.call_later(
            (self._keep_alive_s or self._link.broker.keep_alive_s) / 2, self._look
        )

    def _look(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._timers["pause"] = self._loop.call_later(0.05, self.pause)

    def resume(self) -> None:
        if timer := self._timers.pop("pause", None):
            timer.cancel()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._heard_s = time.monotonic()

    # The end

    def end(self, why: str) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for code in self.pubacks.values():
            if not code.done():
                code.set_result(128)
        if not self.ended.done():
            self.ended.set_result(why)

    def connection_lost(self, error: Exception | None) -> None:
        tail = f": {error}" if error else ""
        self.end(f"{self._link.broker} closed the connection{tail}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.end("given up")


def _said(what: str, code: Any, broker: Broker) -> str:
    name = code.name
    remedy = _REMEDIES.get(name)
    return f"{broker} {what}: {name.lower().replace('_', ' ')}" + (f"; {remedy}" if remedy else "")

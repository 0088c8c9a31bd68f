"""Brokers that answer strangely, or not at all: what the link does and says."""

import errno
import logging
import socket
from collections.abc import Iterator
from itertools import count

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.link import tls
from edge.link.config import MqttConfig
from edge.link.mqtt import Connected, Disconnected, Event, Heard, MqttLink
from edge.link.version import Wish
from tests.edge.device import wait_until
from tests.edge.odd_broker import END, WRONG_VERSION, OddBroker, packet_id, polite
from tests.edge.proxy import CONNECT, PUBACK, PUBLISH, SUBSCRIBE, UP, Packet, Proxy

TOPIC = "shouwang/v1/riverside/box/received"
OTHER = "shouwang/v1/riverside/server/status"


class Link:
    """A link and what it said."""

    def __init__(self, port: int, wish: str = "auto", listen: tuple[str, ...] = (TOPIC, OTHER)):
        self.said: list[Event] = []
        self.link = MqttLink(
            MqttConfig(
                host="127.0.0.1", port=port, protocol=Wish(wish), keep_alive_s=1, connect_s=0.5, window=3
            ),
            "box",
            will=("shouwang/v1/riverside/box/status", b"gone"),
            listen=listen,
            hand_over=self.said.append,
        )  # fmt: skip

    def __enter__(self) -> "Link":
        self.link.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.said if isinstance(event, Disconnected)]

    @property
    def heard(self) -> list[bytes]:
        return [event.payload for event in self.said if isinstance(event, Heard)]

    def must_connect(self, times: int = 1) -> None:
        wait_until(
            lambda: sum(isinstance(event, Connected) for event in self.said) == times,
            f"{times} connections, {self.said}", 15,
        )  # fmt: skip


class Speaker:
    """Another client, who says things."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="speaker")
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> "Speaker":
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1).wait_for_publish(10)


def knows_3_only(packet: Packet, version: int) -> bytes | None:
    return WRONG_VERSION if version == 5 else polite(packet, version)


def closes_on_5(packet: Packet, version: int) -> bytes | None:
    return END if version == 5 else polite(packet, version)


def stands_still_on_5(packet: Packet, version: int) -> bytes | None:
    return b"" if version == 5 else polite(packet, version)


@pytest.mark.parametrize("answer", [knows_3_only, closes_on_5, stands_still_on_5])
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1_and_that_is_kept(answer) -> None:
    with OddBroker(answer) as broker, Link(broker.port) as link:
        link.must_connect()
        broker.drop()
        link.must_connect(2)
        assert broker.versions == [5, 4, 4]
        # Bit 1 of the flags: clean start in 5, clean session in 3.1.1
        assert not any(packet.body[7] & 2 for packet in broker.got if packet.kind == CONNECT)


def test_a_version_that_is_configured_and_refused_is_named() -> None:
    with OddBroker(knows_3_only) as broker, Link(broker.port, "5") as link:
        wait_until(lambda: len(broker.versions) > 1, "a second attempt")
        assert set(broker.versions) == {5}
        assert 'protocol = "auto"' in link.reasons[0]


def test_a_broker_that_takes_connections_and_never_answers_is_given_up() -> None:
    with OddBroker(lambda *_: b"") as broker, Link(broker.port) as link:
        wait_until(lambda: len(link.reasons) > 1, "two attempts")
        assert "does not answer within 0.5 s" in link.reasons[0]
        assert [event.is_news for event in link.said if isinstance(event, Disconnected)][:2] == [
            True,
            False,
        ]


def test_garbage_for_an_answer_is_given_up() -> None:
    http = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with OddBroker(lambda *_: http) as broker, Link(broker.port) as link:
        wait_until(lambda: len(link.reasons) > 1, "two attempts")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_never_acknowledges_is_given_up_after_a_keep_alive(version) -> None:
    def answer(packet: Packet, v: int) -> bytes | None:
        return b"" if packet.kind == PUBLISH else polite(packet, v)

    with OddBroker(answer) as broker, Link(broker.port, version) as link:
        link.must_connect()
        assert link.link.publish("a", b"b")
        wait_until(lambda: link.reasons, "the end")
        assert "acknowledges nothing of what we send for 1 s" in link.reasons[0]
        link.must_connect(2)


@pytest.mark.parametrize(("version", "code"), [("5", b"\x87"), ("3.1.1", b"\x80")])
def test_a_refused_subscription_is_named_with_its_topic(version, code) -> None:
    def answer(packet: Packet, v: int) -> bytes | None:
        said = polite(packet, v)
        return said[:-1] + code if packet.kind == SUBSCRIBE and said else said

    with OddBroker(answer) as broker, Link(broker.port, version) as link:
        wait_until(lambda: link.reasons, "the refusal")
        assert f"refuses to let us listen to {OTHER}" in link.reasons[0]
        assert "the device's role on the broker" in link.reasons[0]
        assert not any(isinstance(event, Connected) for event in link.said)


def test_no_more_is_in_flight_than_the_broker_grants() -> None:
    """A third unacknowledged message is answered with DISCONNECT 0x93, as MQTT 5 wants it."""
    granted = 2
    waiting: list[bytes] = []

    def answer(packet: Packet, version: int) -> bytes | None:
        if packet.kind == CONNECT:
            waiting.clear()
            return b"\x20\x06\x00\x00\x03\x21\x00" + bytes([granted])
        if packet.kind != PUBLISH:
            return polite(packet, version)
        waiting.append(packet_id(packet))
        if len(waiting) > granted:
            return b"\xe0\x01\x93"
        if len(waiting) < granted:
            return b""
        done = b"".join(b"\x40\x02" + each for each in waiting)
        waiting.clear()
        return done

    with OddBroker(answer) as broker, Link(broker.port) as link:
        link.must_connect()
        assert "takes 2 messages at once" in link.reasons[0]
        for n in range(10):
            assert link.link.publish("a", b"%d" % n)
        wait_until(lambda: sum(p.kind == PUBLISH for p in broker.got) == 10, "all of them")
        assert len(broker.versions) == 2
        assert len(link.reasons) == 1


@pytest.mark.parametrize(
    ("code", "text"), [(0x10, "nobody listens to it"), (0x87, "may not publish under its name")]
)
def test_what_the_broker_does_not_pass_on_is_counted_and_said_once(code, text, caplog) -> None:
    def answer(packet: Packet, version: int) -> bytes | None:
        if packet.kind != PUBLISH:
            return polite(packet, version)
        return b"\x40\x03" + packet_id(packet) + bytes([code])

    with OddBroker(answer) as broker, Link(broker.port) as link:
        link.must_connect()
        for n in range(5):
            assert link.link.publish("a", b"%d" % n)
        wait_until(lambda: link.link.refused == 5, "five refusals")
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len([line for line in said if text in line]) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"\x98", "its owner has put this device out"),
        (b"\x8e", "another client has connected under our name"),
    ],
)
def test_the_broker_s_own_words_for_ending_are_told(code, text) -> None:
    turns = count()

    def answer(packet: Packet, version: int) -> bytes | None:
        if packet.kind == PUBLISH and next(turns) == 0:
            return b"\xe0\x01" + code
        return polite(packet, version)

    with OddBroker(answer) as broker, Link(broker.port) as link:
        link.must_connect()
        link.link.publish("a", b"b")
        wait_until(lambda: link.reasons, "the end")
        assert text in link.reasons[0]


@pytest.mark.mosquitto
def test_another_client_under_our_name_is_named(broker) -> None:
    with Link(broker.port) as first:
        first.must_connect()
        with Link(broker.port) as second:
            second.must_connect()
            wait_until(lambda: first.reasons, "the takeover")
            # Mosquitto 2.0.11 just closes.
            assert "another client" in first.reasons[0]


@pytest.fixture
def proxy(broker) -> Iterator[Proxy]:
    with Proxy(broker.host, broker.port) as proxy:
        yield proxy


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_came_while_the_line_was_away_is_heard_before_the_link_is_ready(
    broker, proxy, version
) -> None:
    with Link(proxy.port, version) as link, Speaker(broker.port) as speaker:
        link.must_connect()
        # Taken by the broker, and never acknowledged by us: it must come again, and once.
        proxy.faults.eats = lambda way, packet: way == UP and packet.kind == PUBACK
        speaker.publish(TOPIC, b"one")
        wait_until(lambda: link.heard == [b"one"], "the first")
        proxy.faults.is_closed = True
        proxy.drop()
        wait_until(lambda: link.reasons, "the end")
        speaker.publish(TOPIC, b"two")
        link.said.clear()
        proxy.heal()
        link.must_connect()
        wait_until(lambda: len(link.heard) == 2, "both")
        kinds = [type(event) for event in link.said if not isinstance(event, Disconnected)]
        assert kinds == [Heard, Heard, Connected]
        assert link.heard == [b"one", b"two"]
        # Ids of the new connection are its own: the third is not taken for an old one.
        speaker.publish(TOPIC, b"three")
        wait_until(lambda: link.heard[2:] == [b"three"], "the third")


@pytest.mark.mosquitto
def test_what_an_older_configuration_listened_to_is_not_handed_over(broker) -> None:
    with Link(broker.port, listen=(TOPIC, "old")) as link:
        link.must_connect()
    with Speaker(broker.port) as speaker, Link(broker.port, listen=(TOPIC,)) as link:
        link.must_connect()
        speaker.publish("old", b"old")
        speaker.publish(TOPIC, b"new")
        wait_until(lambda: link.heard, "the new")
        assert link.heard == [b"new"]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name is not known; see url"),
        (ConnectionRefusedError(111, "Connection refused"), "nobody listens there; see url"),
        (TimeoutError("timed out"), "no answer; see the line"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "no way to it; see modem"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_a_line_that_does_not_come_about_is_told_with_its_remedy(error, remedy) -> None:
    assert remedy in tls.explain(error, "broker", False, 0)


def test_who_is_not_there_is_named_by_address() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets it
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with Link(port) as link:
            wait_until(lambda: link.said, "the first attempt has ended")
    (ended, *_) = link.said
    assert isinstance(ended, Disconnected)
    assert ended.reason.startswith(f"no connection to 127.0.0.1:{port}: nobody listens there")

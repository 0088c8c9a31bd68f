"""What every link does when the line or the broker fails: the same for both adapters.

On a real Mosquitto behind the proxy of ``tests/edge/proxy.py``; where no real broker does it on
demand, on the odd one.
"""

import asyncio
import random
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mqtt5
import pytest

from collector.link import base
from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import RECEIVE_MAXIMUM, SESSION_EXPIRY_S, Broker
from tests.collector.linking import (
    ADAPTERS,
    NAMES,
    READINGS,
    SOON_S,
    connected,
    lost,
    receive,
    somebody,
    transient,
    until,
)
from tests.edge import proxy as mqtt
from tests.edge.odd_broker import END, OddBroker, packet_id, polite
from tests.edge.proxy import DOWN, UP, Packet, Proxy
from tests.services.servers import Mosquitto, free_port

KEEP_ALIVE_S = 1
RECEIVED = "shouwang/v1/riverside/box/received"


@pytest.fixture(params=ADAPTERS, ids=NAMES)
def make(request) -> Callable[..., LinkBase]:
    """A link that comes back quickly and notices silence soon."""

    def link(broker: Broker, *, keep_alive_s: int = KEEP_ALIVE_S, **kwargs) -> LinkBase:
        kwargs = {"filters": [READINGS], "jitter": lambda: 0.0} | kwargs
        return request.param(replace(broker, keep_alive_s=keep_alive_s), **kwargs)

    return link


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def line(mosquitto) -> Iterator[Proxy]:
    with Proxy(mosquitto.host, mosquitto.port) as line:
        yield line


@pytest.fixture
def direct(mosquitto, request) -> Broker:
    """Past the proxy; a client id of each test's own, since sessions persist."""
    name = "".join(sign for sign in request.node.name if sign.isalnum())
    return Broker.at(mosquitto.url, f"f-{name}")


@pytest.fixture
def broker(line, direct) -> Broker:
    return replace(direct, port=line.port)


# The line


@pytest.mark.mosquitto
@pytest.mark.parametrize("direction", [UP, DOWN])
async def test_a_line_that_stalls_is_given_up_and_what_it_owes_comes_again(
    make, broker, direct, line, direction
):
    async with make(broker) as link, somebody(direct) as speaker:
        await connected(link)
        await speaker.publish(READINGS, b"open")
        await receive(link, 1)
        line.faults.held = {direction}
        began_s = time.monotonic()
        await lost(link)
        assert time.monotonic() - began_s < 4 * KEEP_ALIVE_S
        assert link.why
        await speaker.publish(READINGS, b"meanwhile")
        line.heal()
        await connected(link)
        messages = await receive(link, 2)
    assert [m.payload for m in messages] == [b"open", b"meanwhile"]


@pytest.mark.mosquitto
@pytest.mark.parametrize("direction", [UP, DOWN])
async def test_a_line_that_closes_half_is_given_up_and_found_again(
    make, broker, direct, line, direction
):
    async with make(broker) as link, somebody(direct) as speaker:
        await connected(link)
        epoch = link.epoch
        line.half_close(direction)
        await until(lambda: link.epoch > epoch)
        await connected(link)
        await speaker.publish(READINGS, b"after")
        messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"after"]


@pytest.mark.mosquitto
async def test_a_packet_of_which_half_came_comes_again_whole(make, broker, direct, line):
    async with make(broker) as link, somebody(direct) as speaker:
        await connected(link)
        line.faults.cuts = lambda way, packet: way == DOWN and packet.kind == mqtt.PUBLISH
        await speaker.publish(READINGS, b"x" * 1000)
        await lost(link)
        assert line.cut
        line.heal()
        messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"x" * 1000]


@pytest.mark.mosquitto
async def test_a_broker_that_takes_the_connection_and_says_nothing_is_given_up(
    make, broker, line, monkeypatch
):
    monkeypatch.setattr(base, "CONNECT_S", 0.3)
    line.faults.is_mute = True
    async with make(broker) as link:
        await until(lambda: "does not answer within 0.3 s" in link.why)
        line.heal()
        await connected(link)


@pytest.mark.mosquitto
async def test_a_broker_that_stalls_whole_is_found_again_when_it_goes_on(make, mosquitto_server):
    server = mosquitto_server()
    broker = Broker.at(server.url, "collector")
    async with make(broker) as link:
        await connected(link)
        server.pause()
        try:
            publishing = asyncio.create_task(link.publish(RECEIVED, b"into the void"))
            await lost(link)
            assert not await publishing
        finally:
            server.go_on()
        await connected(link)
        async with somebody(broker) as speaker:
            await speaker.publish(READINGS, b"after")
            messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"after"]


# Attempts


@pytest.mark.parametrize("chance", [0.0, 1.0])
async def test_pauses_between_attempts_double_and_chance_halves_them(make, chance):
    attempts: list[float] = []

    def refuse(packet: Packet, version: int) -> bytes | None:
        attempts.append(time.monotonic())
        return END

    with OddBroker(refuse) as server:
        broker = Broker.at(f"mqtt://127.0.0.1:{server.port}", "c")
        async with make(broker, jitter=lambda: chance):
            await until(lambda: len(attempts) >= 4)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    for pause_s, wanted_s in zip(pauses, (0.2, 0.4, 0.8), strict=False):
        wanted_s *= 0.5 + chance / 2
        assert wanted_s <= pause_s < wanted_s + 0.35


def test_attempts_are_jittered_unless_a_test_says_otherwise():
    link = Mqtt5Link(Broker.at("mqtt://127.0.0.1", "c"))
    assert link._jitter is random.random


# The session


async def test_it_asks_for_a_session_that_outlives_the_connection(make):
    with OddBroker(polite) as server:
        broker = Broker.at(f"mqtt://127.0.0.1:{server.port}", "c")
        async with make(broker) as link:
            await connected(link)
        async with make(broker, filters=[]) as link:  # carries a will, nothing else
            await connected(link)
        asked = [packet for packet in server.got if packet.kind == mqtt.CONNECT]
    assert [_session(packet) for packet in asked] == (
        [(False, SESSION_EXPIRY_S), (False, 0)]
        if isinstance(link, Mqtt5Link)
        else [(False, None), (True, None)]
    )


def _session(packet: Packet) -> tuple[bool, int | None]:
    """Whether it begins clean, and for how long it is to outlive the connection."""
    if packet.version != 5:
        return bool(packet.body[7] & 2), None
    connect, _ = mqtt5.read(memoryview(packet.raw))
    assert isinstance(connect, mqtt5.ConnectPacket)
    return connect.clean_start, connect.session_expiry_interval


@pytest.mark.mosquitto
async def test_the_broker_sends_no_more_than_receive_maximum_before_an_ack(direct):
    assert Broker.at("mqtt://127.0.0.1", "c").receive_maximum == RECEIVE_MAXIMUM
    small = replace(direct, receive_maximum=10)
    async with Mqtt5Link(small, filters=[READINGS]) as link, somebody(direct) as speaker:
        await connected(link)
        for number in range(25):
            await speaker.publish(READINGS, b"%d" % number)
        first = await receive(link, 10)
        await asyncio.sleep(0.3)
        assert link._inbox.outstanding == 10
        await link.ack(first[:4])
        # How many now, Mosquitto 2.0 does not keep to; all of them, and in order.
        assert [m.payload for m in await receive(link, 15)] == [b"%d" % n for n in range(10, 25)]


@pytest.mark.mosquitto
async def test_one_who_takes_the_session_over_and_goes_leaves_a_link_that_hears(
    make, broker, direct
):
    async with make(broker) as link, somebody(direct) as speaker:
        await connected(link)
        epoch = link.epoch
        # Without a filter its session is clean: what waited is gone, and the subscriptions too.
        async with transient(Mqtt311Link(direct)):
            await until(lambda: link.epoch > epoch or not link.connected)
        await connected(link)
        await _heard(link, speaker)


async def test_a_broker_that_says_why_it_ends_the_connection_is_quoted_with_the_remedy():
    def take_over(packet: Packet, version: int) -> bytes | None:
        return b"\xe0\x02\x8e\x00" if packet.kind == mqtt.PUBLISH else polite(packet, version)

    with OddBroker(take_over) as server:
        broker = Broker.at(f"mqtt://127.0.0.1:{server.port}", "c")
        async with Mqtt5Link(broker, filters=[READINGS]) as link:
            await connected(link)
            assert not await link.publish(RECEIVED, b"x")
            await until(lambda: "another client uses the same client id" in link.why)


@pytest.mark.mosquitto
async def test_two_links_of_one_id_throw_each_other_out_ever_more_slowly(make, broker):
    async with make(broker) as one, make(broker) as other:
        await asyncio.sleep(3)
        # Pauses of 0.1, 0.2, 0.4, 0.8 and 1.6 s, each; without them it would be hundreds.
        assert 3 <= one.epoch + other.epoch <= 14


# What we send


@pytest.mark.parametrize(
    ("code", "is_sent"), [(0, True), (16, False), (128, False), (135, False), (151, False)]
)
async def test_a_code_of_16_or_more_means_not_sent(code, is_sent):
    def answer(packet: Packet, version: int) -> bytes | None:
        if packet.kind == mqtt.PUBLISH:
            return bytes([0x40, 4]) + packet_id(packet) + bytes([code, 0])
        return polite(packet, version)

    with OddBroker(answer) as server:
        broker = Broker.at(f"mqtt://127.0.0.1:{server.port}", "c")
        async with Mqtt5Link(broker, filters=[READINGS]) as link:
            await connected(link)
            assert await link.publish(RECEIVED, b"x") is is_sent


@pytest.mark.mosquitto
@pytest.mark.parametrize(("link_class", "is_sent"), [(Mqtt5Link, False), (Mqtt311Link, True)])
async def test_what_nobody_subscribed_to_is_not_sent_where_the_broker_says_so(
    direct, link_class, is_sent
):
    async with link_class(direct, filters=[READINGS]) as link:
        await connected(link)
        # 3.1.1 has no codes; there `received` is sent again when the device sends again.
        assert await link.publish("shouwang/v1/riverside/nobody/received", b"x") is is_sent


@pytest.mark.mosquitto
async def test_a_publication_whose_puback_never_came_is_not_sent(make, broker, line, monkeypatch):
    monkeypatch.setattr(base, "PUBLISH_S", 0.3)
    async with make(broker) as link:
        await connected(link)
        line.faults.eats = _pubacks
        assert not await link.publish(READINGS, b"x")
        assert line.eaten == 1
        assert link.connected


@pytest.mark.mosquitto
async def test_what_was_under_way_when_the_connection_ended_is_not_sent(make, broker, line):
    async with make(broker) as link:
        await connected(link)
        line.faults.eats = _pubacks
        publishing = [asyncio.create_task(link.publish(READINGS, b"x")) for _ in range(3)]
        await until(lambda: line.eaten == 3)
        line.drop()
        async with asyncio.timeout(SOON_S / 5):
            assert await asyncio.gather(*publishing) == [False] * 3


async def test_a_late_puback_confirms_no_other_publication(make, monkeypatch):
    """The id of one that nobody confirmed stays taken: its PUBACK may yet come."""
    monkeypatch.setattr(base, "PUBLISH_S", 0.3)
    ids: list[bytes] = []

    def answer(packet: Packet, version: int) -> bytes | None:
        if packet.kind != mqtt.PUBLISH:
            return polite(packet, version)
        ids.append(packet_id(packet))
        return bytes([0x40, 2]) + ids[0] if len(ids) > 1 else b""  # late, and for the first alone

    with OddBroker(answer) as server:
        async with make(Broker.at(f"mqtt://127.0.0.1:{server.port}", "c")) as link:
            await connected(link)
            assert not await link.publish(RECEIVED, b"first")
            _wind_back(link, int.from_bytes(ids[0]) - 1)
            assert not await link.publish(RECEIVED, b"second")
            assert len(set(ids)) == len(ids)


def _wind_back(link: LinkBase, number: int) -> None:
    """The packet id given last is this one, as it is again after 65,535 publications."""
    if isinstance(link, Mqtt5Link):
        assert link._wire is not None
        link._wire._number = number
    else:
        assert isinstance(link, Mqtt311Link)
        assert link._wire is not None
        link._wire.client._last_mid = number


@pytest.mark.mosquitto
async def test_a_broker_that_confirms_nothing_is_left_before_all_ids_are_taken(
    make, broker, line, monkeypatch
):
    monkeypatch.setattr(base, "PUBLISH_S", 0.3)
    async with make(broker) as link:
        await connected(link)
        epoch = link.epoch
        line.faults.eats = _pubacks
        async with asyncio.timeout(SOON_S):
            while link.epoch == epoch:
                many = [link.publish(RECEIVED, b"x") for _ in range(base.IN_FLIGHT)]
                assert not any(await asyncio.gather(*many))
        assert line.eaten <= base.UNCONFIRMED_MOST + base.IN_FLIGHT
        line.heal()
        await connected(link)
        assert await link.publish(READINGS, b"x")


def _pubacks(way: str, packet: Packet) -> bool:
    return way == DOWN and packet.kind == mqtt.PUBACK


# TLS


@pytest.fixture(scope="module")
def sealed(tmp_path_factory) -> Sequence[str]:
    """A certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def sealed_port(sealed, mosquitto_server) -> tuple[Mosquitto, int]:
    """A broker of the test's own, and the port where it speaks TLS."""
    certificate, key = sealed
    port = free_port()
    extra = f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}"
    return mosquitto_server(extra=extra), port


@pytest.mark.mosquitto
async def test_over_tls_it_comes_back_from_a_stall_and_a_restart(make, sealed, sealed_port):
    server, port = sealed_port
    broker = Broker.at(f"mqtts://127.0.0.1:{port}", "sealed", ca=Path(sealed[0]))
    async with make(broker) as link:
        await connected(link)
        server.pause()
        try:
            await lost(link)
        finally:
            server.go_on()
        await connected(link)
        server.kill()
        await lost(link)
        server.start()
        await connected(link)
        async with somebody(Broker.at(server.url, "x")) as speaker:
            await speaker.publish(READINGS, b"after")
            messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"after"]


@pytest.mark.mosquitto
async def test_many_messages_in_one_record_of_tls_are_all_read_at_once(make, direct, sealed):
    """A TLS library takes a record whole off the socket, which then has nothing more to say."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection(direct.host, direct.port)
        up = asyncio.create_task(_pass(reader, far, 0))
        await _pass(near, writer, 0.3)  # what comes meanwhile is one record
        up.cancel()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*sealed)
    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    broker = replace(direct, port=port, tls=True, ca=Path(sealed[0]))
    async with (
        server,
        make(broker, keep_alive_s=60) as link,  # no ping is to wake it
        somebody(direct) as speaker,
    ):
        await connected(link)
        await asyncio.gather(*(speaker.publish(READINGS, b"%d" % n) for n in range(50)))
        async with asyncio.timeout(2):
            messages = await receive(link, 50)
    assert len(messages) == 50


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
    try:
        while data := await reader.read(65536):
            if pause_s:
                await asyncio.sleep(pause_s)
                while True:
                    try:
                        async with asyncio.timeout(0.01):
                            data += await reader.read(65536)
                    except TimeoutError:
                        break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


# Helpers


async def _heard(link: LinkBase, speaker: LinkBase) -> None:
    """What is published is heard, once the broker has the subscription again."""
    async with asyncio.timeout(SOON_S):
        while True:
            await speaker.publish(READINGS, b"there?")
            try:
                async with asyncio.timeout(0.2):
                    await link.ack(await link._inbox.take())
                    return
            except TimeoutError:
                pass

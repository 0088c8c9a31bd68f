"""What every link does, on a real Mosquitto: the contract of ``collector/link/port.py``."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.secret import Secret
from edge.contract.status import State, Status
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
    write_password,
)
from tests.services.servers import Mosquitto, free_port

pytestmark = pytest.mark.mosquitto


@pytest.fixture(params=ADAPTERS, ids=NAMES)
def make(request) -> Callable[..., LinkBase]:
    def link(broker: Mosquitto | Broker, **kwargs) -> LinkBase:
        if isinstance(broker, Mosquitto):
            broker = Broker.at(broker.url, "collector")
        return request.param(broker, **kwargs)

    return link


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def broker(mosquitto, request) -> Broker:
    """A client id of each test's own: sessions persist."""
    name = "".join(sign for sign in request.node.name if sign.isalnum())
    return Broker.at(mosquitto.url, f"c-{name}")


async def test_delivers_what_is_published(make, broker):
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await connected(link)
        await speaker.publish(READINGS, b"[1]")
        messages = await receive(link, 1)
    assert [(m.topic, m.payload, m.retained) for m in messages] == [(READINGS, b"[1]", False)]


async def test_delivers_many_in_order_and_in_batches(make, broker):
    payloads = [b"%d" % number for number in range(500)]
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await connected(link)
        await asyncio.gather(*(speaker.publish(READINGS, payload) for payload in payloads))
        messages = await receive(link, len(payloads))
        await link.ack(messages)
    assert [m.payload for m in messages] == payloads


async def test_what_is_acknowledged_does_not_come_again(make, broker):
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await connected(link)
        await speaker.publish(READINGS, b"first")
        await link.ack(await receive(link, 1))
        await speaker.publish(READINGS, b"second")
        await link.ack(await receive(link, 1))
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await connected(link)
        await speaker.publish(READINGS, b"third")
        messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"third"]


async def test_it_follows_what_it_is_told_to_and_lets_go_of_the_rest(make, broker):
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        link.follow(["tele/a/+", "tele/b/+"])
        await connected(link)
        await _heard_on(link, speaker, "tele/a/SENSOR", "tele/b/SENSOR")
        link.follow(["tele/b/+", "tele/c/+"])
        await _heard_on(link, speaker, "tele/c/SENSOR")
        await speaker.publish("tele/a/SENSOR", b"late")
        for topic in ("tele/b/SENSOR", READINGS):
            await speaker.publish(topic, b"last")
        topics = [m.topic for m in await receive(link, 2)]
    assert topics == ["tele/b/SENSOR", READINGS]


async def test_a_new_connection_hears_what_is_followed_at_once(make, mosquitto_server):
    server = mosquitto_server()
    broker = Broker.at(server.url, "follower")
    async with make(broker, filters=[READINGS]) as link:
        link.follow([f"tele/p{number}/+" for number in range(250)])
        await connected(link)
        server.kill()
        await lost(link)
        server.start()
        await connected(link)
        async with somebody(broker) as speaker:
            await _heard_on(link, speaker, "tele/p0/SENSOR", "tele/p249/SENSOR")


async def test_what_a_session_remembers_of_an_older_registry_is_let_go(make, broker):
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        link.follow(["tele/old/+"])
        await connected(link)
        await _heard_on(link, speaker, "tele/old/SENSOR")
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        link.follow(["tele/old/+", "tele/new/+"])
        link.follow(["tele/new/+"])
        await connected(link)
        await _heard_on(link, speaker, "tele/new/SENSOR")
        await speaker.publish("tele/old/SENSOR", b"late")
        await speaker.publish(READINGS, b"last")
        topics = [m.topic for m in await receive(link, 1)]
    assert topics == [READINGS]


async def _heard_on(link: LinkBase, speaker: LinkBase, *topics: str) -> None:
    """Each of these is heard, once the broker has the subscription."""
    async with asyncio.timeout(SOON_S):
        for topic in topics:
            number, heard = 0, b""
            while heard != b"%d" % number:
                number += 1
                await speaker.publish(topic, b"%d" % number)
                try:
                    async with asyncio.timeout(0.1):
                        while heard != b"%d" % number:
                            messages = await link._inbox.take()
                            await link.ack(messages)
                            heard = messages[-1].payload if messages[-1].topic == topic else b""
                except TimeoutError:
                    pass


async def test_what_is_not_acknowledged_comes_again(make, broker):
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await connected(link)
        await speaker.publish(READINGS, b"a")
        await speaker.publish(READINGS, b"b")
        messages = await receive(link, 2)
        await link.ack(messages[:1])
    async with make(broker, filters=[READINGS]) as link:
        again = await receive(link, 1)
        await link.ack(again)
    assert [m.payload for m in again] == [b"b"]


async def test_a_backlog_is_acknowledged_before_the_subscriptions_are_confirmed(make, broker):
    async with make(broker, filters=[READINGS]) as link:
        await connected(link)
        async with somebody(broker) as speaker:
            await speaker.publish(READINGS, b"early")
        messages = await receive(link, 1)
        link.connected = False  # as it is between CONNACK and SUBACK
        await link.ack(messages)
        link.connected = True
    async with make(broker, filters=[READINGS]) as link, somebody(broker) as speaker:
        await speaker.publish(READINGS, b"next")
        messages = await receive(link, 1)
    assert [m.payload for m in messages] == [b"next"]


async def test_what_was_published_while_it_was_away_is_waiting(make, broker):
    async with make(broker, filters=[READINGS]) as link:
        await connected(link)
    async with somebody(broker) as speaker:
        await speaker.publish(READINGS, b"meanwhile")
    async with make(broker, filters=[READINGS]) as link:
        messages = await receive(link, 1)
    assert messages[0].payload == b"meanwhile"


async def test_a_late_ack_of_an_old_connection_confirms_nothing(make, broker, mosquitto_server):
    server = mosquitto_server()
    broker = Broker.at(server.url, "collector")
    async with make(broker, filters=[READINGS], jitter=lambda: 0.0) as link:
        await connected(link)
        async with somebody(broker) as speaker:
            await speaker.publish(READINGS, b"old")
        old = await receive(link, 1)
        server.stop()
        await lost(link)
        server.start()
        await connected(link)
        again = await receive(link, 1)
        await link.ack(old)
        async with somebody(broker) as speaker:
            await speaker.publish(READINGS, b"new")
        new = await receive(link, 1)
        await link.ack(new)
    assert [m.payload for m in again + new] == [b"old", b"new"]
    async with make(broker, filters=[READINGS]) as link:
        still = await receive(link, 1)
    assert [m.payload for m in still] == [b"old"]


async def test_goes_on_after_the_broker_was_killed_with_its_database(make, mosquitto_server):
    server = mosquitto_server()
    broker = Broker.at(server.url, "collector")
    async with make(broker, filters=[READINGS], jitter=lambda: 0.0) as link:
        await connected(link)
        first = link.epoch
        server.kill()
        await lost(link)
        assert link.why
        server.delete_database()
        server.start()
        await connected(link)
        async with somebody(broker) as speaker:
            await speaker.publish(READINGS, b"after")
        messages = await receive(link, 1)
    assert messages[0].payload == b"after"
    assert link.epoch > first


async def test_retained_messages_say_so_and_fresh_ones_do_not(make, broker):
    topic = "shouwang/v1/riverside/retained/status"
    async with somebody(broker) as speaker:
        await speaker.publish(topic, b"old", retain=True)
        async with make(broker, filters=[topic]) as link:
            old = await receive(link, 1)
            await link.ack(old)
            await speaker.publish(topic, b"fresh", retain=True)
            fresh = await receive(link, 1)
            await link.ack(fresh)
        await speaker.publish(topic, b"", retain=True)
    assert [m.retained for m in old + fresh] == [True, False]


async def test_waits_for_a_broker_that_is_not_there(make, mosquitto_server):
    port = free_port()
    broker = Broker.at(f"mqtt://127.0.0.1:{port}", "collector")
    async with make(broker, filters=[READINGS], jitter=lambda: 0.0) as link:
        await until(lambda: link.epoch >= 2)
        assert not link.connected
        assert "reached" in link.why
        assert not await link.publish(READINGS, b"x")
        mosquitto_server(port=port)
        await connected(link)
        assert link.why == ""


async def test_a_wrong_password_is_named_and_waited_out(make, mosquitto_server, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    server = mosquitto_server(extra=f"password_file {passwords}\nallow_anonymous false")
    broker = replace(
        Broker.at(server.url, "collector"), user=Secret("u"), password=Secret("geheim-7")
    )
    async with make(broker, filters=[READINGS]) as link:
        await until(lambda: "refuses" in link.why)
        assert "[mqtt] user and password" in link.why
        assert "geheim-7" not in link.why + repr(broker)
        write_password(passwords, "u", "geheim-7")
        server.reload()
        await connected(link)
        write_password(passwords, "u", "another")
        server.reload()  # Mosquitto throws out whom it no longer knows
        await until(lambda: "refuses" in link.why)


@pytest.fixture
def guarded(mosquitto_server, tmp_path) -> Mosquitto:
    """A broker with the users ``collector`` and ``box``, set up as the shipped one is."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for user in ("collector", "box"):
        write_password(passwords, user, f"of-{user}")
    return mosquitto_server(
        extra=f"password_file {passwords}\nallow_anonymous false\nuse_username_as_clientid true"
    )


def _user(server: Mosquitto, name: str) -> Broker:
    return Broker.at(server.url, "any", user=Secret(name), password=Secret(f"of-{name}"))


async def test_a_device_cannot_take_the_session_of_the_collector(make, guarded):
    collector, device = _user(guarded, "collector"), _user(guarded, "box")
    assert collector.client_id == "collector"
    async with make(collector, filters=[READINGS]) as link:
        await connected(link)
    # A clean session under the collector's id would wipe what waits for it.
    thief = Mqtt5Link(replace(device, client_id="collector"))
    async with transient(thief):
        await thief.publish(READINGS, b"waiting")
    async with make(collector, filters=[READINGS]) as link:
        await connected(link)
        epoch = link.epoch
        async with transient(Mqtt5Link(replace(device, client_id="collector"))):
            messages = await receive(link, 1)
            await link.ack(messages)
        assert (link.connected, link.epoch) == (True, epoch)
    assert messages[0].payload == b"waiting"


async def test_a_user_says_online_for_each_site_on_its_one_connection(make, guarded):
    collector, device = _user(guarded, "collector"), _user(guarded, "box")
    listener = Mqtt5Link(device, filters=["shouwang/v1/+/server/status"])
    async with transient(listener):
        link = make(collector, sites=["east", "west"], filters=[READINGS])
        async with link:
            await connected(link)
            online = await _statuses(listener, 2)
            await asyncio.sleep(0.5)  # two connections under one id would throw each other out
            assert link.epoch == 1
        stopping = await _statuses(listener, 2)
    topics = {f"shouwang/v1/{site}/server/status" for site in ("east", "west")}
    assert online == dict.fromkeys(topics, State.ONLINE)
    assert stopping == dict.fromkeys(topics, State.STOPPING)


async def test_a_link_works_under_an_id_that_the_broker_chose(make, guarded):
    renamed = replace(_user(guarded, "collector"), client_id="another")
    async with make(renamed, sites=["riverside"], filters=[READINGS]) as link:
        await connected(link)
        assert await link.publish(READINGS, b"mine")
        messages = await receive(link, 1)
        await link.ack(messages)
    async with make(_user(guarded, "collector"), filters=[READINGS]) as link:
        await connected(link)
        await link.publish(READINGS, b"next")
        again = await receive(link, 1)
    assert [m.payload for m in messages + again] == [b"mine", b"next"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_speaks_tls_to_a_broker_whose_ca_it_is_given(make, mosquitto_server, tmp_path):
    certificate, key, port = tmp_path / "cert.pem", tmp_path / "key.pem", free_port()
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    mosquitto_server(extra=f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}")
    url = f"mqtts://127.0.0.1:{port}"
    trusting = Broker.at(url, "trusting", ca=certificate)
    async with make(trusting, filters=[READINGS]) as link:
        await connected(link)
        assert await link.publish(READINGS, b"sealed")
        assert [m.payload for m in await receive(link, 1)] == [b"sealed"]
    async with make(Broker.at(url, "wary"), filters=[READINGS]) as link:
        await until(lambda: "[mqtt] ca" in link.why)
        assert not link.connected


async def test_a_server_that_is_no_broker_is_named(make):
    async def answer(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, make(Broker.at(f"mqtt://127.0.0.1:{port}", "c"), filters=[READINGS]) as link:
        await until(lambda: link.epoch >= 2 and str(port) in link.why)
        assert not link.connected


async def test_a_publication_is_true_when_the_broker_took_it(make, broker):
    topic = "shouwang/v1/riverside/box/received"
    async with (
        make(broker, filters=[READINGS]) as link,
        somebody(broker, filters=[topic]) as speaker,
    ):
        await connected(link)
        assert await link.publish(topic, b"one", qos=1)
        assert await link.publish(topic, b"zero", qos=0)
        messages = await receive(speaker, 2)
    assert {m.payload for m in messages} == {b"one", b"zero"}


async def test_many_publications_are_counted_as_the_broker_takes_them(make, broker):
    # A site of its own: the broker may still hold what was published to the tests before.
    many = [(f"shouwang/v1/many/box-{n % 7}/received", b"%d" % n) for n in range(450)]
    topics = ["shouwang/v1/many/+/received"]
    async with somebody(broker, topics) as other, make(broker, filters=[READINGS]) as link:
        assert await link.publish_all(many) == 0  # not connected yet
        await connected(link)
        assert await link.publish_all(many) == 450
        assert [m.payload for m in await receive(other, 450)] == [payload for _, payload in many]


async def test_of_many_publications_none_counts_when_the_broker_falls(make, mosquitto_server):
    mosquitto = mosquitto_server()
    async with make(mosquitto) as link:
        await connected(link)
        mosquitto.pause()
        telling = asyncio.create_task(link.publish_all([("shouwang/v1/a/b/received", b"x")] * 50))
        await asyncio.sleep(0.1)
        mosquitto.kill()
        assert await asyncio.wait_for(telling, SOON_S) == 0


async def test_says_online_for_each_site_and_stopping_at_the_end(make, broker):
    topics = {f"shouwang/v1/{site}/server/status" for site in ("east", "west")}
    async with somebody(broker, filters=["shouwang/v1/+/server/status"]) as listener:
        async with make(broker, sites=["east", "west"], filters=[READINGS]) as link:
            await connected(link)
            online = await _statuses(listener, 2)
        stopping = await _statuses(listener, 2)
    assert online == dict.fromkeys(topics, State.ONLINE)
    assert stopping == dict.fromkeys(topics, State.STOPPING)


async def test_the_broker_says_offline_for_each_site_when_the_server_vanishes(make, broker):
    async with somebody(broker, filters=["shouwang/v1/+/server/status"]) as listener:
        link = make(broker, sites=["north", "south"], filters=[READINGS])
        await link.__aenter__()
        await connected(link)
        await _statuses(listener, 2, wanted=State.ONLINE)
        tasks = [one._task for one in (link, *link._further)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (link, *link._further):
            await one._drop()
        offline = await _statuses(listener, 2)
    assert set(offline.values()) == {State.OFFLINE}


async def test_reading_pauses_while_too_much_is_unacknowledged(make, broker):
    link = make(broker, filters=[READINGS])
    link._inbox._most_messages = 10
    async with link, somebody(broker) as speaker:
        await connected(link)
        first = await _publish_until_paused(speaker, link)
        taken = await receive(link, 10)
        assert link._inbox.is_full
        await link.ack(taken)
        while len(taken) < first:
            more = await receive(link, 1)
            await link.ack(more)
            taken += more
        assert link._inbox.outstanding == 0
    assert len({m.payload for m in taken}) == first


async def test_a_second_client_with_the_same_id_is_noticed(make, broker):
    async with make(broker, filters=[READINGS]) as link:
        await connected(link)
        first = link.epoch
        async with make(broker, filters=[READINGS]) as other:
            await until(lambda: link.epoch > first or not link.connected)
            assert other.epoch


# Helpers


async def _statuses(link: LinkBase, count: int, wanted: State | None = None) -> dict[str, State]:
    found: dict[str, State] = {}
    while len(found) < count:
        for message in await receive(link, 1):
            status = Status.decode(message.payload)
            if status is not None and not message.retained and wanted in (None, status.state):
                found[message.topic] = status.state
    return found


async def _publish_until_paused(speaker: LinkBase, link: LinkBase) -> int:
    count = 0
    while not link._inbox.is_full:
        assert await speaker.publish(READINGS, b"%d" % count)
        count += 1
        await asyncio.sleep(0)
    for _ in range(20):
        assert await speaker.publish(READINGS, b"%d" % count)
        count += 1
    return count

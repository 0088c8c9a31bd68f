"""An HJ 212 station at the other end of a socket: what is stored, answered, refused."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collector.decoders.hj212 import moment_ms
from collector.decoders.hj212_frame import frame
from collector.listeners.hj212 import Hj212Talk
from collector.listeners.port import Heard, Noise
from tests.collector.listeners.room import BOARD, REGISTRY, STATION, house, until


def beijing(minutes_ago: int = 0) -> str:
    at = datetime.now(UTC) + timedelta(hours=8) - timedelta(minutes=minutes_ago)
    return at.strftime("%Y%m%d%H%M%S")


def packet(
    qn: str, body: str = "w01009-Rtd=6.2,w01009-Flag=N", cn: str = "2011", mn: str = "ST01",
    more: str = "", flag: int = 5, at: str | None = None,
) -> bytes:  # fmt: skip
    time = f"DataTime={at or beijing()};" if at != "" else ""
    head = f"QN={qn};ST=21;CN={cn};PW=123456;MN={mn};Flag={flag};{more}"
    return frame(f"{head}CP=&&{time}{body}&&".encode())


def answer(qn: str, cn: str = "9014") -> bytes:
    return frame(f"QN={qn};ST=91;CN={cn};PW=123456;MN=ST01;Flag=4;CP=&&&&".encode())


async def test_a_reading_is_answered_once_it_is_on_disk(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1"))
        assert await line.hear(len(answer("1"))) == answer("1")
        assert (one.counts.readings, one.batches[0].value) == (1, [6.2])
        assert one.batches[0].untrusted
        assert one.journal.last >= 1


async def test_nothing_is_answered_while_the_disk_has_not_taken_it(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        held = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold(journal: object) -> None:  # keeps the journal's one thread
            asyncio.run_coroutine_threadsafe(held.wait(), loop).result()

        holding = asyncio.create_task(one.journaling.call(hold))
        await line.say(packet("1"))
        await until(lambda: one.peers.heard == 1)
        assert await line.silent()
        held.set()
        await holding
        assert await line.hear(len(answer("1"))) == answer("1")


async def test_a_number_that_comes_again_is_answered_and_not_stored_twice(tmp_path):
    async with house(tmp_path) as one:
        again = packet("1")
        for _ in range(3):  # a station dials in anew to send it again
            line = await one.dial()
            await line.say(again)
            assert await line.hear(len(answer("1"))) == answer("1")
            line.close()
        assert (one.counts.readings, one.counts.doubles) == (1, 2)


async def test_the_same_number_with_other_data_is_stored(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1", at=beijing(2)) + packet("1", at=beijing(1)))
        await line.hear(2 * len(answer("1")))
        assert one.counts.readings == 2


async def test_no_answer_where_flag_asks_for_none(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1", flag=4))
        await until(lambda: one.counts.readings == 1)
        assert await line.silent()


async def test_hourly_means_are_taken_where_they_are_mapped(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        body = "w21003-Min=0.1,w21003-Avg=0.2,w21003-Max=0.3;w01009-Avg=6.0"
        await line.say(packet("1", body, cn="2061"))
        await line.hear(len(answer("1")))
        assert [(b.metric, b.value) for b in one.batches] == [(["nh3n"], [0.2])]
        assert one.counts.dead == 0


async def test_a_factor_that_is_not_mapped_is_a_dead_letter_and_the_rest_goes_on(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1", "w99999-Rtd=1;w01009-Rtd=6.2"))
        await line.hear(len(answer("1")))
        assert (one.counts.readings, one.counts.dead) == (1, 1)
        (letter,) = await one.letters()
        assert (letter.topic, letter.reason) == (
            "hj212/ST01", "w99999 is not mapped for device station",
        )  # fmt: skip


async def test_an_unknown_station_is_a_dead_letter_and_is_hung_up_on(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1", mn="ST99"))
        assert await line.ended()
        (letter,) = await one.letters()
        assert letter.topic == "hj212/ST99"
        assert "no hj212 device" in letter.reason
        assert one.peers.strangers == 1


async def test_a_station_that_speaks_from_another_address_is_hung_up_on(tmp_path):
    bound = replace(STATION, options={"peers": "192.0.2.7, 198.51.100.0/24"})
    registry = replace(REGISTRY, devices=(bound, BOARD))
    async with house(tmp_path, registry=registry) as one:
        line = await one.dial()
        await line.say(packet("1"))
        assert await line.ended()
        (letter,) = await one.letters()
        assert "may not speak from 127.0.0.1" in letter.reason
        here = replace(STATION, options={"peers": "127.0.0.0/8"})
        one.door.use(replace(REGISTRY, devices=(here, BOARD)))
        line = await one.dial()
        await line.say(packet("1"))
        assert await line.hear(len(answer("1"))) == answer("1")


def part(n: int, many: int = 2, body: str = "w01009-Rtd=6.2", **more) -> bytes:
    return packet("1", body, more=f"PNUM={many};PNO={n};", flag=7, **more)


async def test_a_part_is_answered_before_the_next_one_is_sent(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(part(1, at=beijing(5)))
        assert await line.hear(len(answer("1"))) == answer("1")
        await line.say(part(2, body="w01001-Rtd=7.1", at=""))
        assert await line.hear(len(answer("1"))) == answer("1")
        assert [batch.metric for batch in one.batches] == [["do"], ["ph"]]
        assert len({at_ms for batch in one.batches for at_ms in batch.at_ms}) == 1


async def test_a_part_that_does_not_tell_its_time_waits_for_one_that_does(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(part(2, body="w01001-Rtd=7.1", at=""))
        assert await line.silent()
        await line.say(part(1, at=beijing(5)))
        await line.hear(2 * len(answer("1")))
        assert sorted(batch.metric for batch in one.batches) == [["do"], ["ph"]]
        assert len({at_ms for batch in one.batches for at_ms in batch.at_ms}) == 1


async def test_a_part_that_comes_again_is_answered_and_stored_once(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        first, second = part(1, at=beijing(5)), part(2, body="w01001-Rtd=7.1", at="")
        await line.say(first + second + second + first)
        await line.hear(4 * len(answer("1")))
        assert (one.counts.readings, one.counts.doubles, one.counts.dead) == (2, 2, 0)


def test_parts_that_never_come_are_told_and_those_that_wait_are_kept_and_unanswered():
    talk = Hj212Talk()
    (heard,) = talk.feed(part(1), 0.0, 0.0)
    assert isinstance(heard, Heard)
    assert heard.answer == answer("1")
    assert list(talk.feed(b"", 59.0, 0.0)) == []
    (noise,) = talk.feed(b"", 61.0, 0.0)
    assert noise == Noise(b"MN=ST01;CN=2011;QN=1", "only 1 of 2 parts of a packet came")
    assert list(talk.feed(part(2, at=""), 70.0, 0.0)) == []
    (noise,) = talk.feed(b"", 131.0, 0.0)
    assert noise == Noise(part(2, at=""), "no part of 2 that came tells the time")


def test_a_station_that_numbers_nothing_may_send_one_split_packet_after_the_other():
    talk, times = Hj212Talk(), (beijing(10), beijing(5))
    for at in times:
        for n in (1, 2):
            body = part(n, at=at if n == 1 else "").replace(b"QN=1;", b"")
            (heard,) = talk.feed(frame(body[6:-6]), 0.0, 0.0)
            assert isinstance(heard, Heard)
            assert [r.at_ms for r in heard.told.records] == [moment_ms(at)]
    assert list(talk.end()) == []


def test_split_packets_are_bounded():
    talk = Hj212Talk()
    found = [
        one
        for n in range(40)
        for one in talk.feed(packet(str(n), more="PNUM=2;PNO=1;", flag=7, at=""), n / 10, 0.0)
    ]
    assert [type(one) for one in found] == [Noise] * 24


def test_the_bytes_of_parts_that_wait_are_bounded():
    talk = Hj212Talk()
    long = "w01009-Rtd=6.2;" * 600
    found = [one for n in range(1, 50) for one in talk.feed(part(n, 64, long, at=""), 0.0, 0.0)]
    assert [type(one) for one in found] == [Noise] * 2


async def test_a_heartbeat_is_answered_and_an_answer_is_not(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(packet("1", "", cn="9015", at="") + packet("2", "", cn="9012", at=""))
        assert await line.hear(len(answer("1"))) == answer("1")
        assert await line.silent()
        assert (one.counts.readings, one.said) == (0, ["online"])


async def test_garbage_is_a_dead_letter_and_ends_only_its_own_connection(tmp_path):
    async with house(tmp_path) as one:
        good, bad = await one.dial(), await one.dial()
        for n in range(25):
            await bad.say(b"##0009not a %02d" % n)
            await asyncio.sleep(0)
        assert await bad.ended()
        await good.say(packet("1"))
        assert await good.hear(len(answer("1"))) == answer("1")
        assert one.peers.noise >= 20
        assert one.counts.dead >= 20


async def test_connections_are_bounded_in_number_and_in_silence(tmp_path):
    async with house(tmp_path, connections=1, idle_s=0.4) as one:
        first, second = await one.dial(), await one.dial()
        assert await second.ended()
        assert one.peers.refused == 1
        assert await first.ended()
        third = await one.dial()
        await third.say(packet("1"))
        assert await third.hear(len(answer("1"))) == answer("1")


async def test_a_port_that_is_taken_is_told_and_tried_again(tmp_path):
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    from collector.listeners.config import ListenerConfig
    from collector.listeners.room import Listeners
    from edge.clock import Clock

    async with house(tmp_path) as one:
        others = Listeners([ListenerConfig(format="hj212", port=port)], one.door, Clock())
        running = asyncio.create_task(others.run())
        await until(lambda: "cannot be opened" in others.why)
        taken.close()
        await taken.wait_closed()
        await until(lambda: not others.why)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_flood_is_read_no_faster_than_the_bound(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        one_packet = packet("1", flag=4)
        flood = asyncio.create_task(line.say(one_packet * (200_000 // len(one_packet))))
        await asyncio.sleep(1.0)
        read = one.peers.heard * len(one_packet)
        assert 0 < read < 130_000
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)

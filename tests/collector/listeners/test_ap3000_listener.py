"""An AP3000 board at the other end of a socket, alone with us or with its operator behind us."""

import asyncio

from tests.collector.decoders.test_ap3000 import HEARTBEAT, POWER, SETTLED, raw
from tests.collector.listeners.room import free_port, house, until

HEARTBEAT_ANSWER = raw("444E590A00 3B37AB04 0100 21 00 3802")
SETTLED_ANSWER = raw("444E590A00 3B37AB04 0100 03 00 1A02")
SIM = b"89860413161892009275"
START = raw(
    "444E592600 3B37AB04 0200 82 0064010000 01 01 0000 12345678123456781234567812345678"
    "8070 8813 F808"
)


async def test_a_board_stays_online_and_its_ports_are_stored(tmp_path):
    async with house(tmp_path, "ap3000") as one:
        line = await one.dial()
        await line.say(SIM + b"link" + HEARTBEAT)
        assert await line.hear(len(HEARTBEAT_ANSWER)) == HEARTBEAT_ANSWER
        await line.say(b"link" + POWER)
        await until(lambda: one.counts.readings == 9)
        rows = [
            (batch.port[i], batch.metric[i], batch.value[i])
            for batch in one.batches
            for i in range(len(batch))
        ]
        assert ("2", "power", 100.0) in rows
        assert ("1", "port-state", 0.0) in rows
        assert ("2", "energy", 480.0) in rows
        assert one.said == ["online"]


async def test_a_settlement_that_comes_again_is_answered_and_stored_once(tmp_path):
    async with house(tmp_path, "ap3000") as one:
        line = await one.dial()
        await line.say(SETTLED + SETTLED)
        assert await line.hear(2 * len(SETTLED_ANSWER)) == SETTLED_ANSWER * 2
        assert (one.counts.readings, one.counts.doubles) == (2, 2)
        assert one.batches[0].reasons == {1: "charging stopped: full"}


async def test_an_unregistered_board_is_a_dead_letter_and_is_hung_up_on(tmp_path):
    async with house(tmp_path, "ap3000") as one:
        line = await one.dial()
        await line.say(raw("444E590900 8426D609 0500 12 9402"))
        assert await line.ended()
        assert [letter.topic for letter in await one.letters()] == ["ap3000/09d62684"]


class Operator:
    """The operator's server: keeps what it hears, and says what it is told to say."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = b""
        self.writer: asyncio.StreamWriter | None = None
        self.gone = False

    async def __aenter__(self) -> "Operator":
        self._server = await asyncio.start_server(self._attend, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if self.writer:
            self.writer.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await reader.read(4096):
            self.heard += data
        self.gone = True
        writer.close()


async def test_a_relay_passes_every_byte_both_ways_and_answers_nothing(tmp_path):
    async with Operator() as operator:
        forward = f"127.0.0.1:{operator.port}"
        async with house(tmp_path, "ap3000", forward=forward) as one:
            line = await one.dial()
            stranger = raw("444E590900 8426D609 0500 12 9402")
            sent = SIM + b"link" + HEARTBEAT + b"\x00garbage DNY" + stranger + POWER
            await line.say(sent)
            await until(lambda: operator.heard == sent)
            assert await line.silent()
            assert operator.writer is not None
            operator.writer.write(START)
            assert await line.hear(len(START)) == START
            await until(lambda: one.counts.readings == 9)
            assert one.peers.strangers == 1
            line.close()
            await until(lambda: operator.gone)


async def test_a_relay_ends_when_the_operator_hangs_up(tmp_path):
    async with (
        Operator() as operator,
        house(tmp_path, "ap3000", forward=f"127.0.0.1:{operator.port}") as one,
    ):
        line = await one.dial()
        await line.say(HEARTBEAT)
        await until(lambda: operator.writer is not None)
        assert operator.writer is not None
        operator.writer.close()
        assert await line.ended()


async def test_without_the_operators_server_a_board_is_hung_up_on_and_not_answered(tmp_path):
    async with house(tmp_path, "ap3000", forward=f"127.0.0.1:{free_port()}") as one:
        line = await one.dial()
        assert await line.ended()
        assert one.peers.falls == 0


async def test_a_journal_that_stands_still_does_not_hold_up_the_relay(tmp_path):
    async with (
        Operator() as operator,
        house(tmp_path, "ap3000", forward=f"127.0.0.1:{operator.port}") as one,
    ):
        held = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold(journal: object) -> None:  # keeps the journal's one thread
            asyncio.run_coroutine_threadsafe(held.wait(), loop).result()

        holding = asyncio.create_task(one.journaling.call(hold))
        line = await one.dial()
        for _ in range(40):
            await line.say(HEARTBEAT)
        await until(lambda: operator.heard == HEARTBEAT * 40)
        assert one.counts.readings == 0
        held.set()
        await holding
        await until(lambda: one.counts.readings > 0)

"""What stations and boards said and nobody could take in is taken in once the registry is mended."""

from dataclasses import replace

from alerts.registry.model import Binding, Registry
from collector import records
from collector.decoders.hj212_frame import frame
from collector.intake import Bindings
from collector.listeners.strangers import is_still_refused, refusal
from collector.reasons import Why, why
from collector.replaying import Replaying, Selection, Tally
from edge.clock import Clock
from edge.contract.quality import Quality
from edge.contract.reading import Batch
from tests.collector.decoders.test_ap3000 import POWER
from tests.collector.listeners.room import BOARD, STATION, House, house, until
from tests.collector.listeners.test_hj212_listener import answer, beijing, packet

WIDER = replace(STATION, bindings=(*STATION.bindings, Binding(place="laobakou", metrics=("cod",))))
HERE = replace(STATION, options={"peers": "127.0.0.0/8"})
ELSEWHERE = replace(STATION, options={"peers": "192.0.2.7"})


async def replay(one: House, *devices) -> Tally:
    one.intake.bindings = Bindings(Registry(devices=devices))
    replaying = Replaying(one.journaling, one.intake, Clock())
    return await replaying.replay(Selection())


async def taken_in(one: House) -> list[tuple[str, float | None, int, str]]:
    rows = await one.journaling.call(lambda journal: journal.read(0, 99))
    batches = [records.entry(row).what for row in rows]
    return [
        (reading.metric, reading.value, reading.quality, reading.reason)
        for batch in batches
        if isinstance(batch, Batch)
        for reading in batch.readings()
    ]


async def test_a_factor_is_taken_in_once_it_is_bound_with_what_its_station_said_of_it(tmp_path):
    async with house(tmp_path, registry=Registry(devices=(STATION,))) as one:
        line = await one.dial()
        await line.say(packet("1", "w01018-Rtd=15,w01018-Flag=D;w21011-Rtd=0.2"))
        await line.hear(len(answer("1")))
        assert one.counts.dead == 2
        tally = await replay(one, WIDER)
        assert (tally.readings, tally.left, tally.stayed) == (1, 1, 1)
        assert await taken_in(one) == [("cod", 15.0, Quality.FAIL, "the station says: faulty")]
        (left,) = await one.letters()
        assert left.reason == "w21011 is not mapped for device station"


async def test_what_an_unregistered_station_said_is_taken_in_once_it_is_registered(tmp_path):
    async with house(tmp_path, registry=Registry(devices=(BOARD,))) as one:
        line = await one.dial()
        await line.say(packet("1", "w01009-Rtd=6.2;w01001-Rtd=7.1", at=beijing(5)))
        assert await line.ended()
        (letter,) = await one.letters()
        assert why(letter.topic, letter.reason) is Why.UNREGISTERED
        assert (await replay(one, STATION)).readings == 2
        assert [row[:2] for row in await taken_in(one)] == [("do", 6.2), ("ph", 7.1)]
        assert await one.letters() == []


async def test_what_an_unregistered_board_said_is_taken_in_once_it_is_registered(tmp_path):
    async with house(tmp_path, "ap3000", registry=Registry(devices=(STATION,))) as one:
        line = await one.dial()
        await line.say(POWER)
        assert await line.ended()
        assert (await replay(one, BOARD)).stayed == 0
        assert ("power", 100.0) in [row[:2] for row in await taken_in(one)]


async def test_what_came_from_a_strange_address_stays_until_that_may_speak(tmp_path):
    async with house(tmp_path, registry=Registry(devices=(ELSEWHERE,))) as one:
        line = await one.dial()
        await line.say(packet("1"))
        assert await line.ended()
        assert (await replay(one, ELSEWHERE)).readings == 0
        assert (await replay(one, HERE)).readings == 1


async def test_a_stranger_from_a_strange_address_stays_one_when_the_device_is_registered(tmp_path):
    async with house(tmp_path, registry=Registry()) as one:
        line = await one.dial()
        await line.say(packet("1"))
        assert await line.ended()
        tally = await replay(one, ELSEWHERE)
        assert (tally.readings, tally.stayed) == (0, 1)


async def test_noise_and_half_a_frame_stay(tmp_path):
    async with house(tmp_path) as one:
        line = await one.dial()
        await line.say(frame(b"QN=1;ST=21;CN=?;PW=1;MN=ST01;CP=&&&&"))
        await line.say(packet("2")[:-9])
        line.close()
        await until(lambda: one.counts.dead == 2)
        assert (await replay(one, STATION)).stayed == 2


def test_each_refusal_is_read_again_by_its_address():
    for device in (None, ELSEWHERE):
        for peer in ("203.0.113.9", "::ffff:203.0.113.9", "fe80::1%eth0", ""):
            said = refusal(device, "hj212", peer)
            assert is_still_refused(ELSEWHERE, said), said
            assert not is_still_refused(STATION, said), said
    assert not is_still_refused(ELSEWHERE, "w99999 is not mapped for device station")
    assert not is_still_refused(ELSEWHERE, refusal(None, "hj212", "192.0.2.7"))

"""Dead letters are judged again, leave once, and stay with the reason of now."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.registry.model import Binding, Registry
from collector import records
from collector.intake import Bindings, Intake
from collector.journaling import Journaling, Work
from collector.link.port import Message
from collector.replaying import Replaying, Selection, rehearse
from edge.clock import Clock
from edge.contract.quality import Quality
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch
from edge.journal.journal import Journal
from tests.collector.test_intake import (
    BOX,
    NOW_MS,
    PLUG,
    READINGS,
    REGISTRY,
    message,
    reading,
    tasmota,
)

LATER_MS = NOW_MS + 3_600_000
WIDER = Registry(
    devices=(replace(BOX, bindings=(*BOX.bindings, Binding(place="laobakou", metrics=("ph",)))),)
)
PH: dict[str, Any] = {"metric": "ph"}


class Room:
    """An intake and a journal, as the watch wires them."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.intake = Intake(Bindings(REGISTRY), journal.ranges())
        self.journaling = Journaling(journal)
        self.told: list[object] = []
        self.replaying = Replaying(
            self.journaling,
            self.intake,
            Clock(0.0, LATER_MS / 1000, 0.0),
            lambda intervals, counts: self.told.append((intervals, counts)),
        )

    async def hear(self, *messages: Message) -> None:
        judged = self.intake.judge(messages, NOW_MS)
        said = [(NOW_MS, batch) for batch in judged.batches]
        work = Work(said=said, covers=judged.covers, letters=judged.letters)
        await self.journaling.write(work)

    async def replay(self, **selection):
        return await self.replaying.replay(Selection(**selection))

    def stored(self) -> list[tuple[str, int, int, float | None]]:
        """Metric, seq, at_ms and value of what the journal has."""
        batches = [records.entry(row).what for row in self.journal.read(0, 999)]
        return [
            (one.metric, one.seq, one.at_ms, one.value)
            for batch in batches
            if isinstance(batch, Batch)
            for one in batch.readings()
        ]


@pytest.fixture
async def room(tmp_path):
    room = Room(Journal(tmp_path / "journal.db"))
    writing = asyncio.create_task(room.journaling.run())
    yield room
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await room.journaling.close()


async def test_what_was_unbound_is_taken_in_once_it_is_bound(room):
    await room.hear(message(reading(0), reading(1, 7.0, **PH), reading(2), reading(3, 7.1, **PH)))
    assert (room.journal.dead, len(room.stored())) == (2, 2)
    room.intake.bindings = Bindings(WIDER)
    tally = await room.replay()
    assert (tally.readings, tally.left, tally.stayed) == (2, 1, 0)
    assert room.stored()[2:] == [("ph", 1, NOW_MS + 1, 7.0), ("ph", 3, NOW_MS + 3, 7.1)]
    assert (room.journal.dead, room.journal.kept(0, 9), room.journal.letters()) == (0, [], [])
    row = room.journal.read(0, 9)[-1]
    batch = records.entry(row).what
    assert isinstance(batch, Batch)
    assert (row.at_ms, batch.is_news) == (LATER_MS, False), "it arrives now, and is no news"
    assert batch.quality == [Quality.GOOD, Quality.GOOD]


async def test_a_second_replay_does_nothing(room):
    await room.hear(message(reading(0, **PH)))
    room.intake.bindings = Bindings(WIDER)
    await room.replay()
    tally = await room.replay()
    assert (tally.readings, tally.left, tally.stayed) == (0, 0, 0)
    assert len(room.stored()) == 1


async def test_two_replays_at_once_take_it_in_once(room):
    await room.hear(*(message(reading(seq, **PH)) for seq in range(500)))
    room.intake.bindings = Bindings(WIDER)
    tallies = await asyncio.gather(room.replay(), room.replay())
    assert sum(tally.readings for tally in tallies) == 500
    assert [seq for _, seq, *_ in room.stored()] == list(range(500))


async def test_what_is_refused_again_stays_where_it_is(room):
    await room.hear(message(reading(0, **PH)), Message(READINGS, b"garbage", False, 1))
    before = room.journal.kept(0, 9)
    tally = await room.replay()
    assert (tally.readings, tally.left, tally.stayed) == (0, 0, 2)
    assert (room.journal.kept(0, 9), room.journal.dead) == (before, 2)


async def test_what_is_refused_for_another_reason_stays_under_that_with_its_arrival(room):
    await room.hear(message(reading(0, **PH)))
    room.intake.bindings = Bindings(Registry())
    tally = await room.replay()
    assert tally.whys == {"device box of site riverside is not registered": 1}
    (letter,) = room.journal.kept(0, 9)
    assert letter.reason == "device box of site riverside is not registered"
    assert (letter.at_ms, letter.is_part, room.journal.dead) == (NOW_MS, True, 1)
    room.intake.bindings = Bindings(WIDER)
    assert (await room.replay()).readings == 1


async def test_a_refused_record_keeps_what_its_pack_said_for_it(room):
    pack = [
        {"bn": "laobakou/", "bt": NOW_MS / 1000, "run": "r1", "seq": 5, "n": "do", "v": 8.0},
        {"n": "mystery", "v": 1.0, "t": 1, "bv": 6},
        {"n": "do", "v": 2.0, "t": 2},
    ]
    await room.hear(Message(READINGS, json.dumps(pack).encode(), False, 1))
    assert room.stored()[1] == ("do", 7, NOW_MS + 2000, 8.0)
    (letter,) = room.journal.kept(0, 9)
    kept = json.loads(letter.raw)
    assert kept == [
        {
            "run": "r1",
            "seq": 6,
            "seqs": [6],
            "n": "laobakou/mystery",
            "v": 7.0,
            "t": NOW_MS / 1000 + 1,
        }
    ]


async def test_a_relative_time_is_one_of_its_arrival(room):
    pack = [{"n": "laobakou/ph", "v": 7.0, "t": -60, "run": "r1", "seq": 0}]
    await room.hear(Message(READINGS, json.dumps(pack).encode(), False, 1))
    room.intake.bindings = Bindings(WIDER)
    await room.replay()
    assert room.stored() == [("ph", 0, NOW_MS - 60_000, 7.0)]


async def test_a_strangers_readings_are_covered_and_told_once_it_is_registered(room):
    room.intake.bindings = Bindings(Registry())
    await room.hear(message(reading(0), reading(1)))
    room.intake.bindings = Bindings(REGISTRY)
    tally = await room.replay()
    assert (tally.readings, room.journal.dead) == (2, 0)
    assert room.journal.ranges()["riverside/box", "r1"] == Ranges([(0, 1)])
    assert [intervals for intervals, _ in room.told] == [{"riverside/box": {"r1": [(0, 1)]}}]


async def test_what_a_stranger_sent_again_by_itself_is_not_doubled(room):
    room.intake.bindings = Bindings(Registry())
    await room.hear(message(reading(0), reading(1)))
    room.intake.bindings = Bindings(REGISTRY)
    await room.hear(message(reading(0), reading(1)))
    tally = await room.replay()
    assert (tally.readings, tally.doubles, tally.left) == (0, 2, 1)
    assert (len(room.stored()), room.journal.dead) == (2, 0)


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({"topic": "shouwang/v1/riverside/*"}, 1),
        ({"topic": "shouwang/v1/other/*"}, 0),
        ({"reason": "NOT BOUND"}, 1),
        ({"reason": "not registered"}, 0),
        ({"since_ms": NOW_MS}, 1),
        ({"since_ms": NOW_MS + 1}, 0),
        ({"id": 1}, 1),
        ({"id": 2}, 0),
    ],
)
async def test_only_what_is_selected_is_replayed(room, selection, left):
    await room.hear(message(reading(0, **PH)))
    room.intake.bindings = Bindings(WIDER)
    assert (await room.replay(**selection)).left == left
    assert room.journal.dead == 1 - left


async def test_a_rehearsal_says_the_same_and_changes_nothing(room):
    await room.hear(message(reading(0, **PH)), Message(READINGS, b"garbage", False, 1))
    spent = Intake(Bindings(WIDER), room.journal.ranges())
    tally = rehearse(room.journal.kept, spent, Selection())
    assert (tally.readings, tally.left, tally.stayed) == (1, 1, 1)
    assert (room.journal.dead, room.stored()) == (2, [])


async def test_purging_takes_what_is_selected(room):
    await room.hear(message(reading(0, **PH)), Message("a/b", b"x", False, 1))
    assert await room.replaying.purge(Selection(topic="a/*")) == 1
    assert [letter.topic for letter in room.journal.letters()] == [READINGS]
    assert await room.replaying.purge(Selection(since_ms=NOW_MS + 1)) == 0
    assert await room.replaying.purge(Selection(since_ms=NOW_MS)) == 1
    assert room.journal.dead == 0


@pytest.mark.parametrize(
    "payload",
    [
        [5],
        [{"n": "x" * 3_000, "run": "r1", "seq": 0}],
        [{"bt": "soon", "run": "r1", "seq": 0, "n": "laobakou/do", "v": 1}, {"n": "laobakou/do", "v": 1}],
        [{"bn": 7, "run": "r1", "seq": 0, "n": "do", "v": 1}, {"n": "do", "v": 1}],
        [{"bv": "x", "run": "r1", "seq": 0, "n": "laobakou/do", "v": 1}, {"n": "laobakou/do", "v": 1}],
        [{"bver": 99, "run": "r1", "seq": 0, "n": "laobakou/do", "v": 1}],
        [{"run": "r1", "seq": 0, "n": "laobakou/do", "v": 1}, [], "x"],
        [{"x_": 1, "run": "r1", "seq": 0, "n": "laobakou/do", "v": 1, "t": NOW_MS / 1000}],
    ],
)  # fmt: skip
async def test_what_was_refused_with_its_base_is_refused_without(room, payload):
    await room.hear(Message(READINGS, json.dumps(payload).encode(), False, 1))
    before, dead = room.stored(), room.journal.dead
    assert dead > 0
    tally = await room.replay()
    assert (tally.readings, room.stored(), room.journal.dead) == (0, before, dead)


WET = Binding(
    place="shed", port="p1", metrics=("humidity",), mapping={"SHT3X.Humidity": "humidity"}
)


async def test_a_foreign_name_is_taken_in_once_it_is_mapped(room):
    devices = (*REGISTRY.devices, PLUG)
    room.intake.bindings = Bindings(Registry(devices=devices))
    await room.hear(tasmota("SENSOR", b'{"ENERGY":{"Power":5},"SHT3X":{"Humidity":50}}'))
    assert [metric for metric, *_ in room.stored()] == ["power"]
    mapped = replace(PLUG, bindings=(*PLUG.bindings, WET))
    room.intake.bindings = Bindings(Registry(devices=(*REGISTRY.devices, mapped)))
    tally = await room.replay()
    assert (tally.readings, tally.stayed, room.journal.dead) == (1, 0, 0)
    assert room.stored()[1] == ("humidity", 0, NOW_MS, 50.0), "dated by when it arrived"


async def test_a_foreign_topic_is_heard_again_once_its_device_is_registered(room):
    await room.hear(tasmota("SENSOR", b'{"ENERGY":{"Power":5}}'))
    assert room.stored() == []
    room.intake.bindings = Bindings(Registry(devices=(*REGISTRY.devices, PLUG)))
    assert (await room.replay(topic="tele/*")).readings == 1
    assert (await room.replay()).readings == 0

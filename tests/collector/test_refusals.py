from collector.judged import Judged
from collector.refusals import LEAST_OF_LONGEST, LONGEST_MS, WINDOW_MS, Refusals
from edge.contract.reading import Batch, Reading

DEVICE = ("riverside", "box")


def judged(taken: int, dead: int, *, is_news: bool = True) -> Judged:
    batch = Batch(site="riverside", device="box", run="r", first=0, count=taken, is_news=is_news)
    for seq in range(taken):
        batch.add(Reading(place="p", port="", metric="do", value=8.0, at_ms=seq, seq=seq))
    return Judged(batches=[batch], refused={DEVICE: dead} if dead else {})


def told(room: Refusals, now_ms: int) -> list[float | None]:
    return [value for batch in room.due(now_ms) for value in batch.value]


def test_the_share_of_a_full_window_is_told_as_the_devices_reading_and_no_news():
    room = Refusals()
    room.note(judged(98, 2), 0)
    assert told(room, WINDOW_MS - 1) == []
    (batch,) = room.due(WINDOW_MS)
    assert (batch.site, batch.device, batch.metric) == ("riverside", "box", ["refused-share"])
    assert (batch.value, batch.at_ms, batch.is_news) == ([2.0], [WINDOW_MS], False)


def test_a_device_that_has_refused_nothing_is_not_spoken_of():
    room = Refusals()
    room.note(judged(1_000, 0), 0)
    assert told(room, WINDOW_MS) == []


def test_the_end_is_told_once():
    room = Refusals()
    room.note(judged(50, 50), 0)
    assert told(room, WINDOW_MS) == [50.0]
    room.note(judged(200, 0), WINDOW_MS)
    assert told(room, 2 * WINDOW_MS) == [0.0]
    room.note(judged(200, 0), 2 * WINDOW_MS)
    assert told(room, 3 * WINDOW_MS) == []


def test_few_records_wait_for_more_and_at_last_for_the_day():
    room = Refusals()
    room.note(judged(LEAST_OF_LONGEST - 1, 1), 0)
    assert told(room, WINDOW_MS) == []
    assert told(room, LONGEST_MS) == [5.0]
    room.note(judged(3, 1), LONGEST_MS)
    assert told(room, 2 * LONGEST_MS) == []


def test_what_was_replayed_does_not_count():
    room = Refusals()
    room.note(judged(900, 0, is_news=False), 0)
    room.note(judged(98, 2), 0)
    assert told(room, WINDOW_MS) == [2.0]

"""What is sent when: decided on a real journal and a connection that writes down."""

from pathlib import Path

import pytest

from edge.contract import senml
from edge.contract.reading import Decoded
from edge.contract.topics import Kind
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.sender import LIVE_MOST, NEWEST, PACK, Sender
from edge.sensors.port import Sample


class Desk:
    """A notebook, a sender, and what the sender published."""

    def __init__(self, path: Path, **more) -> None:
        self.journal = Journal(path)
        self.notebook = Notebook(self.journal, "run-1")
        self.sent: list[tuple[Kind, Decoded]] = []
        self.takes = True
        options = {"window": 4, "resend_s": 30.0, "backlog_per_s": 1e6, **more}
        self.sender = Sender(self.notebook, self._publish, **options)

    def _publish(self, kind: Kind, payload: bytes) -> bool:
        if self.takes:
            got = senml.decode(payload, topic="t", site="s", device="d", now_ms=2**46)
            assert isinstance(got, Decoded)
            assert not got.rejected
            self.sent.append((kind, got))
        return self.takes

    def measure(self, count: int, *, place: str = "reach", metric: str = "ph") -> None:
        self.notebook.take(
            Sample(place, "", metric, 7.0, 10**12 + self.notebook.seq) for _ in range(count)
        )
        self.notebook.commit()

    def spans(self) -> list[tuple[int, int]]:
        return [(got.batch.first, got.batch.first + got.batch.count - 1) for _, got in self.sent]


@pytest.fixture
def desk(tmp_path: Path):
    made: list[Desk] = []

    def make(**more) -> Desk:
        made.append(Desk(tmp_path / "journal.db", **more))
        return made[-1]

    yield make
    for each in made:
        each.journal.close()


def test_nothing_is_sent_without_a_connection(desk) -> None:
    it = desk()
    it.measure(3)
    assert it.sender.send(0.0) is None
    assert it.sent == []


def test_rows_are_sent_once_and_again_only_when_late(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(3)
    wait = it.sender.send(0.0)
    assert wait == 30.0
    assert it.sender.send(29.9) == pytest.approx(0.1)
    assert it.spans() == [(0, 2)]
    it.sender.send(30.0)
    assert it.spans() == [(0, 2), (0, 2)]
    it.notebook.received("run-1", 0, 2)
    it.sender.received("run-1", 0, 2)
    it.notebook.commit()
    assert it.sender.send(90.0) is None
    assert len(it.sent) == 2
    assert it.journal.depth == 0


def test_a_server_that_confirms_nothing_is_asked_ever_more_rarely(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(3)
    it.sender.send(0.0)
    sent_s = [now_s for now_s in range(3600) if _sends(it, now_s)]
    assert sent_s == [30, 90, 210, 450, 750, 1050, 1350, 1650, 1950, 2250, 2550, 2850, 3150, 3450]
    it.measure(1)
    it.sender.send(3500.0)
    it.sender.received("run-1", 3, 3)  # it is there again
    before = len(it.sent)
    assert it.sender.send(3501.0) == 30.0
    assert it.spans()[before:] == [(0, 2)]


def _sends(it: Desk, now_s: float) -> bool:
    before = len(it.sent)
    it.sender.send(now_s)
    return len(it.sent) > before


def test_a_late_pack_that_nobody_takes_is_late_still(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(3)
    it.sender.send(0.0)
    it.takes = False
    it.sender.send(30.0)
    assert it.sender.in_flight == 1
    it.takes = True
    it.sender.send(60.0)
    assert it.spans() == [(0, 2), (0, 2)]


def test_of_a_late_pack_only_what_is_still_missing_is_sent_again(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(9)
    it.sender.send(0.0)
    for lo, hi in ((0, 2), (5, 6)):
        it.notebook.received("run-1", lo, hi)
        it.sender.received("run-1", lo, hi)
    it.notebook.commit()
    it.sender.send(31.0)
    assert it.spans() == [(0, 8), (3, 4), (7, 8)]


def test_the_window_bounds_packs_and_keeps_a_place_for_live_ones(desk) -> None:
    it = desk(window=8)
    it.measure(LIVE_MOST + NEWEST)
    it.sender.connected()
    it.sender.send(0.0)
    it.sender.send(0.1)
    newest = [(lo, lo + PACK - 1) for lo in range(LIVE_MOST, LIVE_MOST + NEWEST, PACK)]
    assert it.spans() == [*newest, (0, 199)], "what was measured last is today's, and goes first"
    it.measure(1)
    it.sender.send(0.2)
    it.measure(1)
    it.sender.send(0.3)
    it.measure(1)
    it.sender.send(0.4)
    assert it.spans()[6:] == [(3000, 3000), (3001, 3001)]
    it.sender.received("run-1", 0, 199)
    it.sender.send(0.5)
    assert it.spans()[8:] == [(3002, 3002)], "live goes before the backlog"


def test_a_short_backlog_keeps_its_order(desk) -> None:
    it = desk()
    it.measure(PACK + 1)
    it.sender.connected()
    it.measure(1)
    it.sender.send(0.0)
    assert it.spans() == [(0, 199), (200, 201)], "no live row overtakes what is through in a blink"


def test_a_backlog_waits_for_its_rate(desk) -> None:
    it = desk(backlog_per_s=200.0, window=1000)
    it.measure(LIVE_MOST + 200)
    it.sender.connected()
    assert it.sender.send(0.0) == pytest.approx(1.0)
    newest = NEWEST // PACK
    now_s = 0.0
    while it.spans()[-1][1] != LIVE_MOST + 199 - NEWEST:
        now_s += 0.5
        it.sender.send(now_s)
    assert 5.0 <= now_s <= 7.0
    assert [lo for lo, _ in it.spans()[newest:]] == list(range(0, LIVE_MOST + 200 - NEWEST, PACK))


def test_much_that_waited_becomes_a_backlog_which_newer_rows_overtake(desk) -> None:
    it = desk(window=4)
    it.sender.connected()
    it.measure(PACK * 11)
    it.sender.send(0.0)
    it.measure(1, metric="smoke")
    it.sender.send(0.1)
    assert (PACK * 11, PACK * 11) in it.spans()


def test_a_pack_is_of_one_kind_one_run_and_has_no_gap(desk) -> None:
    it = desk(window=100)
    it.measure(2)
    it.measure(2, place="", metric="uptime")
    it.measure(2)
    it.notebook = Notebook(it.journal, "run-2")
    it.sender._notebook = it.notebook
    it.measure(2)
    it.notebook.received("run-1", 5, 5)
    it.notebook.commit()
    it.sender.connected()
    it.sender.send(0.0)
    it.sender.send(1.0)
    assert [(kind, got.batch.run, got.batch.seq) for kind, got in it.sent] == [
        (Kind.READINGS, "run-1", [0, 1]),
        (Kind.HEALTH, "run-1", [2, 3]),
        (Kind.READINGS, "run-1", [4]),
        (Kind.READINGS, "run-2", [0, 1]),
    ]


def test_after_a_reconnect_all_that_is_not_received_is_sent_again(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(3)
    it.sender.send(0.0)
    it.sender.disconnected()
    it.measure(2)
    assert it.sender.send(1.0) is None
    it.sender.connected()
    it.sender.send(2.0)
    it.sender.send(3.0)
    assert it.spans() == [(0, 2), (0, 4)]


def test_a_connection_that_takes_nothing_loses_nothing(desk) -> None:
    it = desk()
    it.sender.connected()
    it.measure(3)
    it.takes = False
    it.sender.send(0.0)
    assert it.sender.in_flight == 0
    it.takes = True
    it.sender.send(1.0)
    assert it.spans() == [(0, 2)]


def test_what_a_cap_dropped_is_announced_until_the_server_has_heard_it(desk) -> None:
    it = desk(resend_s=30.0)
    it.measure(4000)
    dropped = it.notebook.trim(100_000, 0)
    assert dropped > 1000
    assert it.notebook.dropped == dropped
    assert it.journal.depth + dropped == 4000
    it.sender.connected()
    it.sender.send(0.0)
    it.sender.send(1.0)
    _, first = it.sent[0]
    assert first.dropped == (("run-1", 0, dropped - 1, "space"),)
    assert all(got.dropped == () for _, got in it.sent[1:])
    it.sender.send(31.5)
    assert [got.dropped for _, got in it.sent].count(first.dropped) == 2
    again = Notebook(it.journal, "run-2")
    assert again.to_announce(9) == first.dropped, "it outlives a restart"
    it.sender.received("run-1", *_span(it.sent[0][1]))
    it.notebook.commit()
    assert Notebook(it.journal, "run-2").to_announce(9) == ()


def _span(got: Decoded) -> tuple[int, int]:
    return got.batch.first, got.batch.first + got.batch.count - 1


def test_what_is_not_dated_goes_out_as_so_long_ago_reckoned_anew_each_time(desk) -> None:
    steady = [5_000]
    it = desk(steady_ms=lambda: steady[0])
    it.notebook.stamps.begin_undated(10**12)
    it.notebook.take([Sample("reach", "", "ph", 7.0, 10**12 + at) for at in (1000, 4000)])
    it.notebook.commit()
    it.sender.connected()
    it.sender.send(0.0)
    assert it.sent[-1][1].batch.at_ms == [2**46 - 4000, 2**46 - 1000]
    steady[0] += 30_000
    it.sender.send(30.0)
    assert it.sent[-1][1].batch.at_ms == [2**46 - 34_000, 2**46 - 31_000]
    it.notebook.date(1_500_000_000_000, 1_500_000_035_000)
    steady[0] += 30_000
    it.sender.send(90.0)  # before the commit
    assert it.sent[-1][1].batch.at_ms == [1_500_000_001_000, 1_500_000_004_000]
    it.notebook.commit()
    it.sender.send(210.0)
    assert it.sent[-1][1].batch.at_ms == [1_500_000_001_000, 1_500_000_004_000]

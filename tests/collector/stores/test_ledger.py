from alerts.rules.inputs import Entry, Tick
from collector.stores.ledger import FUTURE_MS, GRACE_MS, Ledger
from collector.stores.port import Level
from edge.contract.quality import Check, Quality
from tests.collector.stores.batches import DAY, HOUR, MINUTE, NH3N, NOON, PH, amendment, good


def spelled(ledger: Ledger) -> list[tuple[Level, int, set[str]]]:
    return [
        (touched.level, touched.at_ms - NOON, {series.metric for series in touched.series})
        for touched in ledger.due()
    ]


def test_a_bucket_is_due_when_it_has_closed_and_only_then():
    ledger = Ledger(0)
    ledger.feed(Entry(1, NOON + 1, good(PH, (NOON, 7.0))))
    ledger.feed(Entry(2, NOON + MINUTE + GRACE_MS - 1, Tick()))
    assert spelled(ledger) == []
    ledger.feed(Entry(3, NOON + MINUTE + GRACE_MS, Tick()))
    assert spelled(ledger) == [(Level.MINUTE, 0, {"ph"})]
    assert spelled(ledger) == []
    ledger.feed(Entry(4, NOON + HOUR + GRACE_MS, Tick()))
    assert spelled(ledger) == [(Level.HOUR, 0, {"ph"})]


def test_an_amendment_touches_the_buckets_of_its_span():
    ledger = Ledger(0)
    span = amendment(PH, NOON - HOUR, NOON + 1, Quality.FAIL, Check.FLAT.fail)
    ledger.feed(Entry(1, NOON + DAY, span))
    due = spelled(ledger)
    assert [at_ms for level, at_ms, _ in due if level is Level.HOUR] == [-HOUR, 0]
    minutes = [at_ms for level, at_ms, _ in due if level is Level.MINUTE]
    assert minutes == [-HOUR + n * MINUTE for n in range(61)]
    assert all(metrics == {"ph"} for *_, metrics in due)
    assert ledger.settled == 1


def test_the_cursor_stays_before_the_first_reading_of_an_open_bucket():
    ledger = Ledger(6)
    assert ledger.settled == 6
    ledger.feed(Entry(7, NOON, Tick()))
    assert ledger.settled == 7
    ledger.feed(Entry(8, NOON + 1, good(PH, (NOON, 7.0))))
    ledger.feed(Entry(9, NOON + 2, good(NH3N, (NOON, 7.0))))
    ledger.feed(Entry(10, NOON + HOUR, good(PH, (NOON + HOUR, 7.0))))
    assert ledger.settled == 7
    assert spelled(ledger) == [(Level.MINUTE, 0, {"ph", "nh3n"})]
    assert ledger.settled == 7
    ledger.feed(Entry(11, NOON + HOUR + GRACE_MS, Tick()))
    assert spelled(ledger) == [(Level.HOUR, 0, {"ph", "nh3n"})]
    assert ledger.settled == 9


def test_late_readings_are_due_at_once_and_oldest_first():
    ledger = Ledger(0)
    late = good(PH, (NOON + MINUTE, 7.0), (NOON, 7.0), (NOON + MINUTE + 1, 7.0))
    ledger.feed(Entry(1, NOON + 5 * HOUR, late))
    assert spelled(ledger) == [
        (Level.MINUTE, 0, {"ph"}),
        (Level.HOUR, 0, {"ph"}),
        (Level.MINUTE, MINUTE, {"ph"}),
    ]
    assert ledger.settled == 1


def test_readings_of_a_wrong_clock_hold_nothing_back():
    ledger = Ledger(0)
    ledger.feed(Entry(1, NOON, good(PH, (NOON + 10 * FUTURE_MS, 7.0))))
    assert len(spelled(ledger)) == 2
    assert ledger.settled == 1

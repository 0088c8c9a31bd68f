"""The database is away while readings go on; then it comes back, with the devices still speaking.

The watch judges and journals what is told meanwhile, as in a real outage but quicker than the hour
it stands for. Counted at the end by InfluxDB itself.
"""

import time
from pathlib import Path

from benchmarks.drain import village
from benchmarks.drain.drains import DEVICES, Figures, Notes
from benchmarks.drain.house import House
from benchmarks.drain.measure import held
from benchmarks.drain.paced import Pace
from collector.writer import BACK_OFF_S

PER_S = 1_000
MESSAGES = 300_000
HOUR = 3_600 * PER_S
CHUNK_ROUNDS = 250  # 50,000 messages at once: the broker's queue holds ten times as many
DOWN_S = 5.0  # with the devices speaking live and the database still away
CATCH_UP_S = 600.0
BEHIND_S = 2.0  # of arrivals: who is closer than that has caught up


def outage(folder: Path, messages: int = MESSAGES, per_s: float = PER_S) -> tuple[Figures, Notes]:
    """So many messages wait in the journal when the database comes back."""
    rounds = messages // DEVICES
    with House(folder, DEVICES, kind="timed") as house:
        start_ms = int(time.time()) * 1000 - (rounds + 60) * 1_000
        house.tell(range(1), start_ms)
        house.settle()
        house.influx.stop()
        for begin in range(1, rounds, CHUNK_ROUNDS):
            house.tell(range(begin, min(rounds, begin + CHUNK_ROUNDS)), start_ms)
            house.settle(stored=False)
        waiting = house.sent * village.READINGS - house.progress.stored
        span_s = DOWN_S + CATCH_UP_S
        with Pace(house.broker, DEVICES, per_s, span_s, folder / "devices.log") as pace:
            time.sleep(1.0)
            down = house.progress
            time.sleep(DOWN_S)
            house.influx.start()
            back_s, back = time.monotonic(), house.progress
            house.watch.wait(lambda: house.progress.stored > back.stored, "first write", 90.0)
            began_s, began = time.monotonic(), house.progress

            def is_caught_up() -> bool:
                now = house.progress
                return now.readings - now.stored < BEHIND_S * per_s * village.READINGS

            house.watch.wait(is_caught_up, "catching up", CATCH_UP_S)
            took_s, done = time.monotonic() - began_s, house.progress
            sent = pace.end()
        house.sent += sent.messages
        house.settle()
        found = held(house.influx, house.bucket)
    caught_up = (done.stored - began.stored) / village.READINGS / took_s
    expected = house.sent * village.READINGS
    timed = done.timed.since(back.timed)
    figures: Figures = {
        "outage_messages": messages,
        "outage_down_rules_p99_ms": round(back.timed.since(down.timed).quantile_s(0.99) * 1000, 1),
        "outage_rules_p99_ms": round(timed.quantile_s(0.99) * 1000, 1),
        "outage_first_write_s": round(began_s - back_s, 1),
        "catch_up_s": round(took_s, 1),
        "catch_up_msgs_per_s": round(caught_up),
        "catch_up_ratio": round(caught_up / per_s, 2),
        "outage_lost": max(0, expected - found),
        "outage_doubled": max(0, found - expected),
    }
    live_s = messages / per_s / 60
    return figures, {
        "outage_messages": f"{waiting} values in the journal: {live_s:.3g} minutes at {per_s:g} a "
        f"second, {messages / HOUR:.2g} of the hour (--outage-messages {HOUR})",
        "outage_down_rules_p99_ms": "from sending until judged, the database away",
        "outage_rules_p99_ms": f"while catching up, {sum(timed.counts)} messages",
        "outage_first_write_s": f"after it answered; the writer waits up to {BACK_OFF_S[1]:g} s",
        "catch_up_ratio": f"stored to arriving, {per_s:g} a second live",
        "outage_lost": f"of {expected} values, counted in InfluxDB",
    }

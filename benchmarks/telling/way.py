"""The whole way of a danger: published to MQTT, until the webhook of the guard post has it.

Real processes on the same cores: broker, database, the watch with all packs, the desk and the people
who look at its pages, calm devices at a steady pace, and the receiver. A few times a second the power
at one more socket is far too high, for which a shipped rule rings at once. Where the time goes is told
by what the watch itself wrote down: when the message came in, and when its decision was taken.
"""

import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from alerts.registry.model import Address, ChannelKind, Registry
from alerts.store import tables as t
from alerts.store.database import Database
from benchmarks import process
from benchmarks.drain import village
from benchmarks.drain.drains import DEVICES, Figures, Notes
from benchmarks.drain.house import House
from benchmarks.drain.latency import PAGES_PER_S, PER_S, WARM_S, people, seen_by, share
from benchmarks.drain.load import TIMEOUT_S, connect, published
from benchmarks.drain.measure import CONNECT_S
from benchmarks.drain.paced import Pace
from benchmarks.telling import estate
from benchmarks.telling.hooks import Came, Hooks

BREACHES_PER_S = 4.0
SECONDS = 30.0
ARRIVE_S = 10.0  # for the last of them
Socket = tuple[str, str]


class Step(NamedTuple):
    """Milliseconds since 1970 at which the reading came in, and its decision was taken."""

    seen: float
    taken: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of breaches, each by its socket."""

    sent: dict[Socket, float]
    steps: dict[Socket, Step]
    came: dict[Socket, list[float]]


def way(
    folder: Path,
    database: str = "",
    *,
    per_s: float = PER_S,
    pages_per_s: float = PAGES_PER_S,
    seconds: float = SECONDS,
    warm_s: float = WARM_S,
) -> tuple[Figures, Notes]:
    """The figures of so many seconds, after some that do not count; ``database`` as a URL."""
    with Hooks(folder / "hooks.log") as hooks:
        address = Address(channel=ChannelKind.WEBHOOK, to=hooks.url)
        with House(
            folder / "house",
            DEVICES,
            desk=True,
            known=both(village.registry(DEVICES), estate.registry(address)),
            database=database,
            more=f'[notices]\nallow = ["127.0.0.1:{hooks.port}"]\n',
        ) as house:
            house.tell(range(5))
            house.settle()
            span_s = warm_s + seconds + warm_s
            with Pace(house.broker, DEVICES, per_s, span_s, folder / "devices.log") as pace:
                time.sleep(warm_s)
                cores = process.cores_s()
                with people(house, pages_per_s, seconds, folder / "people.log") as crowd:
                    sent = breach(house.broker.host, house.broker.port, seconds)
                    seen = seen_by(crowd, folder / "people.log")
                cores_after = process.cores_s()
                paced = pace.wait(span_s + CONNECT_S)
            house.sent += paced.messages
            time.sleep(ARRIVE_S)
            url = database or f"sqlite:///{house.config.parent / 'state' / 'operations.db'}"
            found = gather(url, sent, hooks.end())
    busy = (cores_after[0] - cores[0]) / (cores_after[1] - cores[1])
    return {
        **_figures(found),
        "way_msgs_per_s": round(paced.messages / paced.seconds),
        "way_pages_per_s": round(seen.pages / seen.seconds, 1),
        "way_cores_busy_percent": round(busy * 100),
    }, {
        "reading_to_webhook_p99_ms": f"of {len(sent)} breaches, {BREACHES_PER_S:g} a second",
        "reading_to_arrival_p99_ms": "until intake has it",
        "arrival_to_decision_p99_ms": "through journal, fsync and rules",
        "decision_to_webhook_p99_ms": "commit, outbox, channel",
        "way_pages_per_s": f"{pages_per_s:g} asked for, p99 {seen.p99_ms:g} ms",
    }


def both(one: Registry, other: Registry) -> Registry:
    """All places, devices and people of two registries of the same site."""
    return replace(
        one,
        places=one.places + other.places,
        devices=one.devices + other.devices,
        people=one.people + other.people,
    )


def breach(
    host: str, port: int, seconds: float, per_s: float = BREACHES_PER_S
) -> dict[Socket, float]:
    """One message about one socket each time; when each was sent (ms since 1970)."""
    sent: dict[Socket, float] = {}
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        connect(line, "bench-breaches", version=4)
        began_s = time.monotonic()
        # One in each shed: what happens in one within minutes is told as one.
        for nth in range(min(round(seconds * per_s), estate.SHEDS)):
            time.sleep(max(0.0, began_s + nth / per_s - time.monotonic()))
            # Sheds by turn, so that neighbours in time are different devices.
            shed, number = nth % estate.SHEDS, nth // estate.SHEDS
            at_s = time.time()
            head = f'"bn":"{estate.shed(shed)}/{estate.port(number)}/","bt":{at_s},"run":"breach"'
            body = f'[{{{head},"seq":{number},"n":"power","u":"W","v":2500.0}}]'.encode()
            topic = f"shouwang/v1/{village.SITE}/{estate.box(shed)}/readings"
            line.sendall(published(topic, body, nth % 65_535 + 1))
            sent[estate.shed(shed), estate.port(number)] = at_s * 1000
        line.sendall(b"\xe0\x00")
    return sent


def gather(url: str, sent: dict[Socket, float], came: list[Came]) -> Found:
    """What came, by the socket that it is about, with the steps that the database knows."""
    i, word = t.incident.c, t.transition.c
    query = (
        select(i.id, i.place, i.port, word.seen_ms, word.taken_at)
        .join(t.transition, word.incident == i.id)
        .where(i.rule == estate.OVERPOWER)
    )
    database = Database(url)
    try:
        with database.read() as connection:
            rows = connection.execute(query).all()
    finally:
        database.close()
    sockets = {row.id: (row.place, row.port) for row in rows}
    found: dict[Socket, list[float]] = {}
    for each in came:
        if each.incident in sockets:
            found.setdefault(sockets[each.incident], []).append(each.at_ms)
    steps = {
        (row.place, row.port): Step(row.seen_ms, row.taken_at.timestamp() * 1000) for row in rows
    }
    return Found(sent=sent, steps=steps, came=found)


def _figures(found: Found) -> Figures:
    whole = [found.came[each][0] - at for each, at in found.sent.items() if each in found.came]
    known = [(found.sent[each], *step) for each, step in found.steps.items() if each in found.sent]
    last = [
        found.came[each][0] - step.taken for each, step in found.steps.items() if each in found.came
    ]
    return {
        "reading_to_webhook_p50_ms": round(share(whole, 0.5), 1),
        "reading_to_webhook_p99_ms": round(share(whole, 0.99), 1),
        "reading_to_webhook_worst_ms": round(max(whole, default=0.0), 1),
        "reading_to_arrival_p99_ms": round(share([b - a for a, b, _ in known], 0.99), 1),
        "arrival_to_decision_p99_ms": round(share([c - b for _, b, c in known], 0.99), 1),
        "decision_to_webhook_p99_ms": round(share(last, 0.99), 1),
        "notices_missing": len(found.sent) - len(whole),
        "notices_doubled": sum(len(times) - 1 for times in found.came.values()),
    }

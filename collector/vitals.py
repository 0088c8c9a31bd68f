"""The watch's word about itself: gathered and written each second."""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from collector.health import DeviceSeen, Part, WatchStatus, write_watch
from collector.muster import Muster

if TYPE_CHECKING:
    from collector.watch import Watch

log = logging.getLogger("collector.watch")

PROBLEMS_MOST = 20  # listed; a pack that is wrong throughout may have hundreds
WRITE_S = 1.0  # real seconds
PROBE_S = 0.05  # between two looks at how late the loop is


class Vitals:
    """``run`` writes the status file until cancelled; ``status`` is what it writes."""

    def __init__(self, watch: "Watch") -> None:
        self._watch = watch
        self._started_ms = watch.clock.now_ms()
        self._since: dict[str, tuple[bool, int]] = {}
        self._lag_s = 0.0
        self._muster = Muster(watch.listening.roll)

    @property
    def devices(self) -> tuple[DeviceSeen, ...]:
        """Every device as it was seen last; of many, some seconds ago."""
        return self._muster.devices

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        path = self._watch.config.watch_path
        next_s = loop.time()
        while True:
            if loop.time() >= next_s:
                next_s = loop.time() + WRITE_S
                self._watch.condition.note_loop(self._lag_s)
                await self._muster.look(loop.time())
                write_watch(path, replace(self.status(), devices=()), self._muster.encoded)
                self._lag_s = 0.0
            due_s = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self._lag_s = max(self._lag_s, loop.time() - due_s)

    def status(self) -> WatchStatus:
        watch = self._watch
        now_ms = watch.clock.now_ms()
        counters = asdict(watch.listening.counts) | {
            "stored": watch.writer.stored,
            "transitions": watch.judging.transitions,
            "refused": watch.judging.refused,
            "receipts": watch.listening.receipts.sent,
            "commands": watch.commanding.sent,
            "commits": watch.journaling.commits,
            "falls": watch.falls.count,
            "needed": watch.tending.needed,
            "letters_lost": watch.journaling.letters_lost,
            "synthetic_passed": watch.synthetic.passed,
        }
        if watch.deadman is not None:
            counters["deadman_pinged"] = watch.deadman.pinged
        for queue in watch.receipt_queues:
            for effect, count in queue.counts.items():
                name = f"provider_{effect.replace('-', '_')}"
                counters[name] = counters.get(name, 0) + count
        uplinks = watch.uplinks.values()
        if uplinks:
            counters["uplink_sent"] = sum(one.sent for one in uplinks)
            counters["uplink_again"] = sum(one.again for one in uplinks)
            counters["uplink_late"] = sum(one.reports.late for one in uplinks)
            counters["uplink_expired"] = sum(one.reports.expired for one in uplinks)
        if watch.config.listener:
            counters |= {f"peers_{name}": n for name, n in asdict(watch.listeners.counts).items()}
        return WatchStatus(
            at_ms=now_ms,
            started_ms=self._started_ms,
            pid=os.getpid(),
            parts=tuple(self._parts(now_ms)),
            counters=counters,
            depth={name: follower.depth for name, follower in watch.followers.items()},
            lag_s={
                name: follower.lag_ms(now_ms) / 1000 for name, follower in watch.followers.items()
            },
            delays={"rules": watch.judging.delays, "store": watch.writer.delays},
            writes=watch.writer.writes,
            store_away_s=watch.condition.store_away_s,
            outbox=watch.condition.outbox_seen(),
            disk_free_bytes=watch.condition.disk_free_bytes,
            disk_bytes=watch.condition.disk_bytes,
            loop_lag_s=self._lag_s,
            journal=watch.journaling.id,
            position=watch.journaling.last,
            journal_bytes=watch.tending.bytes,
            journal_entries=watch.tending.entries,
            journal_oldest_ms=watch.tending.oldest_ms,
            set_aside=watch.tending.set_aside,
            journal_share=watch.tending.share,
            devices=self.devices,
            missing={
                "/".join(who): {kind.value: count for kind, count in found.items()}
                for who, found in watch.accounts.missing.items()
            },
            letters=watch.tending.letters,
            floods=watch.listening.flooded(),
            synthetic=watch.synthetic.seconds,
        )

    def _parts(self, now_ms: int) -> list[Part]:
        watch, fallen = self._watch, self._watch.falls.why
        problems = watch.judging.engine.problems
        whys = {
            "link": _first(watch.listening.why, fallen.get("link"), fallen.get("sight")),
            "journal": _first(
                watch.journaling.why,
                watch.tending.why,
                fallen.get("journal-care"),
                fallen.get("gaps"),
            ),
            "rules": _first(
                watch.judging.why,
                watch.judging.refusal,
                fallen.get("rules"),
                watch.packs.why,
                fallen.get("packs"),
                _listed([str(problem) for problem in problems]),
            ),
            "store": _first(
                watch.writer.why, watch.roll_up.why, fallen.get("store"), fallen.get("roll-up")
            ),
            "operations": _first(
                watch.operating.why,
                *(
                    fallen.get(name)
                    for name in (
                        "operations",
                        "registry",
                        "climb",
                        "notices",
                        "late-notices",
                        "orders",
                        "announcers",
                        "reports",
                        "condition",
                    )
                ),
            ),
        }
        # A part that nobody has set up neither works nor fails.
        if watch.config.listener:
            whys["listeners"] = _first(watch.listeners.why, fallen.get("listeners"))
        if watch.uplinks:
            whys["uplinks"] = _first(
                *(one.why for one in watch.uplinks.values()),
                *(fallen.get(name) for name in watch.uplinks),
            )
        whys["whole-way"] = _first(watch.synthetic.why, fallen.get("whole-way"))
        if watch.lines:
            whys["replies"] = _first(
                *(line.why for line in watch.lines),
                *(fallen.get(f"replies-{line.name}") for line in watch.lines),
            )
        if watch.receipt_queues:
            whys["receipts"] = _first(
                *(queue.why for queue in watch.receipt_queues),
                *(fallen.get(f"receipts-{queue.name}") for queue in watch.receipt_queues),
            )
        if watch.deadman is not None:
            whys["dead-man"] = _first(watch.deadman.why, fallen.get("dead-man"))
        return [self._part(name, why, now_ms) for name, why in whys.items()]

    def _part(self, name: str, why: str, now_ms: int) -> Part:
        ok = not why
        was = self._since.get(name)
        if was is None or was[0] != ok:
            # At the start a part that is still opening is no news.
            if was is not None:
                log.log(logging.INFO if ok else logging.WARNING, "%s: %s", name, why or "works")
            self._since[name] = was = ok, now_ms
        return Part(name=name, ok=ok, why=why, since_ms=was[1])


def _listed(problems: Sequence[str]) -> str:
    """All of them, as far as they can be read on a page."""
    more = len(problems) - PROBLEMS_MOST
    return "; ".join([*problems[:PROBLEMS_MOST], *([f"and {more} more"] if more > 0 else [])])


def _first(*whys: str | None) -> str:
    return next((why for why in whys if why), "")

"""From a peer's message to the journal: who may speak from where, bound, judged, written, counted."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from alerts.registry.model import Format, Registry
from alerts.rules.inputs import What
from collector.decoders.foreign import Mapping
from collector.decoders.port import Told
from collector.intake import Judged
from collector.journaling import Journaling, Work
from collector.listeners import strangers
from collector.listeners.port import Heard, Recent
from edge.clock import Clock
from edge.journal.rows import DeadLetter

AWAY_S = 180.0  # real seconds without a connection until a board that keeps one is called offline
RAW_MOST = 4_096


Tell = Callable[[Mapping, Told, str, bytes, int], Judged]
"""Intake's: (mapping, told, topic, raw, now in ms)."""


class HouseDoor:
    """``tell`` binds and judges as intake does; ``noted`` hears of each message once it is on disk."""

    def __init__(
        self, journaling: Journaling, clock: Clock, tell: Tell, noted: Callable[[Judged], None]
    ) -> None:
        self._tell = tell
        self._journaling = journaling
        self._clock = clock
        self._noted = noted
        self._mappings: dict[tuple[str, str], Mapping] = {}
        self._recent = Recent()
        self._speaking: dict[tuple[str, str], int] = {}
        self._leaving: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def use(self, registry: Registry) -> None:
        """From now on this registry says who is who."""
        self._mappings = {
            (device.format.value, device.address.lower()): Mapping(device)
            for device in registry.devices
            if device.format in (Format.HJ212, Format.AP3000)
        }

    def refusal(self, format: str, address: str, peer: str) -> str:
        mapping = self._mappings.get((format, address.lower()))
        device = None if mapping is None else mapping.device
        return strangers.refusal(device, format, peer)

    def take(self, format: str, topic: str, heard: Heard) -> "asyncio.Future[object]":
        mapping = self._mappings[format, heard.address.lower()]
        told = replace(heard.told, online=True)
        doubles = 0
        if self._recent.is_double(heard.key):
            doubles = len(told.records)
            told = Told(online=True)
        judged = self._tell(mapping, told, topic, heard.raw, self._clock.now_ms())
        judged.counts.doubles += doubles
        return self._write(judged)

    def bury(self, topic: str, reason: str, raw: bytes) -> "asyncio.Future[object]":
        judged = Judged()
        judged.counts.dead += 1
        letter = DeadLetter(
            topic=topic[:512], reason=reason, raw=raw[:RAW_MOST], at_ms=self._clock.now_ms()
        )
        judged.letters.append(letter)
        return self._write(judged)

    def came(self, format: str, address: str) -> None:
        key = (format, address)
        self._speaking[key] = self._speaking.get(key, 0) + 1
        if leaving := self._leaving.pop(key, None):
            leaving.cancel()

    def left(self, format: str, address: str) -> None:
        """A board keeps its connection, so its end means something; a station may dial each time."""
        key = (format, address)
        self._speaking[key] -= 1
        if self._speaking[key]:
            return
        del self._speaking[key]
        if format == Format.AP3000:
            loop = asyncio.get_running_loop()
            self._leaving[key] = loop.call_later(AWAY_S, self._gone, key)

    def close(self) -> None:
        """Nobody is called offline any more."""
        for leaving in self._leaving.values():
            leaving.cancel()
        self._leaving.clear()

    def _gone(self, key: tuple[str, str]) -> None:
        self._leaving.pop(key, None)
        mapping = self._mappings.get((key[0], key[1].lower()))
        if mapping is not None:
            told, topic = Told(online=False), "/".join(key)
            self._write(self._tell(mapping, told, topic, b"", self._clock.now_ms()))

    def _write(self, judged: Judged) -> "asyncio.Future[object]":
        now_ms = self._clock.now_ms()
        said: list[tuple[int, What]] = [(now_ms, word) for word in judged.said]
        said += [(now_ms, what) for what in judged.measured]
        work = Work(said=said, letters=judged.letters)
        done: asyncio.Future[object] = asyncio.ensure_future(self._journaling.submit(work))
        done.add_done_callback(lambda done: done.cancelled() or self._noted(judged))
        return done

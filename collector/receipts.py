"""Receipts: which readings are on disk, told to the devices, merged while the link is busy."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from edge.contract.ranges import Ranges, encode_received
from edge.contract.topics import ROOT, Kind

# Real seconds of rest for each device told, and at most between two rounds: under load more is merged,
# at a twentieth of a processor, and a device's window is still kept moving; with few there is hardly any.
REST_S, REST_MOST_S = 0.001, 0.25
MOST_INTERVALS = 2_000  # per message: some 40 kB; the rest goes in the next one


class Publishes(Protocol):
    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> int: ...


class Receipts:
    """A receipt that is lost costs nothing: the device sends again, and is told again."""

    def __init__(self) -> None:
        self.sent = 0
        self._due: dict[str, dict[str, list[tuple[int, int]]]] = {}
        self._asked = asyncio.Event()

    def add(self, intervals: Mapping[str, Mapping[str, list[tuple[int, int]]]]) -> None:
        """By stream (``site/device``) and run, intervals that are on disk."""
        for stream, runs in intervals.items():
            due = self._due.get(stream)
            if due is None:  # nothing to merge with, as mostly where devices are many
                self._due[stream] = dict(runs)
                continue
            for run, pairs in runs.items():
                due[run] = list(Ranges((*due.get(run, ()), *pairs)))
        if intervals:
            self._asked.set()

    async def run(self, link: Publishes) -> None:
        """Tell the devices until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            due, self._due = self._due, {}
            messages = [
                (f"{ROOT}/{stream}/{Kind.RECEIVED.value}", payload)
                for stream, runs in due.items()
                for payload in _payloads(runs)
            ]
            self.sent += await link.publish_all(messages)
            await asyncio.sleep(min(REST_MOST_S, len(due) * REST_S))


def _payloads(runs: Mapping[str, Sequence[tuple[int, int]]]) -> list[bytes]:
    """The payloads of one device; one, unless there are very many gaps."""
    if sum(map(len, runs.values())) <= MOST_INTERVALS:
        return [encode_received(runs)]
    pairs = [(run, pair) for run, ranges in runs.items() for pair in ranges]
    payloads = []
    for start in range(0, len(pairs), MOST_INTERVALS):
        part: dict[str, list[tuple[int, int]]] = {}
        for run, pair in pairs[start : start + MOST_INTERVALS]:
            part.setdefault(run, []).append(pair)
        payloads.append(encode_received(part))
    return payloads

"""The roll of devices: who is online, and when each was last heard."""

from dataclasses import replace

from collector.health import DeviceSeen
from collector.judged import Judged
from collector.skew import Skews
from edge.contract.reading import Batch
from edge.contract.status import MOST_CUTS, State

_WAITING, _CLOCK = "journal-depth", "clock-offset"


class Roll:
    """What devices have said since the watch began; the journal's own past is the rules' matter.

    ``speed`` is the house clock's.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._seen: dict[tuple[str, str], DeviceSeen] = {}
        self._heard_ms: dict[tuple[str, str], int] = {}
        self._skews = Skews(speed)
        self._sorted: tuple[tuple[int, int], list[tuple[str, str]]] = (0, 0), []
        """All in order, and of how many."""

    def note(self, judged: Judged, now_ms: int) -> None:
        """What was just journalled."""
        for said in judged.said:
            online = said.status.state is State.ONLINE
            seen = replace(self._of(said.site, said.device), online=online)
            if said.status.firmware:
                seen = replace(seen, firmware=said.status.firmware)
            if said.status.cuts_ms:
                cuts_ms = dict.fromkeys((*seen.cuts_ms, *said.status.cuts_ms))
                seen = replace(seen, cuts_ms=tuple(cuts_ms)[-MOST_CUTS:])
            self._seen[said.site, said.device] = seen
        self._note_clocks(judged, now_ms)
        for batch in judged.batches:
            device = batch.site, batch.device
            self._heard_ms[device] = now_ms
            if "" not in batch.place:
                continue  # nothing about the device itself
            if _WAITING in batch.metric:
                value = _last(batch, _WAITING)
                waiting = None if value is None else int(value)
                self._seen[device] = replace(self._of(*device), waiting=waiting)
            if _CLOCK in batch.metric:
                clock_s = _last(batch, _CLOCK)
                self._seen[device] = replace(self._of(*device), clock_s=clock_s)

    def keys(self) -> list[tuple[str, str]]:
        """Site and device of all, in order."""
        known = len(self._seen), len(self._heard_ms)  # nobody is ever taken out
        if known != self._sorted[0]:
            self._sorted = known, sorted(self._seen.keys() | self._heard_ms)
        return self._sorted[1]

    def one(self, key: tuple[str, str]) -> DeviceSeen:
        """What is known of this one now."""
        seen_ms, skew_s = self._heard_ms.get(key), self._skews.of(key)
        seen = self._seen.get(key)
        if seen is None:  # it has said nothing of itself, as most of many
            return DeviceSeen(site=key[0], device=key[1], seen_ms=seen_ms, skew_s=skew_s)
        return replace(seen, seen_ms=seen_ms, skew_s=skew_s)

    def _note_clocks(self, judged: Judged, now_ms: int) -> None:
        for device, lead_ms in judged.leads.items():
            self._skews.note(device, -lead_ms, now_ms)
        for batch in judged.batches[: self._skews.looks(now_ms)]:
            device = batch.site, batch.device
            # Without a run it is a device of others, whose times are the arrival's or an interval's.
            if batch.run and batch.is_news and device not in judged.leads:
                self._skews.note(device, now_ms - batch.at_ms[-1], now_ms)

    def _of(self, site: str, device: str) -> DeviceSeen:
        return self._seen.get((site, device)) or DeviceSeen(site=site, device=device)


def _last(batch: Batch, metric: str) -> float | None:
    return batch.value[len(batch) - 1 - batch.metric[::-1].index(metric)]

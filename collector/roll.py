"""The roll of devices: who is online, and when each was last heard."""

from dataclasses import replace
from typing import Any

from collector.health import DeviceSeen
from collector.intake import Judged
from edge.contract.reading import Batch
from edge.contract.status import MOST_CUTS, State

_WAITING, _CLOCK = "journal-depth", "clock-offset"


class Roll:
    """What devices have said since the watch began; the journal's own past is the rules' matter."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], DeviceSeen] = {}

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
        heard: dict[tuple[str, str], dict[str, Any]] = {}
        for batch in judged.batches:
            told = heard.setdefault((batch.site, batch.device), {})
            if _WAITING in batch.metric:
                value = _last(batch, _WAITING)
                told["waiting"] = None if value is None else int(value)
            if _CLOCK in batch.metric:
                told["clock_s"] = _last(batch, _CLOCK)
        for (site, device), told in heard.items():
            self._seen[site, device] = replace(self._of(site, device), seen_ms=now_ms, **told)

    def all(self) -> tuple[DeviceSeen, ...]:
        return tuple(self._seen[key] for key in sorted(self._seen))

    def _of(self, site: str, device: str) -> DeviceSeen:
        return self._seen.get((site, device)) or DeviceSeen(site=site, device=device)


def _last(batch: Batch, metric: str) -> float | None:
    return batch.value[len(batch) - 1 - batch.metric[::-1].index(metric)]

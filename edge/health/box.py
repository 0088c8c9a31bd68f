"""What the agent says of its box at each round: what its loop knows at once, the rest by probes."""

from collections.abc import Callable, Iterator, Mapping

from edge.clock import Time
from edge.config import EdgeConfig
from edge.health.board import Board
from edge.health.card import Card
from edge.health.modem import Modem
from edge.health.probe import Probe
from edge.health.room import Fill, Rate, hours_left
from edge.health.rounds import Rounds
from edge.journal.notebook import Notebook
from edge.runner import Measured
from edge.sensors.port import Sample

MOST_NAMED = 3  # sensors beside their count: each has a name of up to 64 characters


class Box:
    """Begins with the run; ``hand_over`` gets what the probes tell, later and from their threads."""

    def __init__(
        self, config: EdgeConfig, notebook: Notebook, clock: Time,
        hand_over: Callable[[Measured], None],
    ) -> None:  # fmt: skip
        self._journal = config.journal
        self._notebook = notebook
        self._since_ms = clock.now_ms()
        self._rate = Rate(notebook.measured, self._since_ms)
        self._card = Card(
            config.journal.path.parent, tbw=config.health.card_tbw, mark=notebook.mark("~card")
        )
        probes: list[Probe] = [Board(), self._card]
        modem = Modem.found(config.health.mmcli) if config.health.modem else None
        if modem is not None:
            probes.append(modem)
        self._rounds = Rounds(probes, hand_over, clock.now_ms)

    def clock_set(self, by_ms: int) -> None:
        """The clock was set forward, or back when it is negative."""
        self._since_ms += by_ms
        self._rate.at_ms += by_ms

    def ask(self, now_ms: int, faults: Mapping[str, int]) -> Iterator[Sample]:
        """Begin a round, and give what is known without one; ``faults`` by sensor. JournalError."""

        def of(metric: str, value: float, reason: str = "") -> Sample:
            return Sample("", "", metric, value, now_ms, reason=reason)

        self._rounds.ask()
        notebook, journal = self._notebook, self._notebook.journal
        yield of("journal-depth", notebook.depth)
        yield of("uptime", round((now_ms - self._since_ms) / 1000))
        yield of("sensor-errors", sum(faults.values()), worst(faults))
        per_h = self._rate.look(notebook.measured, now_ms)
        if per_h is not None:
            oldest = journal.pending(1)
            fill = Fill(
                rows=journal.depth,
                size_bytes=journal.size_bytes,
                oldest_ms=oldest[0].at_ms if oldest else None,
                free_bytes=self._card.free_bytes,
            )
            caps = self._journal
            left = hours_left(
                fill, per_h, now_ms, max_bytes=caps.max_bytes, max_age_ms=caps.max_age_ms
            )
            yield of("journal-hours", round(left))


def worst(faults: Mapping[str, int]) -> str:
    """The sensors with most faults, by name and count; empty when there is none."""
    some = sorted((-count, name) for name, count in faults.items() if count)
    rest = f", {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
    return ", ".join(f"{name} {-count}" for count, name in some[:MOST_NAMED]) + rest

"""The watch's status as Prometheus text (exposition format 0.0.4): one table of families.

``/metrics`` and ``docs/metrics.md`` (``collector/metrics_page.py``) are both made of it. Units are
base units: seconds, bytes, ratios from 0 to 1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from collector.delays import Delays
from collector.health import DeviceSeen, WatchStatus

PREFIX = "shouwang_"

Sample = tuple[tuple[str, ...], float]
"""The values of the labels, in the family's order, and the figure."""


class Kind(StrEnum):
    COUNTER = "counter"  # rises from the start of the watch; its name ends in _total
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: ``of`` gives its samples; a histogram's are ``Delays``."""

    name: str
    kind: Kind
    text: str
    of: Callable[[WatchStatus], Iterable[Sample]] | Callable[[WatchStatus], Delays | None]
    labels: tuple[str, ...] = ()


def _counter(name: str, text: str) -> Family:
    def of(status: WatchStatus) -> list[Sample]:
        return [((), status.counters[name])] if name in status.counters else []

    return Family(f"{name}_total", Kind.COUNTER, text, of)


def _gauge(
    name: str, text: str, of: Callable[[WatchStatus], Iterable[Sample]], *labels: str
) -> Family:
    return Family(name, Kind.GAUGE, text, of, labels)


def _figure(name: str, text: str, of: Callable[[WatchStatus], float | None]) -> Family:
    """A gauge of one figure; None is not told."""

    def samples(status: WatchStatus) -> list[Sample]:
        value = of(status)
        return [] if value is None else [((), value)]

    return Family(name, Kind.GAUGE, text, samples)


def _device(name: str, text: str, of: Callable[[DeviceSeen], float | None]) -> Family:
    """A gauge of each device of which there is something to tell."""

    def samples(status: WatchStatus) -> Iterator[Sample]:
        for device in status.devices:
            value = of(device)
            if value is not None:
                yield (device.site, device.device), value

    return Family(name, Kind.GAUGE, text, samples, ("site", "device"))


def _missing(status: WatchStatus) -> Iterator[Sample]:
    for who, kinds in status.missing.items():
        for kind, count in kinds.items():
            yield (*_who(who), kind), count


def _skews(status: WatchStatus) -> Iterator[Sample]:
    for device in status.devices:
        for by, skew_s in (("device", device.clock_s), ("arrival", device.skew_s)):
            if skew_s is not None:
                yield (device.site, device.device, by), skew_s


def _who(name: str) -> tuple[str, str]:
    """Site and device of ``site/device``; what is no device's own has no site."""
    site, slash, device = name.partition("/")
    return (site, device) if slash else ("", name)


FAMILIES: tuple[Family, ...] = (
    # What came in, and what became of it.
    _counter("messages", "Messages that came from the broker or a listener."),
    _counter("readings", "Readings journalled."),
    _counter("doubles", "Readings that were held already."),
    _counter("dead", "Readings and messages refused; they are dead letters."),
    _counter("dropped", "Readings that devices announced as dropped by their own cap."),
    _counter("needed", "Readings that the journal's cap took before every consumer had them."),
    _counter("stale", "Retained readings, ignored."),
    _counter("ignored", "Values of foreign devices that nobody asked for."),
    _counter("shifted", "Readings whose times could not be, dated by their arrival."),
    _counter("replayed", "Readings of dead letters that were taken in after all."),
    _counter("flooded", "Messages beyond a device's allowance, dropped."),
    _counter("letters_lost", "Dead records whose bytes a cap took."),
    _counter("suspect", "Readings judged suspect."),
    _counter("failed", "Readings judged fail."),
    _counter("stored", "Readings of devices that the store has taken."),
    _counter("transitions", "Transitions of rules."),
    _counter("refused", "Transitions that the operations database refused; they are dead letters."),
    _counter("receipts", "Receipts sent to devices."),
    _counter("commands", "Commands sent to devices."),
    _counter("results", "Answers of devices to commands."),
    _counter("refusals", "Commands that devices refused."),
    _counter("presses", "Presses of an announcer's button."),
    _counter("commits", "Transactions of the journal."),
    _counter("falls", "Tasks that fell and were started again."),
    _counter("provider_taken", "Receipts of calls by which somebody took over."),
    _counter("provider_too_late", "Receipts of calls in which 1 was pressed and took over nothing."),
    _counter("provider_failed", "Receipts by which a call or an SMS that was accepted is rejected."),
    _counter("provider_noted", "Receipts of calls and SMS written down beside their notice."),
    _counter("provider_known", "Receipts of calls and SMS that said nothing new."),
    _counter("provider_foreign", "Receipts of calls and SMS that this service does not send."),
    _counter("provider_unreadable", "Receipts of calls and SMS that could not be read; deleted."),
    _counter("provider_let_go", "Receipts of calls and SMS that fitted no notice for long; deleted."),
    _counter("uplink_sent", "Reports that a bureau has acknowledged."),
    _counter("uplink_again", "Reports that were not acknowledged and are sent again."),
    _counter("uplink_late", "Readings that came after their report had gone."),
    _counter("uplink_expired", "Reports given up after the time they are kept."),
    _counter("peers_connections", "Connections of devices that speak TCP."),
    _counter("peers_refused", "Connections beyond the bound of a listener."),
    _counter("peers_heard", "Messages of devices that speak TCP."),
    _counter("peers_noise", "Pieces of noise where a message was expected; dead letters."),
    _counter("peers_strangers", "Messages of unregistered devices, or from another address."),
    _counter("peers_lost", "Bytes that a relay passed on and could not read."),
    _counter("peers_falls", "Connections that fell by a bug."),
    _counter("strays", "Messages in the server's own name that it did not send just now; ignored."),
    _counter("synthetic_passed", "Synthetic readings that came the whole way."),
    _counter("deadman_pinged", "Pings that the outside dead-man has taken."),
    _gauge("dead_letters", "Dead records that lie there, by class of reason.",
           lambda status: (((why,), count) for why, count in status.letters.items()), "why"),
    # The parts.
    _gauge("part_up", "Whether a part of the watch works (1) or not (0).",
           lambda status: (((part.name,), int(part.ok)) for part in status.parts), "part"),
    _gauge("part_since_timestamp_seconds", "Since when it is so (house clock).",
           lambda status: (((part.name,), part.since_ms / 1000) for part in status.parts), "part"),
    _figure("event_loop_lag_seconds", "How late the watch's loop was, at most, in the last second.",
            lambda status: status.loop_lag_s),
    _figure("house_timestamp_seconds", "The house clock.", lambda status: status.at_ms / 1000),
    _figure("watch_start_timestamp_seconds", "When the watch began (house clock).",
            lambda status: status.started_ms / 1000),
    _figure("disk_free_bytes", "Room left on the disk of the state folder.",
            lambda status: status.disk_free_bytes),
    _figure("disk_size_bytes", "The size of that disk.", lambda status: status.disk_bytes),
    # The journal and its consumers.
    _figure("journal_position", "The last position of the journal.", lambda status: status.position),
    _figure("journal_entries", "Entries in the journal.", lambda status: status.journal_entries),
    _figure("journal_bytes", "The journal's size.", lambda status: status.journal_bytes),
    _figure("journal_age_seconds", "The age of its oldest entry (house time).",
            lambda status: None if status.journal_oldest_ms is None
            else max(0, status.at_ms - status.journal_oldest_ms) / 1000),
    _figure("journal_pending_ratio", "The part of its cap taken by what is still to be used.",
            lambda status: status.journal_share / 100),
    _figure("journals_set_aside", "Damaged journals that lie beside it.",
            lambda status: status.set_aside),
    _gauge("consumer_depth", "Journal entries a consumer has not done with.",
           lambda status: (((name,), depth) for name, depth in status.depth.items()), "consumer"),
    _gauge("consumer_lag_seconds", "The age (house time) of what a consumer has come to; 0 when it has all.",
           lambda status: (((name,), lag) for name, lag in status.lag_s.items()), "consumer"),
    Family("rules_delay_seconds", Kind.HISTOGRAM,
           "From an entry's arrival until the rules had judged it (house time).",
           lambda status: status.delays.get("rules")),
    # The store.
    Family("store_delay_seconds", Kind.HISTOGRAM,
           "From an entry's arrival until it was stored, as of the oldest of each write (house time).",
           lambda status: status.delays.get("store")),
    Family("store_write_seconds", Kind.HISTOGRAM, "How long the store's writes took.",
           lambda status: status.writes),
    _figure("store_away_seconds", "For how long the store has taken nothing; 0 while it does.",
            lambda status: status.store_away_s),
    # The outbox.
    _gauge("outbox_notices", "Notices that are due (waiting) or were tried in vain (retrying).",
           lambda status: ((("waiting",), status.outbox.waiting),
                           (("retrying",), status.outbox.retrying)), "state"),
    _figure("outbox_oldest_seconds", "For how long the oldest of them has been due; 0 without any.",
            lambda status: status.outbox.oldest_s),
    _figure("outbox_stuck_seconds", "For how long none of them has moved; 0 without any.",
            lambda status: status.outbox.stuck_s),
    Family("notices_total", Kind.COUNTER, "Attempts to send, by how they ended.",
           lambda status: (((name,), n) for name, n in status.outbox.attempts.items()), ("outcome",)),
    _gauge("synthetic_stage_seconds", "The last synthetic reading, by stage.",
           lambda status: (((stage,), took) for stage, took in status.synthetic.items()), "stage"),
    # The devices.
    _figure("devices_online", "Devices that say online.",
            lambda status: sum(device.online for device in status.devices)),
    _device("device_up", "Whether a device says online (1) or not (0).",
            lambda device: int(device.online)),
    _device("device_seen_timestamp_seconds", "When a device was last heard (house clock).",
            lambda device: None if device.seen_ms is None else device.seen_ms / 1000),
    _device("device_waiting_readings", "Readings that a device still holds, as it says.",
            lambda device: device.waiting),
    _gauge("device_clock_skew_seconds",
           "How far a device's clock is ahead (negative: behind), as it says or by its packs' arrival.",
           _skews, "site", "device", "by"),
    _gauge("device_missing_readings", "Readings that never came although later ones did, by kind.",
           _missing, "site", "device", "kind"),
    Family("device_flooded_total", Kind.COUNTER, "Messages beyond a device's allowance, dropped.",
           lambda status: ((_who(who), count) for who, count in status.floods.items()),
           ("site", "device")),
)  # fmt: skip


def prometheus(status: WatchStatus) -> str:
    """Every family of which there is something to tell."""
    return "".join(f"{line}\n" for family in FAMILIES for line in _lines(family, status))


def _lines(family: Family, status: WatchStatus) -> list[str]:
    found, name = family.of(status), PREFIX + family.name
    if found is None:
        return []
    if isinstance(found, Delays):
        samples = list(_histogram(name, found))
    else:
        samples = [
            f"{name}{_labels(family.labels, values)} {_number(value)}" for values, value in found
        ]
    head = [f"# HELP {name} {family.text}", f"# TYPE {name} {family.kind}"]
    return head + samples if samples else []


def _histogram(name: str, delays: Delays) -> Iterator[str]:
    counts = delays.cumulative()
    for bound, count in counts:
        yield f"{name}_bucket{_labels(('le',), (bound,))} {count}"
    yield f"{name}_sum {_number(delays.sum_s)}"
    yield f"{name}_count {counts[-1][1]}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}".rstrip("0").rstrip(".")


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    escaped = [
        value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for value in values
    ]
    pairs = (f'{name}="{value}"' for name, value in zip(names, escaped, strict=True))
    return "{" + ",".join(pairs) + "}"

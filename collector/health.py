"""What the watch says about itself: written each second, read by the desk for /readyz and /metrics.

The two processes share nothing but the disk, so this is a file, replaced as a whole.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from collector.delays import Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the watch: whether it works, why not, and since when (ms, house clock)."""

    name: str
    ok: bool
    why: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """Whether a device is heard; ``waiting`` is what its journal holds, where it has said so.

    ``clock_s`` is how far its clock is off, in seconds, where it has said so. ``cuts_ms`` is when
    it ended without a goodbye, the newest last: what it measured just after may be lost.
    """

    site: str
    device: str
    online: bool = False
    seen_ms: int | None = None
    firmware: str = ""
    waiting: int | None = None
    clock_s: float | None = None
    skew_s: float | None = None
    """By what arrives: the least of arrival minus measured over some minutes (``collector/skew.py``)."""
    cuts_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """``counters`` rise from the start of the process; ``depth`` counts entries per consumer."""

    at_ms: int
    started_ms: int
    pid: int
    parts: tuple[Part, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)
    lag_s: dict[str, float] = field(default_factory=dict)
    """How old (house seconds) the entry is that a consumer has come to; 0 when it has caught up."""
    loop_lag_s: float = 0.0
    """The longest the event loop was late in the last second (real seconds)."""
    journal: str = ""
    delays: dict[str, Delays] = field(default_factory=dict)
    """From arrival until a consumer was done with it, by the consumer's name."""
    position: int = 0
    journal_bytes: int = 0
    journal_age_s: float = 0.0
    set_aside: int = 0
    """Damaged journals that lie beside the present one."""
    journal_share: float = 0.0
    """% of the journal's cap that is taken by what some consumer has still to use."""
    devices: tuple[DeviceSeen, ...] = ()
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    """Readings that never came although later ones did, by device and by kind."""
    letters: dict[str, int] = field(default_factory=dict)
    """Dead records that lie there, by the class of their reason."""
    floods: dict[str, int] = field(default_factory=dict)
    """Messages dropped since the start, by the device that sent too many."""
    synthetic: dict[str, float] = field(default_factory=dict)
    """How long (real seconds) the last synthetic reading took for each stage that it has passed."""

    @property
    def at(self) -> datetime:
        """When it was written, on the house clock."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)


_ADAPTER = TypeAdapter(WatchStatus)

_HELP = {
    "messages": "Messages that came from the broker.",
    "stale": "Retained readings, ignored.",
    "readings": "Readings journalled.",
    "doubles": "Readings that were held already.",
    "ignored": "Values of foreign devices that nobody asked for.",
    "dead": "Readings and messages refused.",
    "dropped": "Readings that devices announced as dropped by their own cap.",
    "suspect": "Readings judged suspect.",
    "failed": "Readings judged fail.",
    "results": "Answers of devices to commands.",
    "refusals": "Commands that devices refused.",
    "presses": "Presses of an announcer's button.",
    "stored": "Readings of devices that the store has taken.",
    "transitions": "Transitions of rules.",
    "refused": "Transitions that the operations database refused; they are dead letters.",
    "falls": "Tasks that fell and were started again.",
    "receipts": "Receipts sent to devices.",
    "commands": "Commands sent to devices.",
    "commits": "Transactions of the journal.",
    "uplink_sent": "Reports that a bureau has acknowledged.",
    "uplink_again": "Reports that were not acknowledged and are sent again.",
    "uplink_late": "Readings that came after their report had gone.",
    "uplink_expired": "Reports given up after the time they are kept.",
    "peers_connections": "Connections of devices that speak TCP.",
    "peers_refused": "Connections beyond the bound of a listener.",
    "peers_heard": "Messages of devices that speak TCP.",
    "peers_noise": "Pieces of noise where a message was expected; dead letters.",
    "peers_strangers": "Messages of devices that are not registered, or from another address.",
    "peers_lost": "Bytes that a relay passed on and could not read.",
    "peers_falls": "Connections that fell by a bug.",
    "shifted": "Readings whose times could not be, dated by their arrival.",
    "replayed": "Readings of dead letters that were taken in after all.",
    "flooded": "Messages beyond a device's allowance, dropped.",
    "letters_lost": "Dead records whose bytes a cap took.",
    "strays": "Messages in the server's own name that it did not send just now; ignored.",
    "synthetic_passed": "Synthetic readings that came the whole way.",
    "deadman_pinged": "Pings that the outside dead-man has taken.",
    "needed": "Readings that the journal's cap took before a consumer had them.",
}


def write_watch(path: Path, status: WatchStatus) -> None:
    """Replace the file as a whole; no fsync, for nobody needs it after a power cut."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_bytes(orjson.dumps(_ADAPTER.dump_python(status, mode="json")))
    os.replace(scratch, path)


def read_watch(path: Path | str) -> WatchStatus | None:
    """What the watch wrote last; None when it has never written, or in another version's words."""
    try:
        return _ADAPTER.validate_json(Path(path).read_bytes())
    except (OSError, ValueError):
        return None


def prometheus(status: WatchStatus) -> str:
    """The status as Prometheus text (exposition format 0.0.4)."""
    return "".join(f"{line}\n" for line in _lines(status))


_PAGE = """# Metrics

`/metrics` gives these as Prometheus text. Names end in their unit; counters rise from the start of the watch. The house's own figures are readings, too, with charts and rules ([house.md](house.md)).

| metric | type | labels | is |
|---|---|---|---|
"""


def metrics_page(status: WatchStatus) -> str:
    """The table of ``docs/metrics.md``, of a status in which nothing is left out."""
    labels: dict[str, list[str]] = {}
    for line in _lines(status):
        if not line.startswith("#"):
            name = re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0])
            found = labels.setdefault(name, [])
            found += [key for key in re.findall(r'(\w+)="', line) if key not in found]
    rows, text = [], ""
    for line in _lines(status):
        if line.startswith("# HELP"):
            text = line.split(" ", 3)[3]
        elif line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            marks = ", ".join(f"`{label}`" for label in labels.get(name, ()))
            rows.append(f"| `{name}` | {kind} | {marks} | {text} |\n")
    return _PAGE + "".join(sorted(rows))


def _lines(status: WatchStatus) -> Iterator[str]:
    for name, count in status.counters.items():
        yield from _head(f"{name}_total", "counter", _HELP.get(name, name))
        yield f"shouwang_{_name(name)}_total {count}"
    yield from _head("part_up", "gauge", "Whether a part of the watch works.")
    for part in status.parts:
        yield f"shouwang_part_up{_labels({'part': part.name})} {int(part.ok)}"
    yield from _head("consumer_depth", "gauge", "Journal entries a consumer has not done with.")
    for name, depth in status.depth.items():
        yield f"shouwang_consumer_depth{_labels({'consumer': name})} {depth}"
    yield from _head("consumer_lag_seconds", "gauge", "Age of what a consumer has come to.")
    for name, lag in status.lag_s.items():
        yield f"shouwang_consumer_lag_seconds{_labels({'consumer': name})} {lag:.3f}"
    for name, delays in status.delays.items():
        metric = f"{_name(name)}_delay_seconds"
        yield from _head(
            metric,
            "histogram",
            f"From a record's arrival until the consumer {name} had done with it.",
        )
        counts = delays.cumulative()
        for bound, count in counts:
            yield f"shouwang_{metric}_bucket{_labels({'le': bound})} {count}"
        yield f"shouwang_{metric}_sum {delays.sum_s:.3f}"
        yield f"shouwang_{metric}_count {counts[-1][1]}"
    for name, value, text in (
        ("event_loop_lag_seconds", f"{status.loop_lag_s:.4f}", "How late the watch's loop was."),
        ("journal_position", status.position, "The last position of the journal."),
        ("journal_bytes", status.journal_bytes, "The journal's size."),
        ("journal_age_seconds", f"{status.journal_age_s:.0f}", "Age of its oldest record."),
        ("journal_share", f"{status.journal_share:.1f}", "% of its cap that is still to be used."),
        ("journals_set_aside", status.set_aside, "Damaged journals that lie beside it."),
        ("house_time_seconds", f"{status.at_ms / 1000:.3f}", "The house clock."),
        ("watch_started_seconds", f"{status.started_ms / 1000:.3f}", "When the watch began."),
        ("devices_online", sum(d.online for d in status.devices), "Devices that say online."),
    ):
        yield from _head(name, "gauge", text)
        yield f"shouwang_{name} {value}"
    yield from _head("dead_letters", "gauge", "Dead records that lie there, by class of reason.")
    for why, count in status.letters.items():
        yield f"shouwang_dead_letters{_labels({'why': why})} {count}"
    yield from _head("device_missing_readings", "gauge", "Numbers that never came, by kind.")
    for name, kinds in status.missing.items():
        for kind, count in kinds.items():
            yield f"shouwang_device_missing_readings{_labels({'device': name, 'kind': kind})} {count}"
    yield from _head("device_flooded_total", "counter", "Messages beyond a device's allowance.")
    for name, count in status.floods.items():
        yield f"shouwang_device_flooded_total{_labels({'device': name})} {count}"
    yield from _synthetic(status)
    yield from _head("device_seen_seconds", "gauge", "When a device was last heard (house clock).")
    for device in status.devices:
        if device.seen_ms is not None:
            labels = _labels({"site": device.site, "device": device.device})
            yield f"shouwang_device_seen_seconds{labels} {device.seen_ms / 1000:.3f}"
    for name, text in (
        ("clock_skew", "Least of arrival minus measured over some minutes: the clock is behind."),
        ("clock_offset", "What the device says of its own clock: it is ahead."),
    ):
        yield from _head(f"device_{name}_seconds", "gauge", text)
        for device in status.devices:
            seconds = device.skew_s if name == "clock_skew" else device.clock_s
            if seconds is not None:
                labels = _labels({"site": device.site, "device": device.device})
                yield f"shouwang_device_{name}_seconds{labels} {seconds:.3f}"


def _synthetic(status: WatchStatus) -> Iterator[str]:
    yield from _head("synthetic_stage_seconds", "gauge", "The last synthetic reading, by stage.")
    for stage, seconds in status.synthetic.items():
        yield f"shouwang_synthetic_stage_seconds{_labels({'stage': stage})} {seconds:.3f}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP shouwang_{_name(name)} {text}", f"# TYPE shouwang_{_name(name)} {kind}"


def _name(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"

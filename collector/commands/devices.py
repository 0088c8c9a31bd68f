"""What `shouwang device` shows: the list, one device's settings, and the record of its orders."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from alerts.orders import DeviceReport, Order
from alerts.registry.model import Device
from alerts.store.operations import Operations
from collector.commands.common import table
from collector.health import DeviceSeen, read_watch

_NONE = "–"


def listing(operations: Operations, watch_path: Path) -> str:
    """Every registered device: whether it is heard, and what became of its settings."""
    status = read_watch(watch_path)
    seen = {(one.site, one.device): one for one in status.devices} if status else {}
    reports = {(one.site, one.device): one for one in operations.reports()}
    rows = []
    for device in operations.registry().devices:
        key = device.site, device.id
        heard = seen.get(key) or DeviceSeen(site=device.site, device=device.id)
        wish = operations.newest_wish(*key)
        rows.append(
            [
                f"{device.site}/{device.id}",
                _state(heard) if key in seen else "not heard",
                heard.firmware or _NONE,
                _at(heard.seen_ms),
                _NONE if heard.clock_s is None else f"{heard.clock_s:+.1f} s",
                _cuts(heard.cuts_ms),
                _settings(wish, reports.get(key)),
                "yes" if device.command_key else "no",
            ]
        )
    head = [
        "device",
        "state",
        "firmware",
        "last seen",
        "clock",
        "last cut",
        "settings",
        "takes commands",
    ]
    text = table(head, rows)
    if status is None:
        text += "\nthe watch has not written what it hears; is `shouwang serve` running?"
    return text


def settings(operations: Operations, device: Device) -> str:
    """What is wished of a device, and what it reports."""
    wish = operations.newest_wish(device.site, device.id)
    report = next(
        (r for r in operations.reports() if (r.site, r.device) == (device.site, device.id)), None
    )
    lines = []
    if wish is None:
        lines.append("wished: nothing; the device has the settings of its own file")
    else:
        lines.append(
            f"wished: revision {wish.revision} by {wish.who}, {_when(wish.asked_at)}: "
            f"{wish.state.value}{f' ({wish.answer})' if wish.answer else ''}"
        )
        lines += [f"  {key} = {value}" for key, value in sorted(wish.values.items())]
    if report is None:
        lines.append("reported: nothing")
        return "\n".join(lines)
    said = report.reported
    lines.append(f"reported: revision {said.revision}, {said.state.value}, {_when(report.at)}")
    lines += [f"  {key} = {value}" for key, value in sorted(said.values.items())]
    lines += [f"  problem: {problem}" for problem in said.problems]
    return "\n".join(lines)


def record(operations: Operations, device: Device) -> str:
    """Who asked what, when and why, and what became of it; newest first."""
    rows = [
        [
            _when(order.asked_at),
            order.who,
            _what(order),
            order.why or _NONE,
            order.state.value,
            order.answer or _NONE,
        ]
        for order in operations.orders(device.site, device.id)
    ]
    return table(["when", "who", "what", "why", "state", "answer"], rows)


def _state(seen: DeviceSeen) -> str:
    return "online" if seen.online else "offline"


def _settings(wish: Order | None, report: DeviceReport | None) -> str:
    if report is None:
        return _NONE if wish is None else f"{wish.revision} {wish.state.value}"
    said = f"{report.reported.revision} {report.reported.state.value}"
    is_behind = wish is not None and wish.revision > report.reported.revision
    return f"{said} (wished: {wish.revision})" if wish is not None and is_behind else said


def _what(order: Order) -> str:
    if order.values or order.revision:
        values = ", ".join(f"{key}={value}" for key, value in sorted(order.values.items()))
        return f"set {order.revision}: {values or 'nothing'}"
    return " ".join([order.verb.value, order.target, *order.texts.values()])


def _at(at_ms: int | None) -> str:
    return _NONE if at_ms is None else _when(datetime.fromtimestamp(at_ms / 1000).astimezone())


def _cuts(cuts_ms: Sequence[int]) -> str:
    """The newest, and how many there were before it."""
    if not cuts_ms:
        return _NONE
    more = f" (and {len(cuts_ms) - 1} before)" if len(cuts_ms) > 1 else ""
    return f"{_at(cuts_ms[-1])}{more}"


def _when(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")

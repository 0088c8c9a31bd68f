"""How the house itself is, in words: its parts, how far its data has come, its devices' clocks. Pure."""

from dataclasses import dataclass

from alerts.figures import number
from alerts.registry.model import Device
from dashboards.console.accounts import thousands
from dashboards.console.cards import lasted, ms
from dashboards.console.scene import Scene
from dashboards.ports import DeviceSight, HouseFigures

CLOCK_OFF_S = 30.0  # as the rule dev-clock: beyond it the order of events is doubtful
OFFLINE_OVERDUE = 1.5  # intervals: of one that has said goodbye, or never says it is online
LAG_S = 10.0  # a consumer that is less behind keeps up
GB, MB = 1e9, 1e6
DISK_LOW_BYTES = 2 * GB  # as the rule house-disk-low


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part: ``means`` is what its trouble means for people, ``why`` its own (English) words."""

    name: str
    ok: bool
    since: str
    means: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    name: str
    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    name: str
    id: str
    href: str
    seen: str
    is_silent: bool
    clock: str
    is_off: bool


def parts(scene: Scene) -> list[PartRow]:
    """What does not work first."""
    rows = [
        PartRow(
            name=scene.t.either(f"part.{part.name}", part.name),
            ok=part.ok,
            since=scene.t("house.since", span=lasted((scene.now - part.since).total_seconds(), scene))
            if part.since
            else "",
            means="" if part.ok else scene.t.either(f"means.{part.name}", ""),
            why=part.why,
        )
        for part in (scene.status.parts if scene.status else ())
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.ok)


def figures(scene: Scene) -> list[Figure]:
    """How far the data has come, and what room is left; empty before the watch has said so."""
    found = scene.status.house if scene.status else None
    if found is None:
        return []
    journal = scene.t(
        "house.journal-is", n=thousands(found.journal_entries), share=number(found.journal_share, 0)
    )
    rows = [
        Figure(name=scene.t("house.journal"), text=journal, is_bad=found.journal_share >= 50),
        _store(found, scene),
        _consumers(found, scene),
        _outbox(found, scene),
    ]
    if found.whole_way_s is not None:
        took = scene.t("house.whole-way-is", span=number(found.whole_way_s, 1))
        rows.append(Figure(name=scene.t("part.whole-way"), text=took))
    if found.disk_free_bytes is not None and found.disk_bytes is not None:
        room = scene.t(
            "house.disk-is", free=_size(found.disk_free_bytes), all=_size(found.disk_bytes)
        )
        is_low = found.disk_free_bytes < DISK_LOW_BYTES
        rows.append(Figure(name=scene.t("house.disk"), text=room, is_bad=is_low))
    return rows


def devices(scene: Scene) -> list[DeviceRow]:
    """Those that need somebody first."""
    sights = {(s.site, s.device): s for s in scene.status.devices} if scene.status else {}
    rows = [
        _device(device, sights.get((device.site, device.id)), scene)
        for device in scene.registry.devices
    ]
    return sorted(rows, key=lambda row: (not row.is_silent, not row.is_off))


def _store(found: HouseFigures, scene: Scene) -> Figure:
    name, waiting = scene.t("part.store"), found.depth.get("store", 0)
    if found.store_away_s:
        span = lasted(found.store_away_s, scene)
        return Figure(
            name=name,
            text=scene.t("house.store-away", span=span, n=thousands(waiting)),
            is_bad=True,
        )
    if found.store_delay_s is None:
        return Figure(name=name, text=scene.t("house.store-idle"))
    delay = number(found.store_delay_s, 1)
    return Figure(name=name, text=scene.t("house.store-is", span=delay, n=thousands(waiting)))


def _consumers(found: HouseFigures, scene: Scene) -> Figure:
    name = scene.t("house.consumers")
    behind = {who: lag_s for who, lag_s in found.lag_s.items() if lag_s >= LAG_S}
    if not behind:
        return Figure(name=name, text=scene.t("house.keep-up"))
    text = scene.t("list.comma").join(
        scene.t(
            "house.behind",
            name=_consumer(who, scene),
            span=lasted(lag_s, scene),
        )
        for who, lag_s in sorted(behind.items(), key=lambda each: -each[1])
    )
    return Figure(name=name, text=text, is_bad=True)


def _consumer(who: str, scene: Scene) -> str:
    kind, _, name = who.partition("-")
    if kind == "uplink":
        return scene.t("consumer.uplink", name=name)
    return scene.t.either(f"consumer.{who}", who)


def _outbox(found: HouseFigures, scene: Scene) -> Figure:
    name = scene.t("part.notices")
    if not found.outbox_due:
        return Figure(name=name, text=scene.t("house.outbox-empty"))
    span = lasted(found.outbox_oldest_s, scene)
    text = scene.t("house.outbox-is", n=found.outbox_due, span=span)
    if found.outbox_stuck_s >= 60:
        stuck = scene.t("house.outbox-stuck", span=lasted(found.outbox_stuck_s, scene))
        return Figure(name=name, text=f"{text}{scene.t('list.then')}{stuck}", is_bad=True)
    return Figure(name=name, text=text)


def _device(device: Device, sight: DeviceSight | None, scene: Scene) -> DeviceRow:
    seen, is_silent = scene.t("device.unknown"), True
    if sight is not None and sight.seen_ms is not None:
        quiet_s = (ms(scene.now) - sight.seen_ms) / 1000
        interval_s = min((binding.interval_s for binding in device.bindings), default=0.0)
        is_silent = quiet_s > interval_s * (device.overdue if sight.online else OFFLINE_OVERDUE)
        key = "place.silent" if is_silent else "device.seen"
        seen = scene.t(key, span=lasted(quiet_s, scene))
    off_s = None if sight is None else sight.clock_s
    return DeviceRow(
        name=device.names.by(scene.language),
        id=device.id,
        href=f"/devices/{device.site}/{device.id}",
        seen=seen,
        is_silent=is_silent,
        clock=_clock(off_s, scene),
        is_off=off_s is not None and abs(off_s) >= CLOCK_OFF_S,
    )


def _clock(off_s: float | None, scene: Scene) -> str:
    if off_s is None:
        return scene.t("house.clock-unknown")
    if abs(off_s) < CLOCK_OFF_S:
        return scene.t("house.clock-right")
    key = "house.clock-ahead" if off_s > 0 else "house.clock-behind"
    return scene.t(key, span=lasted(abs(off_s), scene))


def _size(size_bytes: float) -> str:
    if size_bytes >= GB:
        return f"{number(size_bytes / GB, 1)} GB"
    return f"{number(size_bytes / MB, 0)} MB"

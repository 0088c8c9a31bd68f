"""Small worlds for the rules' tests: one place, one device, a journal of values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from alerts.registry.model import (
    Binding,
    Circuit,
    Device,
    Names,
    Override,
    Place,
    PlaceKind,
    Port,
    Registry,
    Site,
)
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.transition import Transition
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Form, Reading

T0 = 1_700_000_000_000
SITE, PLACE, PORT, DEVICE = "linjiang", "here", "7", "box"


Spot = tuple[str, str, str]
"""Place, port, metric."""


def village(
    kind: PlaceKind,
    spots: Sequence[Spot],
    *,
    interval_s: float = 60,
    override: dict[str, dict[str, float]] | None = None,
) -> Registry:
    """A place of this kind with sockets on one circuit of 40 A, and gauges at places beside it."""
    ports = tuple(dict.fromkeys(port for place, port, _ in spots if port and place == PLACE))
    beside = dict.fromkeys(place for place, _, _ in spots if place not in ("", PLACE))
    bound = dict.fromkeys((place, port) for place, port, _ in spots if place)
    plain = registry(kind, interval_s=interval_s, override=override)
    here = replace(
        plain.places[0],
        ports=tuple(Port(id=p, names=Names(zh=p, en=p), circuit="main") for p in ports),
        circuits=(Circuit(id="main", names=Names(zh="总进线", en="the feeder"), rating_a=40),),
    )
    bindings = tuple(
        Binding(
            place=place,
            port=port,
            metrics=tuple(m for at, p, m in spots if (at, p) == (place, port)),
            interval_s=interval_s,
        )
        for place, port in bound
    ) or (Binding(place=PLACE, metrics=("do",), interval_s=interval_s),)
    return replace(
        plain,
        places=(
            here,
            *(
                replace(here, id=p, kind=PlaceKind.RISK_POINT, ports=(), circuits=())
                for p in beside
            ),
        ),
        devices=(replace(plain.devices[0], bindings=bindings),),
    )


def registry(
    kind: PlaceKind = PlaceKind.REACH,
    *metrics: str,
    port: str = "",
    interval_s: float = 60,
    override: dict[str, dict[str, float]] | None = None,
    devices: Sequence[str] = (DEVICE,),
) -> Registry:
    return Registry(
        sites=(Site(id=SITE, names=Names(zh="临江社区")),),
        places=(
            Place(
                id=PLACE,
                site=SITE,
                kind=kind,
                names=Names(zh="这里", en="here"),
                ports=(Port(id=PORT, names=Names(zh="7 号插座", en="socket 7")),),
            ),
        ),
        devices=tuple(
            Device(
                id=device,
                site=SITE,
                names=Names(zh="盒子", en="the box"),
                bindings=(Binding(place=PLACE, port=port, metrics=metrics, interval_s=interval_s),),
            )
            for device in devices
        ),
        overrides=tuple(
            Override(rule=rule, place=PLACE, set=numbers, who="w", at="2026-11-22", why="y")
            for rule, numbers in (override or {}).items()
        ),
    )


def batch(
    *values: tuple[int, float | None],
    metric: str,
    place: str = PLACE,
    port: str = "",
    device: str = DEVICE,
    quality: Quality = Quality.GOOD,
) -> Batch:
    made = Batch(site=SITE, device=device, run="r", first=0, count=len(values))
    for at_ms, value in values:
        made.add(
            Reading(
                place=place, port=port, metric=metric, value=value, at_ms=at_ms, quality=quality
            )
        )
    return made


def journal(
    registry: Registry, packs: dict[str, str], whats: Sequence[tuple[int, What]]
) -> list[Entry]:
    """The entries of (when, what), after registry, packs and sight."""
    first = whats[0][0] if whats else T0
    begin: list[tuple[int, What]] = [
        (first, RegistryRevised(registry)),
        (first, PacksRevised(packs)),
        (first, Sight(True, first)),
    ]
    return [Entry(n, at_ms, what) for n, (at_ms, what) in enumerate([*begin, *whats], 1)]


def with_forms(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries, each batch of one time with its form, as the decoder gives it."""
    forms: dict[str, Form] = {}
    formed = []
    for entry in entries:
        what = entry.what
        if isinstance(what, Batch) and len(set(what.at_ms)) == 1:
            columns = what.place, what.port, what.metric
            form = Form(what.site, what.device, *columns)
            what = replace(what, form=forms.setdefault(repr((what.device, columns)), form))
        formed.append(entry._replace(what=what))
    return formed


def every(
    interval_ms: int, values: Sequence[float | None], tick_ms: int, **where: str
) -> Iterator[tuple[int, What]]:
    """Values at an interval (None: none came), with ticks between and for one interval after."""
    for n, value in enumerate(values):
        at_ms = T0 + n * interval_ms
        if value is not None:
            yield at_ms, batch((at_ms, value), **where)  # type: ignore[arg-type]
        for tick_at in range(at_ms + tick_ms, at_ms + interval_ms + 1, tick_ms):
            yield tick_at, Tick()


def together(
    interval_ms: int,
    columns: Mapping[Spot, Sequence[float | None]],
    tick_ms: int,
    start_ms: int = T0,
    device: str = DEVICE,
) -> Iterator[tuple[int, What]]:
    """Several series side by side, a pack each interval, with ticks as ``every`` has them."""
    for n in range(max(len(column) for column in columns.values())):
        at_ms = start_ms + n * interval_ms
        pack = Batch(site=SITE, device=device, run="r", first=0, count=0)
        for (place, port, metric), column in columns.items():
            value = column[n] if n < len(column) else None
            if value is not None:
                pack.add(
                    Reading(
                        place=place, port=port, metric=metric, value=value, at_ms=at_ms,
                        quality=Quality.GOOD,
                    )
                )  # fmt: skip
        if len(pack):
            pack.count = len(pack)
            yield at_ms, pack
        for tick_at in range(at_ms + tick_ms, at_ms + interval_ms + 1, tick_ms):
            yield tick_at, Tick()


def rule_text(body: str, id_: str = "tried") -> str:
    """A pack with one rule for a shed, of this body: what every rule has is added."""
    return f"""
[[rule]]
id = "{id_}"
places = ["shed"]
class = "upkeep"
names = {{ zh = "试", en = "a test" }}
source = {{ text = "a test", mark = "proposal" }}
blind_to = {{ zh = "无", en = "nothing" }}
say.zh = {{ what = "试", why = "试", do = "看", clear = "好" }}
say.en = {{ what = "a test", why = "a test", do = "look", clear = "well" }}
{body}
"""


def said(
    body: str,
    columns: Mapping[Spot, Sequence[float | None]],
    *,
    interval_ms: int = 60_000,
    start_ms: int = T0,
    override: dict[str, float] | None = None,
    also: Sequence[tuple[int, What]] = (),
) -> list[Transition]:
    """What one rule of this body says of these columns, in a village."""
    world = village(
        PlaceKind.SHED,
        list(columns),
        interval_s=interval_ms / 1000,
        override={"tried": override} if override else None,
    )
    tick_ms = min(60_000, interval_ms)
    whats = [*together(interval_ms, columns, tick_ms, start_ms), *also]
    whats.sort(key=lambda what: what[0])
    found = []
    engine = Engine("j")
    for entry in journal(world, {"p": rule_text(body)}, whats):
        found += engine.feed(entry)
    assert engine.problems == []
    return found


def told(found: Sequence[Transition], start_ms: int = T0) -> list[tuple[str, str, float]]:
    """(change, severity, minutes after the start)."""
    return [(t.change.value, t.severity.name.lower(), (t.at_ms - start_ms) / 60_000) for t in found]


PACK = """
[[rule]]
id = "do-low"
kind = "threshold"
metric = "do"
places = ["reach"]
class = "pollution"
names = { zh = "缺氧", en = "Low oxygen" }
source = { text = "a test", mark = "proposal" }
blind_to = { zh = "无", en = "nothing" }
step = [
  { severity = "major", below = 2.0, clear = 2.5, for = "2m", keep = "3m" },
  { severity = "critical", below = 0.2, clear = 0.5 },
]
say.zh = { what = "{place} {value}", why = "{limit}", do = "看", clear = "{peak}" }
say.en = { what = "{place} {value}", why = "{limit}", do = "look", clear = "{peak}" }

[[rule]]
id = "level-rise"
kind = "rise"
metric = "water-level"
places = ["reach"]
class = "flood"
stale = "nothing"
names = { zh = "猛涨", en = "Fast rise" }
source = { text = "a test", mark = "proposal" }
blind_to = { zh = "无", en = "nothing" }
window = "30m"
settle = "1h"
step = [{ severity = "major", rise = 0.3, clear = 0.5, keep = "5m" }]
say.zh = { what = "{from_value} {value}", why = "{rise} {percent} {window}", do = "看", clear = "好" }
say.en = { what = "{from_value} {value}", why = "{rise} {percent} {window}", do = "look", clear = "ok" }

[[rule]]
id = "silent"
kind = "absence"
places = ["reach"]
class = "upkeep"
names = { zh = "失联", en = "Not heard" }
source = { text = "a test", mark = "proposal" }
blind_to = { zh = "无", en = "nothing" }
keep = "2m"
step = [{ severity = "minor" }, { severity = "major", after = "30m" }]
say.zh = { what = "{device} {minutes}", why = "无", do = "看", clear = "好" }
say.en = { what = "{device} {minutes}", why = "none", do = "look", clear = "ok" }
"""
PACKS = {"test.toml": PACK}

"""Rivers and sheds as the overview shows them: latest values, a small curve, a grid of ports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.incidents.model import Incident, State
from alerts.registry.model import Circuit, Place, PlaceKind, Port
from alerts.words import Severity
from dashboards.console.cards import lasted, ms
from dashboards.console.lines import AlarmLine
from dashboards.console.scene import Scene
from dashboards.ports import Curve, LatestPoint, SeriesKey
from edge.contract.quality import WITHHELD, Quality

# What stands on a card, in the order in which a chief asks.
FIRST = {
    PlaceKind.REACH: ("conductivity", "turbidity", "do", "water-level", "ph", "nh3n", "water-temp"),
    PlaceKind.SHED: ("smoke", "shed-temp", "residual-current", "co", "water"),
    PlaceKind.RISK_POINT: ("water-level", "rain", "water", "door"),
}
MOST_FIGURES = 5
IDLE_W = 10.0  # below it a board calls the port empty (domain table of board defaults: < 10 W)
FULL_W = 30.0  # below it a board calls the battery full; floats measure 10 to 25 W
MAINS_V = 220.0
FULL_LOAD_W = 800.0  # the port's height is full here when no rule draws a line
Newest = dict[tuple[str, str], LatestPoint]  # by port ("" is the place itself) and metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    metric: str
    name: str
    text: str
    unit: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """One port: ``height`` 0 to 100 is load, ``state`` is colour, ``trouble`` is the outline."""

    port: Port
    name: str
    number: str
    height: int
    state: str
    label: str
    power: str
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeder:
    """A circuit's load against its rating; ``share`` in percent, at most 100."""

    circuit: Circuit
    name: str
    amperes: str
    rating: str
    share: int
    tone: str
    reckoned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One place on the overview."""

    place: Place
    name: str
    href: str
    badge: str
    tone: str
    figures: list[Figure]
    silent: str
    sources: list[tuple[str, str]]
    spark: str = ""
    spark_tone: str = "teal"
    spark_name: str = ""
    sockets: list[Socket] = field(default_factory=list)
    feeders: list[Feeder] = field(default_factory=list)
    charging: int = 0


def ground(
    place: Place,
    latest: Sequence[LatestPoint],
    incidents: Sequence[Incident],
    limits: Sequence[AlarmLine],
    scene: Scene,
) -> Ground:
    """``latest`` and ``incidents`` of this place alone."""
    open_now = [i for i in incidents if i.state is not State.CLOSED]
    badge, tone = _badge(open_now, latest, scene)
    newest = _newest(latest)
    full_w = _full_w(limits)
    sockets = [_socket(port, newest, open_now, full_w, scene) for port in place.ports]
    return Ground(
        place=place,
        name=place.names.by(scene.language),
        href=f"/places/{place.site}/{place.id}",
        badge=badge,
        tone=tone,
        figures=_figures(place.kind, newest, scene),
        silent=_silent(place, latest, scene),
        sources=scene.sources_at(place.site, place.id),
        sockets=sockets,
        feeders=[_feeder(place, circuit, latest, newest, scene) for circuit in place.circuits],
        charging=sum(1 for socket in sockets if socket.state == "charging"),
    )


def spark_series(
    place: Place, series: Sequence[SeriesKey], incidents: Sequence[Incident]
) -> SeriesKey | None:
    """Which series the small curve shows: the one in trouble, else the first of the card."""
    here = [s for s in series if s.place == place.id and not s.port]
    wanted = [i.metric for i in incidents if i.state is not State.CLOSED and i.metric]
    for metric in (*wanted, *FIRST[place.kind]):
        for one in here:
            if one.metric == metric:
                return one
    return None


def spark_path(curve: Curve, since_ms: int, until_ms: int) -> str:
    """An SVG path in a box of 130 by 36; empty when there is too little to draw."""
    if len(curve.at_ms) < 2 or until_ms <= since_ms:
        return ""
    low, high = min(curve.mean), max(curve.mean)
    room = (high - low) or 1.0
    points = []
    for at, value in zip(curve.at_ms, curve.mean, strict=True):
        x = 130 * (at - since_ms) / (until_ms - since_ms)
        points.append(f"{max(0.0, min(130.0, x)):.1f},{34 - 32 * (value - low) / room:.1f}")
    return "M" + " L".join(points)


def _badge(
    incidents: Sequence[Incident], latest: Sequence[LatestPoint], scene: Scene
) -> tuple[str, str]:
    asking = [i for i in incidents if i.severity > Severity.INFO and not i.is_drill]
    burning = [i for i in asking if i.state in (State.OPEN, State.ACKNOWLEDGED)]
    if burning:
        worst = max(i.severity for i in burning)
        if worst >= Severity.MAJOR:
            return scene.t("place.trouble"), "red"
        return scene.t("place.attention"), "amber"
    if asking:
        return scene.t("place.second-look"), "teal"
    if any(i.is_drill for i in incidents):
        return scene.t("place.drill"), "blue"
    if not latest:
        return scene.t("place.no-data"), "grey"
    return scene.t("place.fine"), "green"


def _figures(kind: PlaceKind, newest: Newest, scene: Scene) -> list[Figure]:
    figures = []
    for metric in FIRST[kind]:
        found = newest.get(("", metric))
        if found is None:
            continue
        usable = found.quality not in WITHHELD
        figures.append(
            Figure(
                metric=metric,
                name=scene.metric(metric),
                text=scene.figure(metric, found.value if usable else None),
                unit=scene.unit(metric) if usable and found.value is not None else "",
                doubtful=found.quality == Quality.SUSPECT,
            )
        )
    return figures[:MOST_FIGURES]


def _silent(place: Place, latest: Sequence[LatestPoint], scene: Scene) -> str:
    """“26 分钟没有数据” when every device of the place is overdue."""
    wait_s = max(
        (
            binding.interval_s * device.overdue
            for device, binding in scene.watchers(place.site, place.id)
        ),
        default=0.0,
    )
    if not latest or not wait_s:
        return ""
    quiet_s = (ms(scene.now) - max(point.at_ms for point in latest)) / 1000
    return scene.t("place.silent", span=lasted(quiet_s, scene)) if quiet_s > wait_s else ""


def _socket(
    port: Port, newest: Newest, incidents: Sequence[Incident], full_w: float, scene: Scene
) -> Socket:
    power = newest.get((port.id, "power"))
    relay = newest.get((port.id, "relay"))
    watts = power.value if power and power.quality not in WITHHELD else None
    mine = [
        i for i in incidents
        if i.port == port.id and i.severity > Severity.INFO and not i.is_drill
    ]  # fmt: skip
    trouble = ""
    if mine:
        burning = [i for i in mine if i.state is not State.RECOVERED]
        worst = max((i.severity for i in burning), default=Severity.INFO)
        trouble = "red" if worst >= Severity.MAJOR else "amber" if burning else "teal"
    if watts is None:
        state = "unknown"
    elif relay is not None and relay.value == 0:
        state = "off"
    elif watts < IDLE_W:
        state = "idle"
    elif watts < FULL_W:
        state = "full"
    elif watts > full_w:
        state = "over"
    else:
        state = "charging"
    return Socket(
        port=port,
        name=port.names.by(scene.language),
        number=port.id.removeprefix("port-").removeprefix("p").lstrip("0") or port.id,
        height=0 if watts is None else max(0, min(100, round(100 * watts / full_w))),
        state=state,
        label=scene.t(f"socket.{state}"),
        power=scene.figure("power", watts),
        trouble=trouble,
    )


def _feeder(
    place: Place,
    circuit: Circuit,
    latest: Sequence[LatestPoint],
    newest: Newest,
    scene: Scene,
) -> Feeder:
    measured = newest.get(("", "current")) if len(place.circuits) == 1 else None
    if measured is not None and measured.value is not None and measured.quality not in WITHHELD:
        amperes, reckoned = measured.value, False
    else:
        ports = {port.id for port in place.ports if port.circuit == circuit.id}
        amperes = sum(
            (point.value or 0.0) / MAINS_V
            for point in latest
            if point.series.port in ports
            and point.series.metric == "power"
            and point.quality not in WITHHELD
        )
        reckoned = True
    share = round(100 * amperes / circuit.rating_a) if circuit.rating_a else 0
    return Feeder(
        circuit=circuit,
        name=circuit.names.by(scene.language),
        amperes=f"{amperes:.1f}",
        rating=f"{circuit.rating_a:g}",
        share=min(100, share),
        tone="red" if share > 100 else "amber" if share > 80 else "teal",
        reckoned=reckoned,
    )


def _newest(latest: Sequence[LatestPoint]) -> Newest:
    newest: Newest = {}
    for point in latest:
        key = point.series.port, point.series.metric
        older = newest.get(key)
        if older is None or point.at_ms > older.at_ms:
            newest[key] = point
    return newest


def _full_w(limits: Sequence[AlarmLine]) -> float:
    """At which a socket's column is full: the lowest line that a rule draws above its power."""
    lines = [
        line.value for line in limits if line.side == "above" and line.runs_through("power", "any")
    ]
    return max(min(lines, default=FULL_LOAD_W), FULL_W)

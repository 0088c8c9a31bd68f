"""A room of quality control with two reaches and a gauge, and batches to judge in it."""

from collections.abc import Sequence

from alerts.registry.model import Binding, Device, Names, Override, Place, PlaceKind, Registry
from collector.quality.control import QualityControl
from edge.contract.reading import Batch

START_MS = 1_790_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
RIVER = ("do", "ph", "water-temp", "conductivity", "turbidity", "codmn", "water-level", "rain")
SHED = ("power", "smoke", "energy", "shed-temp")


def place(id: str, *neighbours: str) -> Place:
    return Place(id=id, site="s", kind=PlaceKind.REACH, names=Names(zh=id), neighbours=neighbours)


def device(id: str, at: str, metrics: Sequence[str] = RIVER, interval_s: float = 300.0) -> Device:
    binding = Binding(place=at, metrics=tuple(metrics), interval_s=interval_s)
    return Device(id=id, site="s", names=Names(zh=id), bindings=(binding,))


REGISTRY = Registry(
    places=(place("up"), place("down", "up"), place("shed")),
    devices=(device("box", "up"), device("far", "down"), device("plug", "shed", SHED)),
)
AT = {"box": "up", "far": "down", "plug": "shed"}


def override(metric: str, at: str = "up", **numbers: float) -> Override:
    return Override(metric=metric, place=at, set=numbers, who="x", at="2026-11-22", why="x")


def control(registry: Registry = REGISTRY) -> QualityControl:
    room = QualityControl()
    room.use(registry)
    return room


def batch(
    metric: str,
    values: Sequence[float | None],
    *,
    start_ms: int = START_MS,
    step_ms: int = 5 * MINUTE_MS,
    device: str = "box",
    told: int = 2,
) -> Batch:
    """The values of one series, one after the other; ``told`` is the device's own word."""
    count = len(values)
    return Batch(
        site="s",
        device=device,
        run="r",
        first=0,
        count=count,
        place=[AT[device]] * count,
        port=[""] * count,
        metric=[metric] * count,
        value=list(values),
        at_ms=[start_ms + n * step_ms for n in range(count)],
        quality=[9 if value is None else told for value in values],
        seq=list(range(count)),
    )

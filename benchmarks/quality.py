"""What quality control costs a reading on line, and what it remembers of a series.

A sonde's pack of five metrics each minute, with the noise of its sensors; the same as a backlog of 500
readings; and one pack in which every reading is a spike, which is the dear way. CPU time of this
process, the best of many runs, since other work on the machine only adds to it.
"""

import random
import time
import tracemalloc

from alerts.registry.model import Binding, Device, Names, Place, PlaceKind, Registry
from benchmarks.report import Figure, report
from collector.quality.control import QualityControl
from edge.contract.reading import Batch, Form

START_MS = 1_790_000_000_000
MINUTE_MS = 60_000
# Metric, its level, the standard deviation of one value.
SONDE = (("do", 8.0, 0.05), ("ph", 7.2, 0.02), ("conductivity", 400.0, 5.0),
         ("turbidity", 12.0, 1.0), ("water-level", 2.0, 0.005))  # fmt: skip
ROUNDS, PACKS, BACKLOGS = 50, 200, 2
BACKLOG = 100  # packs in one message: 500 readings
DEVICES = 2_000  # of five series each
_FORMS: dict[str, Form] = {}  # as the decoder gives packs of one time; backlogs have none


def main() -> None:
    figures, notes = quality()
    report("quality", figures, notes)


def quality(
    rounds: int = ROUNDS, devices: int = DEVICES
) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures, and how each was measured."""
    pack_us = _best_us(rounds, PACKS, 1)
    backlog_us = _best_us(rounds, BACKLOGS, BACKLOG)
    spike_us = _best_us(rounds, PACKS, 1, jump=1.8)
    return {
        "quality_us_per_reading": pack_us,
        "quality_backlog_us_per_reading": backlog_us,
        "quality_spike_us_per_reading": spike_us,
        "quality_bytes_per_series": _bytes_per_series(devices),
    }, {
        "quality_us_per_reading": "a pack of 5 metrics of one place and time, all tests on",
        "quality_backlog_us_per_reading": "the same readings, 500 in a message",
        "quality_spike_us_per_reading": "a pack in which each value jumps by 80 %",
        "quality_bytes_per_series": f"{5 * devices} series, two packs of each device; no windows",
    }


def _registry(devices: int) -> Registry:
    metrics = tuple(metric for metric, *_ in SONDE)
    names = Names(zh="x")
    return Registry(
        places=(Place(id="p", site="s", kind=PlaceKind.REACH, names=names),),
        devices=tuple(
            Device(
                id=f"d{n}",
                site="s",
                names=names,
                bindings=(Binding(place="p", metrics=metrics, interval_s=60.0),),
            )
            for n in range(devices)
        ),
    )


def _batch(
    device: str, at_ms: int, packs: int, chance: random.Random, factor: float = 1.0
) -> Batch:
    count = packs * len(SONDE)
    form = _FORMS.get(device)
    if form is None:
        metrics = [metric for metric, *_ in SONDE]
        form = Form("s", device, ["p"] * len(SONDE), [""] * len(SONDE), metrics)
        _FORMS[device] = form
    return Batch(
        site="s",
        device=device,
        run="r",
        first=0,
        count=count,
        place=form.place * packs if packs > 1 else form.place,
        port=form.port * packs if packs > 1 else form.port,
        metric=form.metric * packs if packs > 1 else form.metric,
        form=form if packs == 1 else None,
        value=[
            round(chance.gauss(level, spread) * factor, 3)
            for _ in range(packs)
            for _, level, spread in SONDE
        ],
        at_ms=[at_ms + n // len(SONDE) * MINUTE_MS for n in range(count)],
        quality=[2] * count,
        seq=list(range(count)),
    )


def _best_us(rounds: int, messages: int, packs: int, jump: float = 1.0) -> float:
    """Microseconds a reading, the best of the rounds; every second message is ``jump`` times as high."""
    chance, control, at_ms, took = random.Random(7), QualityControl(), START_MS, []
    control.use(_registry(1))
    for _ in range(rounds):
        batches = []
        for n in range(messages):
            batches.append(_batch("d0", at_ms, packs, chance, jump if n % 2 else 1.0))
            at_ms += packs * MINUTE_MS
        began = time.process_time()
        for batch in batches:
            control.judge(batch)
        took.append(time.process_time() - began)
    return round(min(took) / messages / packs / len(SONDE) * 1e6, 3)


def _bytes_per_series(devices: int) -> int:
    chance, control, registry = random.Random(7), QualityControl(), _registry(devices)
    packs = [
        _batch(f"d{n}", START_MS + round * MINUTE_MS, 1, chance)
        for round in range(2)
        for n in range(devices)
    ]
    tracemalloc.start()
    control.use(registry)
    for batch in packs:
        control.judge(batch)
    del batch, packs
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept // (devices * len(SONDE))


if __name__ == "__main__":
    main()

"""How large a year is in the embedded store, and how fast it writes and draws.

A year of 100 series at a reading each 5 minutes is 10.5 million readings. They are written as they
would arrive: a pack of each device every 5 minutes, some packs a transaction, every bucket rolled up
when it has closed, minutes deleted after 90 days. ``--series 10`` takes a tenth of the series and
multiplies what it finds by ten.
"""

import argparse
import asyncio
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.report import Figure, report
from collector.stores.embedded import EmbeddedStore
from collector.stores.port import Level, Series, Touched
from collector.stores.retention import DAY_MS
from edge.contract.quality import Quality
from edge.contract.reading import Batch

STEP_MS = 300_000
START_MS = 1_735_689_600_000  # 2025-01-01 00:00 UTC
FULL = 100  # series
PER_DEVICE = 5  # a sonde's metrics: temperature, pH, oxygen, conductivity, turbidity
METRICS = ("water-temp", "ph", "do", "conductivity", "turbidity")
PACKS_A_WRITE = 12  # steps a transaction: an hour's catching up; live it is one each quarter second
LIVE_WRITES = 200
CHART_MOST = 600  # a chart 1440 px wide


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10, help="of 100, a multiple of 5")
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shouwang-bench-"))
    try:
        figures, notes = await measure(folder / "store.sqlite3", options.series, options.days)
    finally:
        shutil.rmtree(folder)
    print(report("store", figures, notes))


async def measure(path: Path, series: int, days: int) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures and how each was found."""
    devices = [f"sonde-{i}" for i in range(series // PER_DEVICE)]
    store = EmbeddedStore(path)
    await store.set_up()
    scale = FULL / series
    began = time.perf_counter()
    busy = await fill(store, devices, days)
    took = time.perf_counter() - began
    count = await store.count()
    end_ms = START_MS + days * DAY_MS
    one = Series("site", devices[0], "reach", "", "ph")

    async def chart(span_days: int) -> float:
        since_ms = end_ms - span_days * DAY_MS
        return await median_ms(lambda: store.buckets(one, since_ms, end_ms, CHART_MOST))

    figures: dict[str, Figure] = {
        "chart_1_day_ms": await chart(1),
        "chart_30_days_ms": await chart(30),
        "chart_365_days_ms": await chart(min(365, days)),
        "latest_ms": await median_ms(lambda: store.latest("site")),
    }
    since_ms = end_ms - 30 * DAY_MS
    found = await store.buckets(one, since_ms, end_ms, CHART_MOST)
    figures["chart_30_days_buckets"] = len(found)
    if sum(found.count) != min(30, days) * DAY_MS // STEP_MS:
        raise AssertionError(f"the chart of 30 days holds {sum(found.count)} readings")
    figures["write_live_ms"] = await live(store, devices, end_ms)
    await store.close()  # the write-ahead log goes into the file
    figures |= {
        "year_100_series_mb": round(path.stat().st_size * scale * 365 / days / 1e6, 1),
        "write_values_per_s": round(count / busy),
        "values_measured": count,
        "fill_s": round(took, 1),
    }
    how = f"{series} series, {days} days" + (f", times {scale:g}" if scale != 1 else "")
    notes = {
        "year_100_series_mb": f"points and roll-ups, 90 days of minutes; {how}",
        "write_values_per_s": f"one fsync per {PACKS_A_WRITE * series} readings, without roll-ups",
        "chart_1_day_ms": "one series, single points; median",
        "chart_30_days_ms": f"one series, at most {CHART_MOST} buckets; median",
        "chart_365_days_ms": "the same",
        "latest_ms": f"the newest of {series} series; median",
        "write_live_ms": f"one pack of {PER_DEVICE} readings with its fsync; median",
        "fill_s": "with roll-ups and retention",
    }
    return figures, notes


async def fill(store: EmbeddedStore, devices: list[str], days: int) -> float:
    """Write the year as it would arrive; the seconds spent in ``write`` alone."""
    series = [
        Series("site", device, "reach", "", metric) for device in devices for metric in METRICS
    ]
    steps = days * DAY_MS // STEP_MS
    busy = 0.0
    touched: list[Touched] = []
    for step in range(0, steps, PACKS_A_WRITE):
        times = [START_MS + n * STEP_MS for n in range(step, min(step + PACKS_A_WRITE, steps))]
        batches = [pack(device, at_ms) for at_ms in times for device in devices]
        began = time.perf_counter()
        await store.write(batches, times[-1])
        busy += time.perf_counter() - began
        touched += [Touched(Level.MINUTE, at_ms, series) for at_ms in times]
        touched += [
            Touched(Level.HOUR, hour, series) for hour in {Level.HOUR.start(at) for at in times}
        ]
        # Each bucket once, a day's worth at a time, so that the fsyncs of the roll-up do not rule.
        if (step + PACKS_A_WRITE) * STEP_MS % DAY_MS == 0:
            await store.roll_up(touched)
            touched = []
            while (await store.retain(times[-1])).more:
                pass
    await store.roll_up(touched)
    return busy


def pack(device: str, at_ms: int) -> Batch:
    """What a sonde sends: a daily curve with noise that rounding leaves, so that no page is empty."""
    phase = at_ms / DAY_MS * math.tau
    size = len(METRICS)
    return Batch(
        site="site",
        device=device,
        run="r1",
        first=0,
        count=size,
        place=["reach"] * size,
        port=[""] * size,
        metric=list(METRICS),
        value=[round(20 + n + math.sin(phase + n) + at_ms % 7919 / 1e4, 2) for n in range(size)],
        at_ms=[at_ms] * size,
        quality=[int(Quality.GOOD)] * size,
    )


async def live(store: EmbeddedStore, devices: list[str], at_ms: int) -> float:
    """The median of a write of one pack, in milliseconds."""
    took = []
    for n in range(LIVE_WRITES):
        began = time.perf_counter()
        await store.write([pack(devices[0], at_ms + n * 1000)], at_ms)
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)


async def median_ms(work: Callable[[], Awaitable[object]], times: int = 21) -> float:
    """The median time of ``times`` runs, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)


if __name__ == "__main__":
    asyncio.run(main())

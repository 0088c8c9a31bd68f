"""What a message and a live series cost as series become more: 100, 10,000, 100,000.

All series exist: each device is heard once before anything is counted. Memory is told twice, as the
kernel sees it (RSS) and as the watch's own objects counted one by one, the rules' windows apart.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import process
from benchmarks.drain import ours, village
from benchmarks.drain.drains import Figures, Notes
from benchmarks.drain.house import House
from benchmarks.drain.weigh import WINDOWS

SERIES = (100, 10_000, 100_000)
MESSAGES = 60_000
REGISTER_S = 240.0  # 20,000 devices and places into the rules and the intake
PARTS_SHOWN = 6


def growing(
    folder: Path, messages: int = MESSAGES, steps: Sequence[int] = SERIES
) -> tuple[Figures, Notes]:
    """CPU a message at each step, and bytes a series from the first to the last."""
    figures: Figures = {}
    rss: dict[int, int] = {}
    held: dict[int, dict[str, int]] = {}
    for series in steps:
        cpu_us, rss[series], held[series] = _with_series(
            folder / f"series-{series}", series, messages
        )
        figures[f"cpu_us_per_msg_{series}_series"] = cpu_us
        figures[f"rss_{series}_series_mb"] = round(rss[series] / 1e6, 1)
        print(f"{series} series: {cpu_us} us a message, {rss[series] / 1e6:.0f} MB", flush=True)
    least, most = steps[0], steps[-1]

    def a_series(bytes_at_most: float, bytes_at_least: float) -> int:
        return round((bytes_at_most - bytes_at_least) / (most - least))

    first, last = (figures[f"cpu_us_per_msg_{series}_series"] for series in (least, most))
    assert isinstance(first, float)
    assert isinstance(last, float)
    figures["cpu_most_to_least_series"] = round(last / first, 2)
    windows = a_series(held[most].get(WINDOWS, 0), held[least].get(WINDOWS, 0))
    figures["rss_bytes_per_series"] = a_series(rss[most], rss[least])
    figures["window_bytes_per_series"] = windows
    figures["bytes_per_series"] = a_series(rss[most], rss[least]) - windows
    grown = {name: a_series(size, held[least].get(name, 0)) for name, size in held[most].items()}
    shown = sorted((name for name in grown if name != WINDOWS), key=lambda name: -grown[name])
    return figures, {
        "cpu_most_to_least_series": f"{most} to {least} series that exist",
        "bytes_per_series": f"RSS from {least} to {most} series, without the rules' windows",
        "rss_bytes_per_series": "; ".join(f"{name} {grown[name]}" for name in shown[:PARTS_SHOWN]),
        "window_bytes_per_series": "counted object by object, as those above",
        **{f"cpu_us_per_msg_{series}_series": f"{messages} messages" for series in steps},
    }


def _with_series(folder: Path, series: int, messages: int) -> tuple[float, int, dict[str, int]]:
    devices = series // village.READINGS
    rounds = max(1, messages // devices)
    with House(folder, devices) as house:
        house.tell(range(1))
        house.settle(within_s=REGISTER_S)
        began_s = house.watch.cpu_s
        house.tell(range(1, rounds + 1))
        house.settle()
        spent_s = house.watch.cpu_s - began_s
        rss = round(process.memory_mb(house.watch.pid, "VmRSS") * 1e6)
        held = ours.weight(house.config, house.watch)
    return round(spent_s / (rounds * devices) * 1e6, 1), rss, held

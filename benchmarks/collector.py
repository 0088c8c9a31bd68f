"""From broker to database: Shouwang beside Telegraf, on the same machine in the same run.

Messages of QoS 1 wait in Mosquitto for a persistent session; a consumer is started and drains them
into InfluxDB 2.7. ``line`` and ``senml`` are Telegraf, ``bare`` is Shouwang's link, journal and store,
``whole`` the watch with quality, rules of the shipped packs, roll-ups and operations database.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import process
from benchmarks.drain import ours, peer, village
from benchmarks.drain.load import leave_session, publish
from benchmarks.drain.measure import CONNECT_S, DRAIN_S, Consumer, Drained, End, drain
from benchmarks.report import Figure, report
from tests.services.servers import Influxd, Missing, Mosquitto

DEVICES = 200
MESSAGES = 200_000
BACKLOG_MESSAGES = 1_000
SERIES = (100, 10_000, 100_000)
SERIES_MESSAGES = 60_000
OURS, THEIRS = ("bare", "whole"), ("senml", "line")

Figures = dict[str, Figure]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="of five values, queued")
    parser.add_argument("--backlog", type=int, default=BACKLOG_MESSAGES, help="of 500, queued")
    parser.add_argument("--rounds", type=int, default=1, help="of each drain; the median counts")
    parser.add_argument("--only", default="bare,whole,senml,line")
    options = parser.parse_args()
    only = options.only.split(",")
    figures: Figures = {}
    notes: dict[str, str] = {}
    telegraf = None
    try:
        telegraf = peer.find_telegraf()
    except Missing as error:
        notes["telegraf_senml_msgs_per_s"] = str(error)
        print(f"without its peer: {error}")
    folder = Path(tempfile.mkdtemp(prefix="shouwang-bench-"))
    try:
        bench = Bench(folder, telegraf)
        consumers = [name for name in ("line", "senml", "bare", "whole") if name in only]
        found = bench.rounds(options.rounds, consumers, options.messages)
        figures |= _of_messages(found, notes, options.messages)
        if "backlog" in only:
            found = bench.rounds(options.rounds, ["senml", "bare", "whole"], 0, options.backlog)
            figures |= _of_backlogs(found, notes, options.backlog)
        if "series" in only:
            more, more_notes = bench.series(SERIES, SERIES_MESSAGES)
            figures |= more
            notes |= more_notes
    finally:
        shutil.rmtree(folder)
    print(report("collector", figures, notes))


class Bench:
    """Drains in fresh folders, each with a broker, a database and a bucket of its own."""

    def __init__(self, folder: Path, telegraf: Path | None) -> None:
        self._folder = folder
        self._telegraf = telegraf
        self._nth = 0

    def rounds(
        self, rounds: int, consumers: Iterable[str], messages: int, backlog: int = 0
    ) -> dict[str, Drained]:
        """The median drain of each consumer, taken in turns so that a busy minute meets all."""
        found: dict[str, list[Drained]] = {name: [] for name in consumers}
        for _ in range(rounds):
            for name, drains in found.items():
                if name in OURS or self._telegraf is not None:
                    drains.append(self.one(name, messages, backlog))
                    print(f"{name}: {drains[-1]!r}", flush=True)
        return {
            name: sorted(drains, key=lambda each: each.seconds)[len(drains) // 2]
            for name, drains in found.items()
            if drains
        }

    def one(self, name: str, messages: int, backlog: int = 0, devices: int = DEVICES) -> Drained:
        """Queue, start, drain, count."""
        self._nth += 1
        folder = self._folder / f"{self._nth}-{name}"
        count = backlog or messages
        rounds = range(count // devices)
        now_ms = int(time.time()) * 1000
        each = village.READINGS * (village.BACKLOG_STEPS if backlog else 1)
        start_ms = now_ms - len(rounds) * (village.BACKLOG_STEPS * 60_000 if backlog else 1_000)
        device, metric = village.last_of(devices)
        end = End(
            device=device,
            metric=metric,
            count=len(rounds) * each // village.READINGS,
            values=count * each,
        )
        make = village.backlogs if backlog else village.lines if name == "line" else village.packs
        with ExitStack() as stack:
            broker = stack.enter_context(Mosquitto(folder / "broker"))
            influx = stack.enter_context(Influxd(folder / "influx"))
            bucket = influx.new_bucket()
            address = broker.host, broker.port
            env = dict(os.environ)
            is_done: Callable[[], bool] = lambda: True  # noqa: E731
            if name in OURS:
                config = ours.settle(folder / "ours", devices, broker, influx, bucket)
                command, client = ours.command(config, name), ours.CLIENT
                env["INFLUX_TOKEN"] = influx.token
                leave_session(*address, client, ours.SUBSCRIPTIONS, version=5)
                is_done = lambda: ours.read(config).unjudged == 0  # noqa: E731
            else:
                assert self._telegraf is not None
                form = "backlog" if backlog else name
                topic, _ = peer.FORMS[form]
                command = list(peer.command(self._telegraf, folder, form, broker, influx, bucket))
                client = peer.CLIENT
                leave_session(*address, client, [topic], version=4)
            publish(*address, make(devices, rounds, start_ms))
            found = drain(command, env, client, count, end, broker, influx, bucket, is_done=is_done)
        shutil.rmtree(folder)
        return found

    def series(
        self, steps: Iterable[int], messages: int
    ) -> tuple[dict[str, Figure], dict[str, str]]:
        """CPU a message and memory, with so many series that have all been heard before."""
        figures: dict[str, Figure] = {}
        memory: dict[int, int] = {}
        for series in steps:
            cpu_us, memory[series] = self._with_series(series, messages)
            figures[f"cpu_us_per_msg_{series}_series"] = cpu_us
            figures[f"rss_{series}_series_mb"] = round(memory[series] / 1e6, 1)
        least, most = min(memory), max(memory)
        figures["bytes_per_series"] = round((memory[most] - memory[least]) / (most - least))
        how = f"the watch as shipped, {messages} messages over all of them"
        notes = {f"cpu_us_per_msg_{series}_series": how for series in memory}
        return figures, notes | {"bytes_per_series": f"RSS, from {least} to {most} series"}

    def _with_series(self, series: int, messages: int) -> tuple[float, int]:
        devices = series // village.READINGS
        rounds = max(1, messages // devices)
        self._nth += 1
        folder = self._folder / f"{self._nth}-series"
        with ExitStack() as stack:
            broker = stack.enter_context(Mosquitto(folder / "broker"))
            influx = stack.enter_context(Influxd(folder / "influx"))
            bucket = influx.new_bucket()
            config = ours.settle(folder / "ours", devices, broker, influx, bucket)
            env = dict(os.environ) | {"INFLUX_TOKEN": influx.token}
            command = ours.command(config, "whole")
            consumer = stack.enter_context(Consumer(command, env, folder / "watch.log"))
            sent = 0

            def tell(rounds: range) -> None:
                nonlocal sent
                start_ms = int(time.time()) * 1000 - rounds.stop * 1_000
                sent += publish(broker.host, broker.port, village.packs(devices, rounds, start_ms))

            def has_done() -> bool:
                done = ours.read(config)
                return done.stored >= sent * village.READINGS and done.unjudged == 0

            connected = f" as {ours.CLIENT} ".encode()
            consumer.wait(lambda: connected in broker.log.read_bytes(), "connection", CONNECT_S)
            time.sleep(1.0)  # subscribed; nothing of what it says of itself tells so
            tell(range(1))
            consumer.wait(has_done, "end of the first round", DRAIN_S)
            began_s = consumer.cpu_s
            tell(range(1, rounds + 1))
            consumer.wait(has_done, "end", DRAIN_S)
            spent_s = consumer.cpu_s - began_s
            rss = round(process.memory_mb(consumer.pid, "VmRSS") * 1e6)
        shutil.rmtree(folder)
        return round(spent_s / (rounds * devices) * 1e6, 1), rss


def _of_messages(
    found: Mapping[str, Drained], notes: dict[str, str], messages: int
) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    names = {"bare": "shouwang_bare", "whole": "shouwang", "senml": "telegraf_senml",
             "line": "telegraf_line"}  # fmt: skip
    for name, drained in found.items():
        key = names[name]
        figures[f"{key}_msgs_per_s"] = drained.per_s
        figures[f"{key}_values_per_s"] = drained.values_per_s
        figures[f"{key}_cpu_us_per_msg"] = drained.cpu_us
        figures[f"{key}_rss_mb"] = round(drained.rss_mb, 1)
        notes[f"{key}_msgs_per_s"] = f"{messages} messages of 5 values, {DEVICES} devices"
        notes[f"{key}_rss_mb"] = "at its peak"
    for name, other in (("bare", "senml"), ("bare", "line"), ("whole", "senml"), ("whole", "line")):
        if name in found and other in found:
            ratio = found[name].per_s / found[other].per_s
            figures[f"{names[name]}_to_{names[other]}"] = round(ratio, 2)
    return figures


def _of_backlogs(
    found: Mapping[str, Drained], notes: dict[str, str], messages: int
) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    names = {"bare": "shouwang_bare", "whole": "shouwang", "senml": "telegraf"}
    for name, drained in found.items():
        figures[f"{names[name]}_backlog_values_per_s"] = drained.values_per_s
        figures[f"{names[name]}_backlog_rss_mb"] = round(drained.rss_mb, 1)
        notes[f"{names[name]}_backlog_values_per_s"] = f"{messages} messages of 500 readings"
    if "whole" in found and "senml" in found:
        ratio = found["whole"].values_per_s / found["senml"].values_per_s
        figures["shouwang_to_telegraf_backlog"] = round(ratio, 2)
    return figures


if __name__ == "__main__":
    main()

"""Queued messages drained by each consumer in turn, and what that says as figures."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.drain import ours, peer, village
from benchmarks.drain.load import leave_session, publish
from benchmarks.drain.measure import Drained, End, drain
from benchmarks.report import Figure
from tests.services.servers import Influxd, Mosquitto

DEVICES = 200
OURS = ("bare", "whole")
KEYS = {
    "line": "telegraf_line",
    "senml": "telegraf_senml",
    "senml-xpath": "telegraf_senml_xpath",
    "bare": "shouwang_bare",
    "whole": "shouwang",
}
HOW = {
    "line": "Telegraf, line protocol",
    "senml": "Telegraf, SenML by json_v2, each metric named beforehand",
    "senml-xpath": "Telegraf, SenML by xpath_json, whatever metric comes",
    "bare": "link, intake, journal and store alone",
    "whole": "the watch as shipped",
}
BACKLOG_KEYS = {
    "senml": "telegraf_backlog", "bare": "shouwang_bare_backlog", "whole": "shouwang_backlog",
}  # fmt: skip

Figures = dict[str, Figure]
Notes = dict[str, str]


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
        rounds = range((backlog or messages) // devices)
        count = len(rounds) * devices
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
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
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
            return drain(command, env, client, count, end, broker, influx, bucket, is_done=is_done)


def of_messages(found: Mapping[str, Drained], messages: int) -> tuple[Figures, Notes]:
    """The figures of messages of five values, and how one consumer stands to another."""
    figures: Figures = {}
    notes: Notes = {}
    for name, drained in found.items():
        key = KEYS[name]
        figures[f"{key}_msgs_per_s"] = drained.per_s
        notes[f"{key}_msgs_per_s"] = f"{HOW[name]}; {messages} messages of {DEVICES} devices"
        figures[f"{key}_values_per_s"] = drained.values_per_s
        figures |= _spent(key, drained)
    for mine, theirs in (
        ("bare", "senml"), ("bare", "senml-xpath"), ("bare", "line"),
        ("whole", "senml"), ("whole", "senml-xpath"), ("whole", "line"),
    ):  # fmt: skip
        if mine in found and theirs in found:
            ratio = found[mine].per_s / found[theirs].per_s
            figures[f"{KEYS[mine]}_to_{KEYS[theirs]}"] = round(ratio, 2)
    return figures, notes


def of_backlogs(found: Mapping[str, Drained], messages: int) -> tuple[Figures, Notes]:
    """The same of messages of 500 readings, in values."""
    figures: Figures = {}
    notes: Notes = {}
    for name, drained in found.items():
        key = BACKLOG_KEYS[name]
        how = "Telegraf, SenML by xpath_json" if name == "senml" else HOW[name]
        figures[f"{key}_values_per_s"] = drained.values_per_s
        notes[f"{key}_values_per_s"] = f"{how}; {messages} messages of 500 readings"
        figures |= _spent(key, drained)
    for mine in OURS:
        if mine in found and "senml" in found:
            ratio = found[mine].values_per_s / found["senml"].values_per_s
            figures[f"{KEYS[mine]}_to_telegraf_backlog"] = round(ratio, 2)
    return figures, notes


def _spent(key: str, drained: Drained) -> Figures:
    """What each process took for a message, and whether a core was left idle."""
    return {
        f"{key}_cpu_us_per_msg": drained.us(drained.cpu_s),
        f"{key}_broker_cpu_us_per_msg": drained.us(drained.broker_s),
        f"{key}_store_cpu_us_per_msg": drained.us(drained.store_s),
        f"{key}_cores_busy_percent": round(drained.busy * 100),
        f"{key}_other_work_percent": round(drained.others * 100),
        f"{key}_rss_mb": round(drained.rss_mb, 1),
    }

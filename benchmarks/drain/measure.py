"""One drain: a consumer is started on a full queue, and timed until InfluxDB holds everything.

The clock runs from the moment the broker sees the consumer connect, so that no start-up counts. The
end is asked of InfluxDB itself, for all consumers alike: of the one series that comes last, since a
count of everything would be felt on two cores. Afterwards everything is counted.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import process
from benchmarks.drain.village import FEEDER, SITE, SONDE
from tests.services.servers import Influxd, Mosquitto

CONNECT_S = 60.0
DRAIN_S = 240.0
LOOK_S = 0.03
END_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What a drain of ``messages`` took; CPU of each process in seconds, memory at its peak."""

    messages: int
    values: int
    seconds: float
    cpu_s: float
    broker_s: float
    store_s: float
    busy: float
    """Of the cores, by anybody: 1 when none was idle."""
    others: float
    """Of the cores, by none of the three: the bench's own looks, the kernel, and other work."""
    rss_mb: float

    @property
    def per_s(self) -> int:
        return round(self.messages / self.seconds)

    @property
    def values_per_s(self) -> int:
        return round(self.values / self.seconds)

    @property
    def cpu_us(self) -> float:
        """Of the consumer, a message."""
        return self.us(self.cpu_s)

    def us(self, cpu_s: float) -> float:
        """So much CPU by messages, in microseconds."""
        return round(cpu_s / self.messages * 1e6, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How many values the last series holds when all is stored, and how many there are in all."""

    device: str
    metric: str
    count: int
    values: int


class Consumer:
    """A consumer's process; ended by its own handle."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(env)
            )

    def __enter__(self) -> "Consumer":
        return self

    def __exit__(self, *_: object) -> None:
        process.end(self._process, END_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, is_so: Callable[[], bool], what: str, within_s: float) -> None:
        """Until it is so; RuntimeError when the process ended or takes too long."""
        until = time.monotonic() + within_s
        while not is_so():
            if self._process.poll() is not None or time.monotonic() > until:
                tail = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"no {what} within {within_s:g} s:\n{tail}")
            time.sleep(LOOK_S)

    @property
    def cpu_s(self) -> float:
        return process.cpu_s(self.pid)

    @property
    def rss_mb(self) -> float:
        """At its peak."""
        return process.memory_mb(self.pid, "VmHWM")


def drain(
    command: Sequence[str],
    env: Mapping[str, str],
    client: str,
    messages: int,
    end: End,
    broker: Mosquitto,
    influx: Influxd,
    bucket: str,
    *,
    is_done: Callable[[], bool] = lambda: True,
) -> Drained:
    """Start the consumer and measure it; ``is_done`` is what it must have done beside storing."""
    seen = broker.log.read_bytes().count(_as(client))
    with Consumer(command, env, broker.folder / f"{client}.log") as consumer:
        consumer.wait(
            lambda: broker.log.read_bytes().count(_as(client)) > seen, "connection", CONNECT_S
        )
        pids = consumer.pid, broker.pid, influx.pid
        began_s, began_cores = time.monotonic(), process.cores_s()
        before = [process.cpu_s(pid) for pid in pids]
        consumer.wait(lambda: stored(influx, bucket, end) >= end.count, "end", DRAIN_S)
        consumer.wait(is_done, "end of the judging", DRAIN_S)
        seconds, cores = time.monotonic() - began_s, process.cores_s()
        spent = [process.cpu_s(pid) - was for pid, was in zip(pids, before, strict=True)]
        rss_mb = consumer.rss_mb
    check(influx, bucket, end.values)
    busy_s, all_s = (now - was for now, was in zip(cores, began_cores, strict=True))
    return Drained(
        messages=messages, values=end.values, seconds=seconds, rss_mb=rss_mb,
        cpu_s=spent[0], broker_s=spent[1], store_s=spent[2],
        busy=busy_s / all_s, others=max(0.0, busy_s - sum(spent)) / all_s,
    )  # fmt: skip


def stored(influx: Influxd, bucket: str, end: End) -> int:
    """How many values of the last series are there."""
    where = f"site = '{SITE}' AND device = '{end.device}'"
    rows = influx.query(bucket, f'SELECT count("{end.metric}") FROM reading WHERE {where}')
    return int(rows[0]["count"]) if rows else 0


def check(influx: Influxd, bucket: str, values: int) -> None:
    """RuntimeError unless InfluxDB holds so many values."""
    if (count := held(influx, bucket)) != values:
        raise RuntimeError(f"InfluxDB holds {count} values of {values}")


def held(influx: Influxd, bucket: str) -> int:
    """How many values InfluxDB holds; of a series, those of one time are one."""
    counted = 0
    for metric in (*SONDE, *FEEDER):  # one by one: many millions take longer than a query may
        rows = influx.query(bucket, f'SELECT count("{metric}") FROM reading')
        counted += sum(int(row["count"]) for row in rows)
    return counted


def _as(client: str) -> bytes:
    return f" as {client} ".encode()

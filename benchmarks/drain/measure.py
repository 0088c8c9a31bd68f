"""One drain: a consumer is started on a full queue, and timed until InfluxDB holds everything.

The clock runs from the moment the broker sees the consumer connect, so that no start-up counts. The
end is asked of InfluxDB itself, for all consumers alike: of the one series that comes last, since a
count of everything would be felt on two cores. Afterwards everything is counted.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import process
from benchmarks.drain.village import SITE
from tests.services.servers import Influxd, Mosquitto

CONNECT_S = 60.0
DRAIN_S = 240.0
LOOK_S = 0.03
END_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What a drain of ``messages`` took; CPU in seconds, memory at its peak."""

    messages: int
    values: int
    seconds: float
    cpu_s: float
    rss_mb: float
    others_s: float = field(repr=False)
    """CPU of broker and database meanwhile."""

    @property
    def per_s(self) -> int:
        return round(self.messages / self.seconds)

    @property
    def values_per_s(self) -> int:
        return round(self.values / self.seconds)

    @property
    def cpu_us(self) -> float:
        """Of the consumer, a message."""
        return round(self.cpu_s / self.messages * 1e6, 1)


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
    others = process.cpu_s(broker.pid) + process.cpu_s(influx.pid)
    with Consumer(command, env, broker.folder / f"{client}.log") as consumer:
        consumer.wait(
            lambda: broker.log.read_bytes().count(_as(client)) > seen, "connection", CONNECT_S
        )
        began_s, began_cpu_s = time.monotonic(), consumer.cpu_s
        consumer.wait(lambda: stored(influx, bucket, end) >= end.count, "end", DRAIN_S)
        consumer.wait(is_done, "end of the judging", DRAIN_S)
        seconds = time.monotonic() - began_s
        spent_s, rss_mb = consumer.cpu_s - began_cpu_s, consumer.rss_mb
        others = process.cpu_s(broker.pid) + process.cpu_s(influx.pid) - others
    check(influx, bucket, end)
    return Drained(
        messages=messages, values=end.values, seconds=seconds, cpu_s=spent_s, rss_mb=rss_mb,
        others_s=others,
    )  # fmt: skip


def stored(influx: Influxd, bucket: str, end: End) -> int:
    """How many values of the last series are there."""
    where = f"site = '{SITE}' AND device = '{end.device}'"
    rows = influx.query(bucket, f'SELECT count("{end.metric}") FROM reading WHERE {where}')
    return int(rows[0]["count"]) if rows else 0


def check(influx: Influxd, bucket: str, end: End) -> None:
    """RuntimeError unless InfluxDB holds each value once."""
    found = influx.count(bucket)
    count = sum(n for name, n in found.items() if not name.endswith("_q"))
    if count != end.values:
        raise RuntimeError(f"InfluxDB holds {count} values of {end.values}: {found}")


def _as(client: str) -> bytes:
    return f" as {client} ".encode()

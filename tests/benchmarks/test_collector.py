"""The collector's benchmark drains real queues, in small, and its messages are what devices send."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.collector import main, measure
from benchmarks.drain import peer, village
from benchmarks.drain.ceilings import ceilings
from benchmarks.drain.drains import Bench
from collector.intake import Bindings
from edge.contract.reading import Batch, Decoded
from edge.contract.senml import decode, encode
from tests.services.servers import Missing

NOW_MS = int(time.time()) * 1000


def read(payload: bytes, device: str = "d") -> Batch:
    got = decode(payload, topic="t", site=village.SITE, device=device, now_ms=NOW_MS)
    assert isinstance(got, Decoded)
    assert got.rejected == ()
    return got.batch


def test_a_pack_is_what_a_device_would_send() -> None:
    for _, payload in village.packs(2, range(3), NOW_MS - 60_000):
        assert json.loads(encode(list(read(payload).readings()))) == json.loads(payload)


def test_a_backlog_message_holds_five_hundred_readings_in_order() -> None:
    batches = [read(payload) for _, payload in village.backlogs(1, range(2), NOW_MS - 10**9)]
    assert [len(batch) for batch in batches] == [500, 500]
    seqs = [seq for batch in batches for seq in batch.seq]
    assert seqs == list(range(1_000))
    times = [at_ms for batch in batches for at_ms in batch.at_ms]
    assert times == sorted(times)
    assert len(set(times)) == 200


def test_line_protocol_says_the_same_as_senml() -> None:
    span = 3, range(2), NOW_MS - 60_000
    for (_, line), (_, payload) in zip(village.lines(*span), village.packs(*span), strict=True):
        batch = read(payload)
        _, fields, at_ms = line.decode().split(" ")
        said = dict(field.split("=") for field in fields.split(","))
        assert {name: float(value) for name, value in said.items()} == dict(
            zip(batch.metric, batch.value, strict=True)
        )
        assert set(batch.at_ms) == {int(at_ms)}


def test_each_device_may_say_what_it_says() -> None:
    bindings = Bindings(village.registry(4))
    for topic, payload in village.packs(4, range(1), NOW_MS - 60_000):
        device = topic.split("/")[3]
        assert bindings.knows(village.SITE, device)
        assert bindings.bind(replace(read(payload), site=village.SITE, device=device, form=None))


@pytest.mark.mosquitto
@pytest.mark.influxdb
@pytest.mark.parametrize("name", ["bare", "whole"])
def test_a_queue_is_drained_to_the_last_value(name, tmp_path: Path) -> None:
    drained = Bench(tmp_path, None).one(name, 400)
    assert drained.values == 2_000
    assert drained.per_s > 0
    assert drained.cpu_us >= 0  # counted in hundredths of a second: so few messages may take none
    assert drained.rss_mb > 0


def test_a_machine_without_telegraf_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if not any(Path(folder, "go").exists() for folder in ("/usr/bin", "/bin")):
        with pytest.raises(Missing, match="could not be built"):
            peer.find_telegraf()


@pytest.mark.mosquitto
@pytest.mark.influxdb
@pytest.mark.parametrize(
    ("name", "backlog"), [("line", 0), ("senml", 0), ("senml-xpath", 0), ("senml", 200)]
)
def test_telegraf_stores_each_record_with_its_own_time(name, backlog, tmp_path: Path) -> None:
    try:
        telegraf = peer.find_telegraf(build=False)
    except Missing as error:
        pytest.skip(str(error))
    # A drain counts the distinct times of each series, so a wrong time would be missed.
    drained = Bench(tmp_path, telegraf).one(name, 400, backlog)
    assert drained.values == (100_000 if backlog else 2_000)


@pytest.mark.mosquitto
@pytest.mark.influxdb
def test_ceilings_are_of_all_that_was_queued(tmp_path: Path) -> None:
    figures, _ = ceilings(tmp_path, 6_000)  # more than the broker hands out at once
    assert all(isinstance(value, int | float) and value > 0 for value in figures.values())


def test_a_part_that_falls_takes_no_other_with_it(capsys) -> None:
    def falls() -> tuple[dict[str, float | int | str], dict[str, str]]:
        raise RuntimeError("no end within 240 s")

    figures, _, failed = measure({"series": falls, "outage": lambda: ({"outage_lost": 0}, {})})
    assert (figures, failed) == ({"outage_lost": 0}, ["series"])
    assert "series: no end within 240 s" in capsys.readouterr().out


def test_a_part_that_does_not_exist_is_refused_with_those_that_do(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["collector", "--only", "bare,latencies"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    told = capsys.readouterr().err
    assert "no such part: latencies" in told
    assert "latency" in told

"""The script of the demo on real processes: undisturbed, and with the watch and the broker killed."""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.demo import scenario
from collector.demo.command import play
from collector.demo.house import House, Wish, free_port
from edge.contract.metrics import BY_HOUSE
from tests.journeys.runs import SITE, Left, left_by

BEGIN_S = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
SPEED = 360.0
KILL_SPEED = 200.0  # a restart of the watch is some minutes of the house here
WATCH_KILLS, BROKER_KILLS = 20, 5
BETWEEN_KILLS_S = (2.0, 7.0)  # so that the 25 lie all over the run
SEED = 20261122


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Left, Path]:
    """The script on the embedded parts, once for all tests of this session."""
    folder = tmp_path_factory.mktemp("undisturbed")
    wish = Wish(folder=folder, port=free_port(), speed=SPEED, once=True, begin_s=BEGIN_S)

    async def run() -> Left:
        async with House(wish) as house:
            return await left_by(house, await play(house, asyncio.Event()))

    return asyncio.run(run()), folder


@pytest.mark.timeout(300)
def test_the_account_of_an_undisturbed_run_balances(undisturbed: tuple[Left, Path]) -> None:
    account = undisturbed[0].account
    assert account.missing == ()
    assert account.measured == account.stored > 3000
    assert account.dead == 0
    assert account.ok


@pytest.mark.timeout(300)
def test_replaying_the_journal_gives_the_transitions_of_the_live_run(
    undisturbed: tuple[Left, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    left, folder = undisturbed
    assert main(["replay", "--lang", "en", "--config", str(folder / "shouwang.toml")]) == 0
    told = capsys.readouterr().out
    count = len(left.live)
    assert f"{count} transitions; {count} as they did ring, 0 only then, 0 only now" in told


@pytest.mark.timeout(300)
def test_replaying_the_recording_as_a_table_gives_the_transitions_of_the_live_run(
    undisturbed: tuple[Left, Path], tmp_path: Path
) -> None:
    found = tmp_path / "transitions.json"
    columns = {
        "water_temp_c": "laobakou/water-temp",
        "conductivity_us_cm": "laobakou/conductivity",
        "ph": "laobakou/ph",
        "do_mg_l": "laobakou/do",
        "turbidity_ntu": "laobakou/turbidity",
        "stage_cm": "laobakou/water-level*0.01",
    }
    words = ["replay", "--csv", str(scenario.RECORDINGS / "main-street-2019-01.csv")]
    words += ["--community", str(scenario.COMMUNITY), "--site", SITE, "--device", "laobakou-01"]
    words += [word for pair in columns.items() for word in ("--column", "=".join(pair))]
    assert main([*words, "--json", str(found)]) == 0
    start_ms = datetime.fromisoformat(scenario.RIVER_START).timestamp() * 1000
    replayed = {
        (told["rule"], told["change"], told["at_ms"] - start_ms, told["value"])
        for told in json.loads(found.read_text("utf-8"))["transitions"]
        if told["at_ms"] - start_ms < scenario.LENGTH_S * 1000
    }
    live = {
        (rule, change, at_ms, value)
        for rule, subject, change, _, at_ms, value in undisturbed[0].transitions
        if subject == f"place:{SITE}/laobakou"
    }
    assert live == replayed
    assert ("riv-cond-rise", "raised", 3_600_000, 683.6) in live


@pytest.mark.mosquitto
@pytest.mark.influxdb
@pytest.mark.timeout(600)
async def test_killing_watch_and_broker_changes_neither_readings_nor_transitions_nor_notices(
    tmp_path: Path,
    undisturbed: tuple[Left, Path],
    mosquitto_server: Callable[..., Any],
    influxdb_server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOUWANG_TEST_INFLUX_TOKEN", influxdb_server.token)
    broker = mosquitto_server()
    bucket = influxdb_server.new_bucket()
    wish = Wish(
        folder=tmp_path,
        port=free_port(),
        speed=KILL_SPEED,
        once=True,
        begin_s=BEGIN_S,
        mqtt_url=broker.url,
        store="influx",
        influx_url=influxdb_server.url,
        influx_org=influxdb_server.org,
        influx_bucket=bucket,
        influx_token="env:SHOUWANG_TEST_INFLUX_TOKEN",
    )
    async with House(wish) as house:
        killing = asyncio.create_task(_kill(house, broker), name="kill")
        account = await play(house, asyncio.Event())
        kills = await killing
        left = await left_by(house, account)
    assert kills == (WATCH_KILLS, BROKER_KILLS)
    # Silence is judged only while the house sees, and a climb needs somebody awake to climb for.
    assert [m for m in account.missing if "riv-offline" not in m and "not told" not in m] == []
    assert account.measured == account.stored
    counts = influxdb_server.count(bucket)  # by a query to InfluxDB itself, per field
    of_devices = {field for field in counts if field.removesuffix("_q") not in BY_HOUSE}
    assert sum(counts[field] for field in of_devices if field.endswith("_q")) == account.measured
    calm = undisturbed[0]
    assert left.readings == calm.readings
    assert left.transitions == calm.transitions
    assert calm.told - left.told == frozenset(), "no notice is missing"


async def _kill(house: House, broker: Any) -> tuple[int, int]:
    """Kill the watch 20 times and the broker 5 times with its database, at random moments."""
    chance = random.Random(SEED)
    blows = ["watch"] * WATCH_KILLS + ["broker"] * BROKER_KILLS
    chance.shuffle(blows)
    done = {"watch": 0, "broker": 0}
    for blow in blows:
        await asyncio.sleep(chance.uniform(*BETWEEN_KILLS_S))
        if blow == "broker":
            broker.kill()
            broker.delete_database()
            await asyncio.to_thread(broker.start)
        else:
            await _kill_watch(house)
        done[blow] += 1
    return done["watch"], done["broker"]


async def _kill_watch(house: House) -> None:
    """Wait until a watch is up that has not been killed before, and kill it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = house.watch()
        if status is not None:
            try:
                os.kill(status.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # the one before; its successor has not written yet
            else:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the watch did not come back within 30 s")

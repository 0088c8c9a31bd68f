"""The demo's house before it stands: what it refuses, what it says, how it signs in."""

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry.toml import read
from collector.cli import main
from collector.demo import house as houses
from collector.demo import scenario
from collector.demo.command import _parser, _wish
from collector.demo.house import House, Wish
from collector.errors import ConfigError, OutsideError
from collector.stores.influx import InfluxStore
from collector.stores.kinds import InfluxSettings
from collector.stores.port import StoreUnavailable
from edge import config as edge_config
from edge.clock import Clock
from edge.contract.reading import Batch, Reading


def test_a_port_that_is_taken_is_named_with_the_remedy_before_anything_starts(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = ["demo", "--port", str(port), "--data", str(tmp_path / "here")]
        assert main(words) == 3
    told = capsys.readouterr().err
    assert f"port {port} is taken; name another with --port" in told
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "is_fixed"), [([], True), (["--once"], False), (["--once", "--port", "8420"], True)]
)
def test_once_takes_any_free_port_unless_one_is_named(tmp_path, words, is_fixed):
    port = _wish(_parser().parse_args(words), tmp_path).port
    assert (port == 8420) is is_fixed
    assert 1 <= port <= 65535


def test_a_start_that_fails_ends_with_the_last_lines_of_the_log(tmp_path, monkeypatch, capsys):
    (tmp_path / "broken.py").write_text("raise SystemExit('\\x1b[31mno room at the inn')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    start = House._start

    async def broken(self: House, name: str, module: str, *words: str) -> None:
        await start(self, name, "broken", *words)

    monkeypatch.setattr(House, "_start", broken)
    assert main(["demo", "--once"]) == 3
    told = capsys.readouterr().err
    assert "the demo's broker did not start" in told
    assert "?[31mno room at the inn" in told


class Bucket:
    """A store that holds so many points."""

    def __init__(self, points: int) -> None:
        self.points = points

    async def set_up(self) -> None:
        if self.points < 0:
            raise StoreUnavailable("InfluxDB at http://x is away")

    async def count(self) -> int:
        return self.points

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (7, ConfigError, "--influx-bucket shouwang: holds 7 points; name a new one"),
        (-1, OutsideError, "InfluxDB at http://x is away"),
    ],
)
async def test_a_bucket_that_would_spoil_the_account_is_refused(
    tmp_path, monkeypatch, points, error, words
):
    monkeypatch.setattr(houses, "open_store", lambda config: Bucket(points))
    wish = Wish(folder=tmp_path, port=houses.free_port(), store="influx", influx_url="http://x")
    with pytest.raises(error, match=re.escape(words)):
        async with House(wish):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.influxdb
async def test_a_new_bucket_is_fine_and_a_used_one_is_refused(
    tmp_path, influxdb_server, monkeypatch
):
    monkeypatch.setenv("SHOUWANG_TEST_INFLUX_TOKEN", influxdb_server.token)
    wish = Wish(
        folder=tmp_path,
        store="influx",
        influx_url=influxdb_server.url,
        influx_org=influxdb_server.org,
        influx_bucket=influxdb_server.new_bucket(),
        influx_token="env:SHOUWANG_TEST_INFLUX_TOKEN",
    )
    await houses._look_at_store(wish)
    store = InfluxStore(
        InfluxSettings(
            url=wish.influx_url,
            org=wish.influx_org,
            bucket=wish.influx_bucket,
            token=influxdb_server.token,
        )
    )
    batch = Batch(site="s", device="d", run="r", first=0, count=1)
    at_ms = Clock().now_ms()
    batch.add(Reading(place="p", port="", metric="do", value=8.0, at_ms=at_ms, run="r", seq=0))
    await store.write([batch])
    await store.close()
    with pytest.raises(ConfigError, match="holds 1 points"):
        await houses._look_at_store(wish)


def made(wish: Wish) -> House:
    """A house whose files can be written; nothing runs."""
    house = House(wish)
    house._broker_url = wish.mqtt_url or "mqtt://127.0.0.1:1"
    house._inbox_ports = (1, 2)
    house.config = house._configure()
    return house


def test_on_a_broker_of_ones_own_devices_and_collector_sign_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOUWANG_TEST_PASSWORD", "s3cret")
    wish = Wish(
        folder=tmp_path,
        mqtt_url="mqtt://broker:1883",
        mqtt_user='o"neil',
        mqtt_password="env:SHOUWANG_TEST_PASSWORD",
    )
    house = made(wish)
    assert (house.config.mqtt.user, house.config.mqtt.password) == (
        'o"neil',
        "env:SHOUWANG_TEST_PASSWORD",
    )
    keys = house._mqtt_keys(wish.mqtt_user)
    files = scenario.device_files(mqtt=keys, begin_ms=0, once=True, resend_s=3)
    for device, text in files.items():
        path = tmp_path / f"{device}.toml"
        path.write_text(text, "utf-8")
        mqtt = edge_config.read(path).mqtt
        assert (mqtt.host, mqtt.user) == ("broker", 'o"neil')
        assert mqtt.password is not None
        assert mqtt.password.reveal() == "s3cret"
        assert "s3cret" not in text


def test_two_runs_on_one_broker_share_no_session(tmp_path):
    wish = Wish(folder=tmp_path, mqtt_url="mqtt://127.0.0.1:1883")
    one, two = (made(wish).config.cell for _ in range(2))
    assert one != two
    assert one.startswith("riverside-")
    assert made(replace(wish, mqtt_url="")).config.cell == "riverside"


def test_every_device_of_the_community_has_a_part_in_the_script(tmp_path):
    files = scenario.device_files(mqtt="", begin_ms=0, once=True, resend_s=3)
    registered = {device.id for device in read(scenario.COMMUNITY).devices}
    assert set(House(Wish(folder=Path(tmp_path))).devices) == set(files) == registered

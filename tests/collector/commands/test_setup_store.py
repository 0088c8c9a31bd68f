"""`shouwang setup-store` against the real InfluxDB 2 and 1, and the small InfluxDB 3."""

import asyncio
from pathlib import Path

import pytest

from collector.cli import main
from collector.config import read_config
from collector.opening import open_store
from tests.collector.stores.batches import NOON, PH, SITE, good
from tests.collector.stores.influx3 import influx3


@pytest.fixture
def cell(tmp_path, request):
    """Writes shouwang.toml and runs the verb on it."""

    def run(store: str, *options: str) -> int:
        bucket = f"s{abs(hash(request.node.nodeid))}"
        path = tmp_path / "shouwang.toml"
        path.write_text(
            f"[store]\n{store}\nbucket = '{bucket}'\n[retention]\npoints_days = 0\n", "utf-8"
        )
        return main(["setup-store", "--config", str(path), *options])

    return run


def lines(capsys) -> list[str]:
    return [line.replace("  ", " ") for line in capsys.readouterr().out.splitlines()]


async def stored(path: Path) -> int:
    """What the cell's own sign-in can write and count."""
    store = open_store(read_config(path))
    try:
        await store.set_up()
        await store.write([good(PH, (NOON, 7.0))])
        return await store.count()
    finally:
        await store.close()


@pytest.mark.influxdb
def test_buckets_and_tokens_are_made_once_and_serve_the_cell(
    cell, tmp_path, influxdb_server, monkeypatch, capsys
):
    monkeypatch.setenv("ADMIN", influxdb_server.token)
    store = (
        f"kind = 'influx'\nurl = '{influxdb_server.url}'\norg = '{influxdb_server.org}'\n"
        "token = 'file:keys/store-write.token'"
    )
    options = ("--admin-token", "env:ADMIN", "--sign-ins", str(tmp_path / "keys"))
    assert cell(store, *options) == 0
    told = lines(capsys)
    assert [line.split()[0] for line in told] == ["made"] * 5
    assert [line.rpartition(", ")[2] for line in told[:3]] == [
        *("keeps for ever", "keeps 90 days", "keeps for ever"),
    ]
    token = (tmp_path / "keys/store-write.token").read_text().strip()
    assert (tmp_path / "keys/store-write.token").stat().st_mode & 0o777 == 0o600
    assert token not in "".join(told)
    assert asyncio.run(stored(tmp_path / "shouwang.toml")) == 1
    # Grafana's reads, and does not write.
    read = (tmp_path / "keys/store-read.token").read_text().strip()
    path = tmp_path / "shouwang.toml"
    path.write_text(path.read_text().replace("store-write.token", "store-read.token"))
    with pytest.raises(Exception, match="403"):
        asyncio.run(stored(path))
    assert read != token
    assert cell(store, *options) == 0
    assert [line.split()[0] for line in lines(capsys)] == ["there"] * 5


@pytest.mark.influxdb1
def test_databases_and_users_are_made_once_and_serve_the_cell(
    cell, tmp_path, influxdb1_server, monkeypatch, capsys
):
    monkeypatch.setenv("ADMIN", influxdb1_server.password)
    store = f"kind = 'influx1'\nurl = '{influxdb1_server.url}'\n"
    options = (
        *("--admin-user", influxdb1_server.user, "--admin-password", "env:ADMIN"),
        *("--sign-ins", str(tmp_path / "keys")),
    )
    assert cell(store, *options) == 0
    told = lines(capsys)
    assert [line.split()[0] for line in told] == ["made"] * 5
    user = told[3].split()[1].rstrip(",")
    path = tmp_path / "shouwang.toml"
    signs = f"user = '{user}'\npassword = 'file:keys/store-write.password'\n"
    path.write_text(path.read_text().replace("[store]\n", f"[store]\n{signs}"))
    assert asyncio.run(stored(path)) == 1
    path.write_text(path.read_text().replace("-write", "-read"))
    with pytest.raises(Exception, match="403"):
        asyncio.run(stored(path))
    assert cell(store, *options) == 0
    assert [line.split()[0] for line in lines(capsys)] == ["there"] * 5


@pytest.mark.influxdb
def test_a_token_that_may_not_is_told_what_is_missing(
    cell, tmp_path, influxdb_server, monkeypatch, capsys
):
    monkeypatch.setenv("ADMIN", influxdb_server.token)
    where = f"kind = 'influx'\nurl = '{influxdb_server.url}'\norg = '{influxdb_server.org}'\n"
    assert cell(where, "--admin-token", "env:ADMIN", "--sign-ins", str(tmp_path / "keys")) == 0
    store = f"{where}token = 'file:keys/store-write.token'\nbucket_per_site = true"
    assert cell(store, "--site", SITE) == 2
    said = capsys.readouterr().err
    assert said.count("is missing, and who signs in may not make it") == 3
    assert "--admin-token" not in said
    assert "administrator's sign-in" in said


@pytest.mark.influxdb
def test_each_site_gets_its_buckets_and_those_that_differ_are_left_as_they_are(
    cell, influxdb_server, monkeypatch, capsys
):
    monkeypatch.setenv("ADMIN", influxdb_server.token)
    store = (
        f"kind = 'influx'\nurl = '{influxdb_server.url}'\norg = '{influxdb_server.org}'\n"
        "bucket_per_site = true"
    )
    assert cell(store, "--admin-token", "env:ADMIN", "--site", "a-1", "--site", "b") == 0
    told = lines(capsys)
    assert len(told) == 6
    assert told[1].split()[2].endswith("_a-1_1m,")
    assert cell(f"{store}\n#", "--admin-token", "env:ADMIN", "--site", "b") == 0
    assert [line.split()[0] for line in lines(capsys)] == ["there"] * 3


async def test_influxdb_3_gets_a_database_and_says_that_it_was_there(cell, monkeypatch, capsys):
    monkeypatch.setenv("ADMIN", "a-token")
    async with influx3("a-token") as server:
        store = f"kind = 'influx3'\nurl = '{server.url}'"
        for word in ("made", "there"):
            run = asyncio.to_thread(cell, store, "--admin-token", "env:ADMIN", "--sign-ins", "/x")
            assert await run == 0
            told = lines(capsys)
            assert told[0].split()[:2] == [word, "database"]
            assert "its own command line" in told[1]
        assert list(server.databases.values()) == [None]


@pytest.mark.parametrize("store", ["", "kind = 'victoria'\nurl = 'http://127.0.0.1:1'"])
def test_what_needs_no_set_up_says_so(cell, store, capsys):
    assert cell(store) == 0
    assert "has nothing to set up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("store", "options", "said"),
    [
        (
            "kind = 'influx1'\nurl = 'http://127.0.0.1:1'",
            ["--admin-token", "env:A"],
            "--admin-user",
        ),
        ("kind = 'influx'\nurl = 'http://127.0.0.1:1'", ["--admin-token", "geheim"], "a reference"),
        ("kind = 'influx'\nurl = 'http://127.0.0.1:1'", ["--admin-token", "env:NO"], "is not set"),
        ("kind = 'influx'\nurl = 'http://127.0.0.1:1'", [], "store.token: is needed"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_asked(cell, store, options, said, capsys):
    assert cell(store, *options) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "geheim" not in told


def test_a_server_that_is_away_ends_with_3(cell, monkeypatch, capsys):
    monkeypatch.setenv("ADMIN", "t")
    store = "kind = 'influx'\nurl = 'http://127.0.0.1:9'"
    assert cell(store, "--admin-token", "env:ADMIN") == 3
    assert "see that it runs" in capsys.readouterr().err

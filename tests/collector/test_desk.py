"""The desk without its store: it comes up, says what is missing, shows and takes acts all the same."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.notify.webpush import page_key
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change, Transition
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from collector.config import Config, NoticesConfig
from collector.delays import Delays
from collector.demo.house import free_port
from collector.desk import figures, main, web_push
from collector.health import Part
from collector.services import WebPushConfig
from dashboards.ports import Push
from edge.contract.subject import Subject
from tests.collector.test_health import STATUS
from tests.collector.village import PLACE, SITE, settle

SOON_S = 60.0
RAISED = Transition(
    rule="riv-do-low", subject=Subject.of_place(SITE, PLACE), journal="j", position=1, nth=0,
    change=Change.RAISED, cls=IncidentClass.POLLUTION, severity=Severity.MAJOR,
    at_ms=0, since_ms=0, seen_ms=0, place=PLACE, metric="do", value=1.0, limit=2.0,
)  # fmt: skip
DEAD_INFLUX = '[store]\nkind = "influx"\nurl = "http://127.0.0.1:{port}"\ntoken = "file:token"\n'


def write(folder: Path, port: int, more: str = "") -> Path:
    config = settle(folder, "mqtt://127.0.0.1:1")
    config.write_text(config.read_text().replace("port = 0", f"port = {port}") + more)
    (folder / "token").write_text("x", "utf-8")
    with Operations(f"sqlite:///{folder / 'state' / 'operations.db'}") as operations:
        operations.take([RAISED], read_packs(shipped()), datetime.now(UTC))
    return config


@asynccontextmanager
async def desk(config: Path, port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """``collector.desk`` as a process of its own, and a client that it answers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector.desk", str(config), stderr=subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            async with asyncio.timeout(SOON_S):
                while not await _answers(client):
                    assert process.returncode is None, "it ended by itself"
                    await asyncio.sleep(0.1)
            yield client
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 5) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _answers(client: aiohttp.ClientSession) -> bool:
    try:
        async with client.get("/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.mark.parametrize("more", ["", DEAD_INFLUX], ids=["no file yet", "InfluxDB is down"])
async def test_without_its_store_the_desk_shows_incidents_and_takes_acts(tmp_path, more):
    port = free_port()
    config = write(tmp_path, port, more.format(port=free_port()))
    async with desk(config, port) as client:
        async with client.get("/readyz") as answer:
            parts = (await answer.json())["parts"]
            assert answer.status == 503
            assert not parts["store"]["ok"]
            assert "StoreUnavailable" in parts["store"]["why"]
            assert parts["operations"]["ok"]
        for path in ("/", f"/places/{SITE}/{PLACE}"):
            async with client.get(path) as answer:
                assert answer.status == 200
                assert "老坝口" in await answer.text()
        async with client.post(
            "/api/v1/incidents/1/acknowledge",
            json={"who": "mei"},
            headers={"Origin": f"http://127.0.0.1:{port}"},
        ) as answer:
            assert answer.status == 200, await answer.text()
    assert not (tmp_path / "state" / "readings.db").exists()
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        incident = operations.incident(1)
    assert incident is not None
    assert incident.acknowledged_by == "mei"


def test_a_port_that_is_taken_is_one_line_with_the_remedy_and_exit_3(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main([str(write(tmp_path, port))]) == 3
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if not line.startswith("{")]) == 1
    assert f"port {port}" in told[-1]
    assert "[desk]" in told[-1]


def test_browsers_register_themselves_where_the_key_is_one_and_else_the_desk_says_why(
    monkeypatch, caplog
):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    config = Config(
        webpush=WebPushConfig(key="env:PUSH_KEY", subject="mailto:a@example.org"),
        notices=NoticesConfig(allow=("Push.lan:443",), abroad=True),
    )
    monkeypatch.setenv("PUSH_KEY", pem)
    assert web_push(config) == Push(
        key=page_key(pem), abroad=True, allow=frozenset({"push.lan:443"})
    )
    assert web_push(Config()) is None
    for wrong, why in (("geheim-geheim", "webpush.key is no EC P-256 key"), (None, "PUSH_KEY")):
        monkeypatch.setenv("PUSH_KEY", wrong) if wrong else monkeypatch.delenv("PUSH_KEY")
        assert web_push(config) is None
        assert why in caplog.text
        assert "geheim" not in caplog.text


def test_the_page_of_the_house_shows_what_the_watch_has_written():
    delays = Delays()
    delays.note(0.15, 100)
    status = replace(
        STATUS,
        parts=(Part(name="whole-way", ok=True),),
        delays={"store": delays},
        synthetic={"broker": 0.2, "store": 0.3},
    )
    found = figures(status)
    assert found.store_delay_s == pytest.approx(0.2, abs=0.01)  # the bound that holds 0.15
    assert found.whole_way_s == pytest.approx(0.5)
    assert (found.outbox_due, found.outbox_oldest_s) == (3, 9.5)
    assert (found.store_away_s, found.disk_free_bytes) == (1.5, 10**9)
    # A reading that stands half-way has not taken so long for the whole.
    standing = replace(status, parts=(Part(name="whole-way", ok=False, why="store"),))
    assert figures(standing).whole_way_s is None
    assert figures(replace(status, delays={})).store_delay_s is None

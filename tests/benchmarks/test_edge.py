"""The edge benchmark measures real agents, in small."""

import json
from pathlib import Path

import pytest

from benchmarks.edge import House, drain, fill
from benchmarks.receiver import Server
from edge.journal.journal import Journal
from tests.services.servers import Mosquitto


@pytest.mark.mosquitto
def test_a_drain_ends_when_the_server_holds_the_backlog(mosquitto_server, tmp_path: Path) -> None:
    broker: Mosquitto = mosquitto_server()
    with Server(broker.host, broker.port) as server:
        house = House(tmp_path, broker, server)
        figures, notes = drain(house, 0.0, backlog=5_000)
        assert server.seen("drain", "backlog").count == 5_000
    assert set(notes) <= set(figures)
    assert float(figures["drain_readings_per_s"]) > 0
    assert float(figures["drain_live_p99_ms"]) > 0
    json.dumps(figures)


def test_the_backlog_is_what_an_agent_would_have_kept(tmp_path: Path) -> None:
    path = tmp_path / "device" / "journal.db"
    fill(path, 1_500)
    with Journal(path) as journal:
        assert journal.depth == 1_500
        assert journal.get("measured") == 1_500

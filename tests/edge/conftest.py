"""What tests of the agent share: a broker, a server that answers `received`, and a device."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.device import Device, Server
from tests.services.servers import Mosquitto


@pytest.fixture
def broker(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def server(broker) -> Iterator[Server]:
    server = Server(broker.host, broker.port)
    yield server
    server.close()


@pytest.fixture
def device(broker, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url=broker.url)
    yield device
    device.discard()

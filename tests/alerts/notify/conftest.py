"""What every test of the channels may ask for."""

import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edge.clock import Clock
from tests.alerts.notify.worlds import (
    SERVICES,
    AlertmanagerWorld,
    AnnouncerWorld,
    EmailWorld,
    ServiceWorld,
    WebhookWorld,
    World,
    own_certificate,
)
from tests.collector.box import KEY
from tests.services.servers import Mosquitto


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "a key of the demo")
    monkeypatch.setenv("BOX_KEY", KEY)


@pytest.fixture
def broker(mosquitto_server: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_server()


EVERY = [
    "webhook",
    "alertmanager",
    "email",
    *SERVICES,
    pytest.param("announcer", marks=pytest.mark.mosquitto),
]


@pytest.fixture(params=EVERY)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "announcer":
        made: Any = AnnouncerWorld(request.getfixturevalue("broker"))
    elif request.param in SERVICES:
        made = ServiceWorld(request.param)
    else:
        made = {"webhook": WebhookWorld, "alertmanager": AlertmanagerWorld, "email": EmailWorld}[
            request.param
        ]()
    async with made.there(Clock()) as there:
        yield there


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    return own_certificate(tmp_path)

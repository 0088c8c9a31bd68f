"""What every test of the channels may ask for."""

import shutil
import ssl
import subprocess
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
    """A server's side of TLS, with a certificate that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    cert, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=mail.test", "-keyout", private, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, private)
    return context

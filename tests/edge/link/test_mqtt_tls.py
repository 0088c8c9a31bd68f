"""TLS to a real Mosquitto: whom the link trusts, who it is, and what it says when it fails."""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edge.contract.secret import Secret
from edge.link.config import MqttConfig
from edge.link.mqtt import Connected, Disconnected, Event, MqttLink, system_ms
from tests.conftest import skip_or_fail
from tests.edge.certificates import OPENSSL, Authority, Pair
from tests.edge.device import Device, wait_until
from tests.services.servers import free_port

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificates"),
]
HERE = "IP:127.0.0.1"
DAY_MS = 86_400_000
Start = Callable[..., int]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("another"), "another")


@pytest.fixture
def broker(mosquitto_server) -> Start:
    """``broker(pair, more)`` starts one and gives the port of its listener with TLS."""

    def start(pair: Pair, more: str = "") -> int:
        port = free_port()
        mosquitto_server(
            extra=f"listener {port} 127.0.0.1\ncertfile {pair.cert}\nkeyfile {pair.key}\n{more}"
        )
        return port

    return start


class Link:
    """A link and what it said."""

    def __init__(self, port: int, *, now_ms: int | None = None, **config: object) -> None:
        self.said: list[Event] = []
        self.link = MqttLink(
            MqttConfig(host="127.0.0.1", port=port, is_tls=True, **config),  # type: ignore[arg-type]
            "box",
            will=("shouwang/v1/riverside/box/status", b"gone"),
            listen=("shouwang/v1/riverside/box/received",),
            hand_over=self.said.append,
            now_ms=system_ms if now_ms is None else lambda: now_ms,
        )

    def __enter__(self) -> "Link":
        self.link.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    @property
    def is_connected(self) -> bool:
        return any(isinstance(event, Connected) for event in self.said)

    def reason(self) -> str:
        wait_until(lambda: self.said, "a word of the link", 10)
        first = self.said[0]
        assert isinstance(first, Disconnected), first
        return first.reason

    def must_connect(self) -> None:
        wait_until(lambda: self.is_connected, f"a connection, {self.said}", 10)


def test_the_current_and_the_next_ca_are_trusted_and_no_other(broker, ours, another) -> None:
    port = broker(another.issue("broker", alt=HERE))
    with Link(port, cas=(ours.cert, another.cert)) as link:
        link.must_connect()
    with Link(port, cas=(another.cert,)) as link:
        link.must_connect()
    for cas in ((ours.cert,), ()):
        with Link(port, cas=cas) as link:
            assert (
                "not from a CA that we trust; write the broker's CA as ca or ca_next"
                in link.reason()
            )


def test_what_is_pinned_is_trusted_instead_of_the_system_s_cas_not_beside_them(
    broker, ours, another, monkeypatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(another.cert))  # what the system trusts
    port = broker(another.issue("broker", alt=HERE))
    with Link(port) as link:
        link.must_connect()
    with Link(port, cas=(ours.cert,)) as link:
        assert "not from a CA that we trust" in link.reason()


@pytest.mark.parametrize(
    ("certificate", "text"),
    [
        ({"alt": "DNS:broker.example"}, "is not for 127.0.0.1; write a name that it names in url"),
        (
            {"alt": HERE, "begins": -timedelta(days=9), "ends": -timedelta(days=1)},
            "has ended: by our clock it is ",
        ),
    ],
    ids=["for another host", "ended"],
)
def test_a_wrong_certificate_is_named_with_its_remedy(broker, ours, certificate, text) -> None:
    with Link(broker(ours.issue("broker", **certificate)), cas=(ours.cert,)) as link:
        assert text in link.reason()


def test_a_port_without_tls_is_named(mosquitto_server, ours) -> None:
    with Link(mosquitto_server().port, cas=(ours.cert,)) as link:
        assert "closed the connection when we began TLS; see the port in url" in link.reason()


def test_a_client_certificate_is_the_device_s_name(broker, ours, another, tmp_path: Path) -> None:
    rights = tmp_path / "acl"
    rights.write_text("pattern readwrite shouwang/v1/riverside/%u/#\n")
    port = broker(
        ours.issue("broker", alt=HERE),
        f"cafile {ours.cert}\nrequire_certificate true\nuse_identity_as_username true\n"
        "use_username_as_clientid true\n"
        f"acl_file {rights}\n",
    )
    mine = ours.issue("box")
    with Link(port, cas=(ours.cert,), cert=mine.cert, key=mine.key) as link:
        link.must_connect()
        assert link.link.publish("shouwang/v1/riverside/box/received", b"mine")
        wait_until(lambda: len(link.said) == 2, "what it may hear")
        assert link.link.publish("shouwang/v1/riverside/other/received", b"not mine")
        wait_until(lambda: link.link.refused == 1, "the refusal")
    with Link(port, cas=(ours.cert,)) as link:
        assert "asks for a client certificate; write cert and key in [mqtt]" in link.reason()
    foreign = another.issue("box")
    with Link(port, cas=(ours.cert,), cert=foreign.cert, key=foreign.key) as link:
        assert "does not take our certificate: it is not from a CA that the broker trusts" in (
            link.reason()
        )


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password_is_named(mosquitto_server, tmp_path: Path, password) -> None:
    # A password of Mosquitto in the clear is taken by none: the name alone must not do.
    (tmp_path / "users").write_text("somebody:$7$101$AAAA$AAAA\n")
    port = mosquitto_server(extra=f"allow_anonymous false\npassword_file {tmp_path}/users").port
    said: list[Event] = []
    link = MqttLink(
        MqttConfig(host="127.0.0.1", port=port, user="box", password=password and Secret(password)),
        "box", will=("a", b""), listen=("b",), hand_over=said.append,
    )  # fmt: skip
    link.start()
    wait_until(lambda: said, "a refusal")
    link.close()
    assert isinstance(said[0], Disconnected)
    assert "the broker refuses: not authorised: user name, password" in said[0].reason


def test_a_certificate_from_our_future_tells_that_our_clock_is_behind(broker, ours, caplog) -> None:
    future = ours.issue("broker", alt=HERE, begins=timedelta(days=30), ends=timedelta(days=60))
    with Link(broker(future), cas=(ours.cert,)) as link:
        assert "begins after" in link.reason()
        link.must_connect()
    assert "our clock is behind" in caplog.text


def test_a_clock_known_to_be_behind_still_refuses_what_had_ended(broker, ours) -> None:
    now_ms = time.time_ns() // 1_000_000
    port = broker(ours.issue("broker", alt=HERE, ends=timedelta(days=10)))
    with Link(port, cas=(ours.cert,), now_ms=now_ms + 5 * DAY_MS) as link:
        link.must_connect()
    with Link(port, cas=(ours.cert,), now_ms=now_ms + 20 * DAY_MS) as link:
        assert "the broker's certificate ended at" in link.reason()


@pytest.fixture
def in_1970() -> dict[str, str]:
    """The environment of a process whose clock starts in 1970."""
    for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return {
            "LD_PRELOAD": str(path),
            "FAKETIME": "@1970-01-01 00:00:10",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    skip_or_fail("faketime is not installed; make services")
    raise AssertionError


def test_an_agent_that_wakes_in_1970_links_by_tls(
    broker, mosquitto_server, ours, tmp_path: Path, in_1970
) -> None:
    port = broker(ours.issue("broker", alt=HERE))
    mine = ours.issue("box")
    for name, file in (("ca", ours.cert), ("box", mine.cert), ("key", mine.key)):
        shutil.copy(file, tmp_path / name)
    device = Device(folder=tmp_path, url=f"mqtts://127.0.0.1:{port}")
    device.mqtt = 'keep_alive_s = 5\nca = "ca"\ncert = "box"\nkey = "key"'
    device.write('[[sensor]]\nkind = "simulated"\nmetrics = ["battery"]\ninterval_s = 60\nseed = 1')
    device.start(in_1970)
    try:
        log = tmp_path / "log"
        wait_until(lambda: "link: connected" in log.read_text(), "a connection", 15)
        assert "our clock is behind" in log.read_text()
    finally:
        device.discard()

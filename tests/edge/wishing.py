"""Who wishes settings and hears what became of them, and a carrier that may not like them."""

import contextlib
import socket
import threading
from collections.abc import Mapping

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.settings import (
    Desired,
    Reported,
    SettingsState,
    Value,
    decode_reported,
    encode_desired,
)
from tests.edge.device import SOON_S, wait_until

DESIRED = "shouwang/v1/riverside/box/config/desired"
REPORTED = "shouwang/v1/riverside/box/config/reported"


class Wisher:
    def __init__(self, host: str, port: int) -> None:
        self.reports: list[Reported] = []
        self._heard = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="wisher")
        self._client.on_connect = lambda client, *_: client.subscribe(REPORTED, 1)
        self._client.on_subscribe = lambda *_: self._heard.set()
        self._client.on_message = self._on_message
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._heard.wait(SOON_S)

    def wish(self, revision: int, values: Mapping[str, Value]) -> None:
        self.say(encode_desired(Desired(revision=revision, values=values)))

    def say(self, payload: bytes) -> None:
        self._client.publish(DESIRED, payload, 1, True).wait_for_publish(SOON_S)

    def wait_for(self, state: SettingsState, revision: int) -> Reported:
        def found() -> list[Reported]:
            return [r for r in self.reports if (r.state, r.revision) == (state, revision)]

        wait_until(found, f"revision {revision} is {state}, got {self.reports}")
        return found()[-1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client, _, message) -> None:
        if not message.retain:  # what was said before we came is not news
            report = decode_reported(message.payload)
            assert report is not None, message.payload
            self.reports.append(report)


class Carrier:
    """A way to the broker on which no connection lives whose keep-alive is above ``most_s``.

    Real ones forget an address mapping after some silence; this one does not wait for it.
    """

    def __init__(self, port: int, most_s: int) -> None:
        self._to = ("127.0.0.1", port)
        self._most_s = most_s
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._door.accept()[0]
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            connect = near.recv(4096)
            if keep_alive_s(connect) > self._most_s:
                self.refused += 1
                return
            with socket.create_connection(self._to) as far:
                far.sendall(connect)
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()


def keep_alive_s(connect: bytes) -> int:
    """Of an MQTT CONNECT packet (3.1.2.10): behind fixed header, name, level and flags."""
    at = 1
    while connect[at] & 0x80:
        at += 1
    at += 1 + 2 + 4 + 1 + 1
    return int.from_bytes(connect[at : at + 2], "big")


def _pump(from_: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := from_.recv(65536):
            to.sendall(data)
    for end in (from_, to):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

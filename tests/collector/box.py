"""A box that speaks the contract, on a real broker: it announces, hushes, obeys and reports."""

import secrets
import threading
import time

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.command import Command, Refused, Result, Verb, encode_result, open_signed
from edge.contract.settings import Reported, SettingsState, decode_desired, encode_reported
from edge.contract.status import State, Status
from edge.contract.topics import Kind, Topic

KEY = "5eed" * 16  # hexadecimal, as in the files of both sides
SOON_S = 10.0
REMOTE = ("health_interval_s", "resend_s")  # what may be set from afar


class Box:
    """``mode``: fine, refusing (with ``why``), silent (answers nothing), stale (another nonce)."""

    def __init__(self, host: str, port: int, site: str, device: str, key: str = KEY) -> None:
        self.mode, self.why = "fine", "the loudspeaker is broken"
        self.heard: list[Command] = []
        self.refused: list[str] = []
        self.announcing: dict[str, Command] = {}
        self.hushed: list[str] = []
        self.desired: list[int] = []
        self.payloads: list[bytes] = []
        self.run = "run-1"
        self._topic = lambda kind: str(Topic(site, device, kind))
        self._key = bytes.fromhex(key)
        self._nonce = ""
        self._address = (host, port)
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"box-{site}-{device}")
        self._client.will_set(
            self._topic(Kind.STATUS), Status(state=State.OFFLINE).encode(), 1, True
        )
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(self._topic(kind), 1) for kind in (Kind.COMMAND, Kind.CONFIG_DESIRED)]
        )
        self._client.on_subscribe = self._born
        self._client.on_message = self._on_message

    def start(self) -> "Box":
        self._client.connect(*self._address)
        self._client.loop_start()
        assert self._ready.wait(SOON_S)
        return self

    def close(self) -> None:
        """Gone without a word: the broker says so."""
        if self._client.is_connected():
            self.say(Kind.STATUS, Status(state=State.OFFLINE).encode(), retain=True)
            self._client.disconnect()
        self._client.loop_stop()

    def press(self, target: str, at_ms: int | None = None) -> bytes:
        """Somebody takes it over; the payload that said so."""
        self.announcing.pop(target, None)
        pressed = Result(
            verb=Verb.ANNOUNCE,
            target=target,
            is_done=True,
            is_taken=True,
            at_ms=int(time.time() * 1000) if at_ms is None else at_ms,
        )
        payload = encode_result(pressed)
        self.say(Kind.COMMAND_RESULT, payload)
        return payload

    def say(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(self._topic(kind), payload, 1, retain).wait_for_publish(SOON_S)

    def begin_anew(self) -> None:
        """As after a power cut: it has forgotten everything."""
        self.announcing.clear()
        self.run = "run-2"
        self.renew()

    def renew(self, *, aloud: bool = True) -> None:
        """Another nonce; ``aloud`` tells of it."""
        self._nonce = secrets.token_hex(8)
        if aloud:
            status = Status(state=State.ONLINE, run=self.run, firmware="1.2", nonce=self._nonce)
            self._client.publish(self._topic(Kind.STATUS), status.encode(), 1, True)

    def _born(self, *_: object) -> None:
        self.renew()
        self._ready.set()

    def _on_message(self, client: Client, _: object, message) -> None:
        if message.topic == self._topic(Kind.CONFIG_DESIRED):
            self._settings(message.payload)
        elif not message.retain:
            self._command(message.payload)

    def _command(self, payload: bytes) -> None:
        self.payloads.append(payload)
        if self.mode == "silent":
            return
        used = self._nonce if self.mode != "stale" else "another"
        opened = open_signed(payload, topic=self._topic(Kind.COMMAND), key=self._key, nonce=used)
        self.renew(aloud=False)
        if isinstance(opened, Refused):
            self.refused.append(opened.reason)
            tried = opened.command
            self._answer(
                tried.verb if tried else None,
                tried.target if tried else "",
                opened.reason,
                tried.nonce if tried else "",
            )
            return
        self.heard.append(opened)
        if self.mode == "refusing":
            self._answer(opened.verb, opened.target, self.why, used)
            return
        if opened.verb is Verb.ANNOUNCE:
            self.announcing[opened.target] = opened
        elif opened.verb is Verb.HUSH:
            self.announcing.pop(opened.target, None)
            self.hushed.append(opened.target)
        self._answer(opened.verb, opened.target, "", used, is_done=True)

    def _answer(
        self, verb: Verb | None, target: str, reason: str, nonce: str, *, is_done: bool = False
    ) -> None:
        result = Result(
            verb=verb, target=target, is_done=is_done, reason=reason, nonce=nonce,
            next_nonce=self._nonce,
        )  # fmt: skip
        self._client.publish(self._topic(Kind.COMMAND_RESULT), encode_result(result), 1)

    def _settings(self, payload: bytes) -> None:
        desired = decode_desired(payload)
        if isinstance(desired, str):
            return
        self.desired.append(desired.revision)
        wrong = tuple(f"{key}: may not be set from afar" for key in desired.values
                      if key not in REMOTE)  # fmt: skip
        state = SettingsState.REFUSED if wrong else SettingsState.APPLIED
        reported = Reported(
            revision=desired.revision, state=state, problems=wrong,
            values={} if wrong else desired.values,
        )  # fmt: skip
        self._client.publish(self._topic(Kind.CONFIG_REPORTED), encode_reported(reported), 1, True)

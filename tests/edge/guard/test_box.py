"""A box in a shed, whole: mock pins in its process, a real broker, and an owner with its key."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.command import Command, Result, Verb, decode_result, sign
from edge.contract.status import State, Status
from tests.edge.device import SAID, SOON_S, Server, wait_until
from tests.edge.guard.box import BUTTON, HORN, PROOF, RELAY, SENSORS, SHED, SMOKE, Box

pytestmark = pytest.mark.mosquitto

TOPIC = "shouwang/v1/riverside/box/command"
KEY = bytes(range(32))
ANNOUNCER = f"""
[button]
pin = {BUTTON}
long_s = 1
[announcer]
say = ["sh", "-c", 'printf "%s\\n" "$2" >> said.txt', "say", "{{voice}}", "{{text}}"]
voices = {{ zh = "cmn" }}
repeat_s = 2
server_silent_s = {{silent_s}}
"""


class Owner:
    """Signs commands over the newest nonce that the device told."""

    def __init__(self, host: str, port: int) -> None:
        self.is_server = False  # then it says that it listens, as the server does
        self.results: list[Result] = []
        self.statuses: list[Status] = []
        self.nonce = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="owner")
        self._client.reconnect_delay_set(1, 1)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(
            [
                ("shouwang/v1/riverside/box/command/result", 1),
                ("shouwang/v1/riverside/box/status", 1),
            ]
        )
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._subscribed.wait(SOON_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def command(self, verb: Verb, target: str, **more) -> Result:
        wait_until(lambda: self.nonce, "a nonce")
        command = Command(verb=verb, target=target, nonce=self.nonce, **more)
        return self.send(sign(command, topic=TOPIC, key=KEY))

    def send(self, payload: bytes, *, retain: bool = False) -> Result:
        before = len(self.results)
        self.publish(payload, retain=retain)
        wait_until(lambda: len(self.results) > before, "an answer")
        return self.results[before]

    def publish(self, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(TOPIC, payload, 1, retain).wait_for_publish(SOON_S)

    def _on_subscribe(self, client, *_) -> None:
        self._subscribed.set()
        if self.is_server:
            client.publish(str(SAID), Status(state=State.ONLINE).encode(), 1, retain=True)

    def _on_message(self, client, _, message) -> None:
        if message.topic.endswith("/status"):
            status = Status.decode(message.payload)
            assert status is not None
            self.statuses.append(status)
            self.nonce = status.nonce
            return
        result = decode_result(message.payload)
        assert result is not None
        self.nonce = result.next_nonce or self.nonce
        self.results.append(result)


@pytest.fixture
def owner(broker) -> Iterator[Owner]:
    owner = Owner(broker.host, broker.port)
    yield owner
    owner.close()


@pytest.fixture
def box(broker, tmp_path: Path) -> Iterator[Box]:
    pytest.importorskip("gpiozero")
    box = Box(tmp_path, broker.url)
    yield box
    sys.stdout.write(box.log)  # shown where a test fails
    if box.process is not None and box.process.poll() is None:
        box.kill()


def newest(server: Server, metric: str) -> tuple[float | None, str]:
    reading = max(server.of(metric), key=lambda each: each.at_ms)
    return reading.value, reading.reason


def stands(server: Server, **flags: float) -> None:
    """Wait until these are what the server knows last."""
    for metric, value in flags.items():
        wait_until(partial(_is, server, metric, value), f"{metric} is {value}")


def _is(server: Server, metric: str, value: float) -> bool:
    return bool(server.of(metric)) and newest(server, metric)[0] == value


def test_smoke_switches_off_and_only_a_person_brings_it_back(server, owner, box) -> None:
    box.write(SENSORS + SHED)
    box.start(SMOKE, PROOF)
    box.drive("low", PROOF)  # there is power
    stands(server, relay=1, guard=0, cut=0, smoke=0)
    assert box.of(RELAY) == box.of(HORN) == []

    box.drive("low", SMOKE)
    wait_until(lambda: box.of(RELAY) == [1, 0], "a pulse to the trip")
    edge_ms = box.outputs[0][2]
    stands(server, smoke=1, guard=1, cut=1)
    found = re.search(r"off main, ([0-9.]+) ms after its sample", box.log)
    assert found is not None, box.log
    sys.stdout.write(f"smoke's sample to relay {found[1]} ms; contact to relay {edge_ms} ms\n")
    assert float(found[1]) < 50
    assert edge_ms < 500  # the contact's debounce and the sensor's look, on a busy machine
    assert box.of(HORN) == [1]
    box.drive("high", PROOF)  # the breaker has opened
    stands(server, relay=0)

    box.kill()
    box.start(SMOKE, PROOF)  # the pins' pull says: no smoke, no power
    wait_until(lambda: "latched" in newest(server, "guard")[1], "the latch outlives a kill")
    assert newest(server, "cut")[0] == 1
    box.drive("low", SMOKE)
    wait_until(lambda: box.of(RELAY) == [1, 0], "still burning, still off")
    refused = owner.command(Verb.RESET, "smoke")
    assert (refused.is_done, refused.reason) == (False, "its input is still alarming")

    box.drive("high", SMOKE)
    stands(server, smoke=0)
    assert owner.command(Verb.RESET, "smoke").is_done
    stands(server, guard=0, cut=1)
    assert box.of(HORN) == [1, 0]
    box.drive("low", PROOF)  # the breaker's lever
    stands(server, relay=1, cut=0)
    assert box.of(RELAY) == [1, 0], "nothing but the lever has brought it back"


def test_commands_are_obeyed_once_and_only_with_the_key(server, owner, box) -> None:
    box.write(SENSORS + SHED)
    left = sign(Command(verb=Verb.OFF, target="main", nonce="n"), topic=TOPIC, key=KEY)
    owner.publish(left, retain=True)  # somebody left one behind
    box.start(SMOKE, PROOF)
    wait_until(lambda: owner.nonce, "a nonce")
    first = owner.nonce

    command = Command(verb=Verb.OFF, target="main", nonce=first)
    payload = sign(command, topic=TOPIC, key=KEY)
    for forged in (
        sign(command, topic=TOPIC, key=bytes(32)),
        sign(command, topic=TOPIC.replace("box", "box-2"), key=KEY),
        payload.replace(b"main", b"mine"),
        b"\xff garbled",
        b"",
    ):
        refused = owner.send(forged)
        assert (refused.verb, refused.is_done, refused.next_nonce) == (None, False, first)
    assert box.of(RELAY) == []

    done = owner.send(payload)
    assert (done.is_done, done.nonce) == (True, first)
    assert done.next_nonce not in ("", first)
    wait_until(lambda: box.of(RELAY) == [1, 0], "a pulse to the trip")
    stands(server, cut=1)

    replayed = owner.send(payload)
    assert (replayed.verb, replayed.is_done) == (Verb.OFF, False)
    assert "nonce" in replayed.reason
    assert replayed.next_nonce == done.next_nonce
    for verb, target, reason in (
        (Verb.OFF, "other", "no output other"),
        (Verb.RESET, "other", "no guard other"),
        (Verb.ANNOUNCE, "i-1", "no announcer"),
    ):
        refused = owner.command(verb, target)
        assert not refused.is_done
        assert reason in refused.reason
    assert box.of(RELAY) == [1, 0]
    assert len(owner.results) == 10, "the retained one has no answer"

    used = owner.nonce
    box.stop()
    wait_until(lambda: owner.nonce == "", "a device that stops takes no commands")
    box.start(SMOKE, PROOF)
    wait_until(lambda: owner.nonce, "a nonce of the new connection")
    assert owner.nonce != used
    assert KEY.hex() not in box.log


def test_without_a_key_nothing_listens_to_commands(server, owner, box) -> None:
    box.write(SENSORS + SHED.partition("[command]")[0])
    box.start(SMOKE, PROOF)
    wait_until(lambda: owner.statuses, "its birth")
    assert owner.statuses[-1].nonce == ""
    owner.publish(sign(Command(verb=Verb.OFF, target="main", nonce="n"), topic=TOPIC, key=KEY))
    box.drive("low", SMOKE)
    wait_until(lambda: box.of(RELAY) == [1, 0], "the guard alone")
    assert owner.results == []


def test_an_incident_is_announced_until_the_button_takes_it_over(broker, owner, box) -> None:
    owner.is_server = True
    box.write('[command]\nkey = "file:device.key"\n' + ANNOUNCER.replace("{silent_s}", "300"))
    box.start(BUTTON)
    texts = (("en", "Smoke in shed 1"), ("zh", "-一号棚冒烟"))
    done = owner.command(Verb.ANNOUNCE, "i-1", texts=texts, is_urgent=True)
    assert done.is_done
    wait_until(lambda: len(box.said) >= 4, "said, and said again")
    assert box.said[:2] == ["一号棚冒烟", "Smoke in shed 1"]
    assert owner.command(Verb.ANNOUNCE, "i-2", texts=(("zh", "二号棚"),)).is_done
    wait_until(lambda: "二号棚" in box.said, "another beside it")
    assert owner.command(Verb.HUSH, "i-2").is_done
    assert owner.command(Verb.HUSH, "i-2").reason == "it was not being announced"

    broker.kill()
    wait_until(lambda: "it is tried again" in box.log, "the link is gone")
    box.press(0.3)
    wait_until(lambda: "incident i-1 is taken over" in box.log, "the button")
    before = len(owner.results)
    broker.start()
    wait_until(lambda: [each for each in owner.results[before:] if each.is_taken], "the word")
    taken = next(each for each in owner.results[before:] if each.is_taken)
    assert (taken.verb, taken.target, taken.is_done) == (Verb.ANNOUNCE, "i-1", True)
    heard = len(box.said)
    time.sleep(2.5)  # longer than it would take to say it again
    assert len(box.said) == heard


def test_a_server_that_is_away_is_said_once_and_its_return(server, box) -> None:
    box.write(SENSORS + ANNOUNCER.replace("{silent_s}", "1"))
    box.start(SMOKE, BUTTON)
    wait_until(lambda: server.of("smoke"), "the server listens")
    for _ in range(20):  # it is there: longer than it might be away
        assert box.said == []
        time.sleep(0.1)
    server.say(str(SAID), Status(state=State.STOPPING).encode(), retain=True)
    wait_until(lambda: len(box.said) == 2, "said in both languages")
    assert "联系不上" in box.said[0]
    assert "out of reach" in box.said[1]
    time.sleep(2)  # twice as long as it was away: once is enough
    assert len(box.said) == 2
    server.say(str(SAID), Status(state=State.ONLINE).encode(), retain=True)
    wait_until(lambda: len(box.said) == 4, "its return is said")
    assert "又连上了" in box.said[2]


def test_a_guards_act_is_said_without_any_server(broker, box) -> None:
    broker.kill()
    box.write(SENSORS + SHED + ANNOUNCER.replace("{silent_s}", "300"))
    box.start(SMOKE, PROOF, BUTTON)
    box.drive("low", PROOF)
    box.drive("low", SMOKE)
    wait_until(lambda: box.of(RELAY)[:1] == [1], "off without a broker")
    wait_until(lambda: len(box.said) >= 2, "said without a broker")
    assert "烟雾报警，已发出断电指令" in box.said[0]
    assert "do not go in" in box.said[1].lower()
    wait_until(lambda: any("断电没有成功" in each for each in box.said), "and that it failed")
    box.press(0.3)
    wait_until(lambda: box.of(HORN) and box.of(HORN)[-1] == 0, "the horn is silent")


def test_a_hand_on_the_button_gives_back_what_was_held(server, box) -> None:
    held = SHED.replace('wiring = "trip"', 'wiring = "hold"').replace("pulse_s = 0.3\n", "")
    box.write(SENSORS + held + f"[button]\npin = {BUTTON}\nlong_s = 1\n")
    box.start(SMOKE, PROOF, BUTTON)
    stands(server, cut=1, smoke=0)
    assert box.of(RELAY) == []
    box.press(0.3)
    box.press(1.2)
    wait_until(lambda: box.of(RELAY) == [1], "held by a long press alone")
    stands(server, cut=0)
    box.drive("low", SMOKE)
    wait_until(lambda: box.of(RELAY) == [1, 0], "off")
    box.press(1.2)
    wait_until(lambda: "still alarming" in box.log, "and not back while it burns")
    assert box.of(RELAY) == [1, 0]
    box.drive("high", SMOKE)
    stands(server, smoke=0)
    box.press(1.2)
    wait_until(lambda: box.of(RELAY) == [1, 0, 1], "held again")
    box.stop()
    assert box.of(RELAY)[-1] == 0


def test_a_disk_that_refuses_does_not_stop_the_guard(box) -> None:
    box.write(SENSORS + SHED)
    (box.folder / "edge.toml").write_text(
        (box.folder / "edge.toml").read_text().replace('"journal.db"', '"disk/journal.db"')
    )
    (box.folder / "disk").mkdir()
    box.start(SMOKE, PROOF)
    lock = json.dumps(str(box.folder / "disk/journal.db"))
    holder = subprocess.Popen(
        [sys.executable, "-c",
         f"import sqlite3,sys; db=sqlite3.connect({lock}); db.execute('BEGIN IMMEDIATE');"
         "print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        box.drive("low", PROOF)
        time.sleep(0.3)  # longer than the debounce, so that it is told
        box.drive("high", PROOF)
        wait_until(lambda: "journal:" in box.log, "the journal refuses")
        box.drive("low", SMOKE)
        wait_until(lambda: box.of(RELAY)[:1] == [1], "off all the same")
        holder.kill()

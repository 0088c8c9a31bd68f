"""Commands the whole way: the watch as a process, a real Mosquitto, and a box that speaks the contract."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Device, Names, Person, PostRole, Site
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from collector.cli import main
from edge.contract.command import Verb
from tests.collector.box import KEY, Box
from tests.collector.test_desk import RAISED
from tests.collector.village import REGISTRY, SITE, Process, settle

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

SOON_S = 10.0
TO = f"{SITE}/guard-room"
BOX = Device(id="guard-room", site=SITE, names=Names(zh="岗亭"), bindings=())
POST = Person(
    id="guard-room",
    site=SITE,
    name="岗亭喇叭",
    role=PostRole.RIVER_CHIEF,
    addresses=(Address(channel=ChannelKind.ANNOUNCER, to=TO),),
    is_post=True,
)
ELSEWHERE = replace(BOX, site="elsewhere")
VILLAGE = replace(
    REGISTRY,
    sites=(*REGISTRY.sites, Site(id="elsewhere", names=Names(zh="别处"))),
    people=(*REGISTRY.people, POST),
)


class House:
    """A watch, its database, and boxes."""

    def __init__(self, folder, broker) -> None:
        self.folder = folder
        key = folder / "box.key"
        key.write_text(KEY + "\n")
        box = replace(BOX, command_key=f"file:{key}")
        village = replace(VILLAGE, devices=(*REGISTRY.devices, box, ELSEWHERE))
        self.config = settle(folder, broker.url, registry=village)
        self.watch = Process(self.config)
        self.operations = Operations(f"sqlite:///{folder / 'state' / 'operations.db'}")
        self.box = Box(broker.host, broker.port, SITE, "guard-room")
        self.stranger = Box(broker.host, broker.port, "elsewhere", "guard-room")

    def raise_(self, position: int, severity: Severity = Severity.CRITICAL) -> None:
        now_ms = int(time.time() * 1000)
        flood = replace(
            RAISED, position=position, cls=IncidentClass.FLOOD, severity=severity,
            at_ms=now_ms, since_ms=now_ms, seen_ms=now_ms,
        )  # fmt: skip
        self.operations.take([flood], read_packs(shipped()), datetime.now(UTC))

    def clear(self, position: int) -> None:
        cleared = replace(RAISED, position=position, change=Change.CLEARED, cls=IncidentClass.FLOOD)
        self.operations.take([cleared], read_packs(shipped()), datetime.now(UTC))

    def incident(self):
        (incident,) = self.operations.open_incidents()
        return incident


def until(holds: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end_s, f"not within {SOON_S:g} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def house(tmp_path, mosquitto_server) -> Iterator[House]:
    house = House(tmp_path, mosquitto_server())
    with closing(house.operations):
        house.watch.start()
        house.box.start()
        yield house
        house.watch.kill()
        for box in (house.box, house.stranger):
            box.close()


def test_a_danger_is_said_aloud_taken_by_the_button_and_hushed(house: House):
    house.raise_(1)
    until(lambda: "1" in house.box.announcing, "it is announced")
    said = house.box.announcing["1"]
    assert said.is_urgent
    assert [language for language, _ in said.texts] == ["zh", "en"]

    house.stranger.start()
    house.stranger.press("1")  # a box of another site
    house.box.press("2")  # no incident at all
    house.box.press("1")
    until(lambda: house.incident().state is State.ACKNOWLEDGED, "it is taken over")
    assert house.incident().acknowledged_by == POST.id
    (line,) = [line for line in house.operations.story(1) if line.kind is StoryKind.ACKNOWLEDGED]
    assert line.origin == f"button:{TO}"
    until(lambda: house.box.hushed == ["1"], "it is hushed")

    log = house.watch.log.read_text()
    assert "took over nothing" in log
    assert not [nonce for nonce in nonces(house.box) if nonce in log]
    assert KEY not in log


def test_what_somebody_else_takes_over_falls_silent(house: House):
    house.raise_(1)
    until(lambda: "1" in house.box.announcing, "it is announced")
    house.operations.acknowledge(1, "mei", "link", datetime.now(UTC))
    until(lambda: house.box.announcing == {}, "it is hushed")
    house.raise_(2, Severity.CRITICAL)
    house.clear(3)
    until(lambda: "1" in house.box.hushed, "still silent")
    assert house.incident().state is State.RECOVERED


def test_a_press_waits_at_the_broker_while_the_watch_is_away(house: House):
    house.raise_(1)
    until(lambda: "1" in house.box.announcing, "it is announced")
    house.watch.kill()
    house.box.press("1")
    house.watch.start()
    until(lambda: house.incident().state is State.ACKNOWLEDGED, "it is taken over")


def test_a_box_that_begins_anew_is_told_again_what_nobody_has_taken(house: House):
    house.raise_(1)
    until(lambda: "1" in house.box.announcing, "it is announced")
    house.box.begin_anew()
    until(lambda: "1" in house.box.announcing, "it is announced again")
    house.box.press("1")
    until(lambda: house.box.hushed == ["1"], "it is hushed")
    heard = len(house.box.heard)
    house.box.begin_anew()
    assert main(["device", TO, "announce", "x", "--config", str(house.config)]) == 0
    assert [command.target for command in house.box.heard[heard:]] == ["try-out"]


def test_orders_by_the_command_line(house: House, capsys):
    def say(*words: str) -> tuple[int, str]:
        code = main(["device", *words, "--config", str(house.config)])
        told = capsys.readouterr()
        return code, told.out + told.err

    def listed() -> str:
        return say("list")[1]

    until(lambda: "online" in listed(), "the box is heard")
    assert f"{TO}" in listed()
    assert say(TO, "off", "relay-1", "--yes", "--who", "zhang", "--why", "hot") == (
        0, f"{TO}: off relay-1: done\n",
    )  # fmt: skip
    assert (house.box.heard[-1].verb, house.box.heard[-1].target) == (Verb.OFF, "relay-1")
    assert say(TO, "announce", "试一试")[0] == 0
    assert house.box.heard[-1].texts == (("zh", "试一试"),)
    house.box.mode = "refusing"
    code, text = say(TO, "reset", "smoke", "--yes")
    assert (code, house.box.why in text) == (2, True)
    house.box.mode = "fine"

    assert say(TO, "set", "health_interval_s=600", "resend_s=5")[0] == 0
    code, text = say(TO, "set", "broker=evil")
    assert (code, "broker: may not be set from afar" in text) == (2, True)
    assert say(TO, "set", "resend_s=")[0] == 0
    assert house.box.desired == [1, 2, 3]
    text = say(TO, "settings")[1]
    assert "wished: revision 3" in text
    assert "reported: revision 3, applied" in text
    assert "health_interval_s = 600" in text
    assert "resend_s" not in text
    record = say(TO, "log")[1]
    assert [word for word in ("zhang", "hot", "off relay-1", "试一试", "refused") if word
            not in record] == []  # fmt: skip

    house.box.close()
    until(lambda: "offline" in listed(), "the box is gone")
    code, text = say(TO, "off", "relay-1", "--yes")
    assert (code, "is not online" in text) == (3, True)


def nonces(box: Box) -> set[str]:
    return {command.nonce for command in box.heard}

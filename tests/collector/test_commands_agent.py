"""The watch and the real agent: what is wished, ordered and announced reaches a device and comes back."""

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.incidents.model import State
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Person, PostRole
from alerts.rules.packs import read_packs
from alerts.store.operations import Operations
from alerts.words import IncidentClass
from collector.cli import main
from tests.collector.box import KEY
from tests.collector.test_commands import until
from tests.collector.test_desk import RAISED
from tests.collector.village import DEVICE, REGISTRY, SITE, Process, settle
from tests.edge.device import Device

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

TO = f"{SITE}/{DEVICE}"
SPEAKER = """
import sys, pathlib
with open(sys.argv[1], "a", encoding="utf-8") as said:
    said.write(sys.argv[2] + "\\n")
"""
ONSITE = """
[command]
key = "file:box.key"
[announcer]
say = ["{python}", "{script}", "{said}", "{{text}}"]
repeat_s = 5
[[sensor]]
kind = "simulated"
place = "laobakou"
interval_s = 1
metrics = ["do"]
"""


def test_an_agent_announces_hushes_obeys_and_takes_settings(tmp_path, mosquitto_server, capsys):
    broker = mosquitto_server()
    key, said, script = (tmp_path / name for name in ("box.key", "said", "speak.py"))
    key.write_text(KEY + "\n")
    script.write_text(SPEAKER)
    said.touch()
    post = Person(
        id="speaker", site=SITE, name="喇叭", role=PostRole.RIVER_CHIEF, is_post=True,
        addresses=(Address(channel=ChannelKind.ANNOUNCER, to=TO),),
    )  # fmt: skip
    box = replace(REGISTRY.devices[0], command_key=f"file:{key}")
    village = replace(REGISTRY, devices=(box,), people=(*REGISTRY.people, post))
    config = settle(tmp_path, broker.url, registry=village)

    def say(*words: str) -> tuple[int, str]:
        code = main(["device", *words, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out + told.err

    agent = Device(tmp_path, broker.url)
    onsite = ONSITE.format(python=sys.executable, script=script, said=said)
    agent.write(onsite, trial_s=1)
    watch = Process(config)
    watch.start()
    agent.start()
    try:
        with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
            until(lambda: "online" in say("list")[1], "the box is heard")
            now_ms = int(time.time() * 1000)
            flood = replace(
                RAISED, cls=IncidentClass.FLOOD, at_ms=now_ms, since_ms=now_ms, seen_ms=now_ms
            )
            operations.take([flood], read_packs(shipped()), datetime.now(UTC))
            until(lambda: len(said.read_text().splitlines()) >= 2, "both languages are said")
            zh, en = said.read_text().splitlines()[:2]
            assert "老坝口" in zh
            assert en.isascii() or "老坝口" in en
            operations.acknowledge(1, "mei", "link", datetime.now(UTC))
            (hush,) = [n for n in operations.notices() if n.reason.value == "hushed"]
            until(
                lambda: next(n for n in operations.notices() if n.id == hush.id).settled_at,
                "it is hushed",
            )
            assert operations.open_incidents()[0].state is State.ACKNOWLEDGED

        assert say(TO, "announce", "试一试") == (0, f"{TO}: announce try-out: done\n")
        until(lambda: "试一试" in said.read_text(), "the try-out is said")
        code, text = say(TO, "off", "relay-1", "--yes")
        assert (code, "this device has no guard" in text) == (2, True)

        code, text = say(TO, "set", "health_interval_s=600")
        assert (code, "trial" in text or "done" in text) == (0, True), text
        until(lambda: "1 applied" in say("list")[1], "the settings hold")
        code, text = say(TO, "set", "mqtt.url=evil")
        assert (code, "mqtt.url" in text) == (2, True), text
        assert "health_interval_s = 600" in say(TO, "settings")[1]
        assert KEY not in (tmp_path / "log").read_text() + watch.log.read_text()
    finally:
        agent.kill()
        watch.kill()

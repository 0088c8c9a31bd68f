"""docs/foreign-devices.md: its samples are registered as they stand, and hear what they say they do."""

import re
from pathlib import Path

import orjson
import pytest

from alerts.registry.model import Device, Registry
from alerts.registry.problem import Level
from alerts.registry.toml import examine
from collector.foreigners import Foreigners
from collector.intake import Bindings, Intake
from collector.link.port import Message
from tests.collector.decoders.test_shelly import CAPTURED
from tests.collector.decoders.test_tasmota import SENSOR, STATE

PAGE = (Path(__file__).parents[2] / "docs" / "foreign-devices.md").read_text("utf-8")
SAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
HOME = """
[[sites]]
id = "linjiang"
names = { zh = "临江社区" }

[[places]]
id = "shed-2"
site = "linjiang"
kind = "shed"
names = { zh = "2 号充电棚" }
ports = [{ id = "1", names = { zh = "1 号" } }, { id = "2", names = { zh = "2 号" } }]

[[places]]
id = "laobakou"
site = "linjiang"
kind = "reach"
names = { zh = "老坝口" }
"""
NOW_MS = 1_795_184_110_000


@pytest.fixture
def registry(tmp_path) -> Registry:
    (tmp_path / "home.toml").write_text(HOME, "utf-8")
    for n, sample in enumerate(SAMPLES):
        (tmp_path / f"{n}.toml").write_text(sample, "utf-8")
    found, problems = examine(tmp_path)
    # Two samples may bind one socket, which one community would not.
    assert [problem for problem in problems if problem.level is not Level.WARNING] == []
    assert found is not None
    return found


def device(registry: Registry, format: str) -> Device:
    return next(one for one in registry.devices if one.format.value == format)


def test_each_sample_is_heard_somewhere(registry):
    assert len(registry.devices) == len(SAMPLES)
    foreigners = Foreigners(registry)
    for one in registry.devices:
        assert any(one.address in pattern for pattern in foreigners.filters), one.id


def test_the_tasmota_sample_takes_all_that_such_a_plug_says(registry):
    plug = device(registry, "tasmota").address
    said = [(f"tele/{plug}/SENSOR", SENSOR), (f"tele/{plug}/STATE", STATE)]
    judged = Intake(Bindings(registry), {}).judge(
        [Message(topic, payload, False, 0) for topic, payload in said], NOW_MS
    )
    assert judged.letters == []
    assert judged.counts.readings == 8


def test_the_shelly_sample_takes_all_that_such_a_plug_says(registry):
    plug = device(registry, "shelly").address
    messages = [
        Message(f"{plug}/status/{name}", orjson.dumps(body), False, 0)
        for name, body in CAPTURED["pro-4pm"].items()
    ]
    judged = Intake(Bindings(registry), {}).judge(messages, NOW_MS)
    assert judged.letters == []
    assert judged.counts.readings == 11


def test_the_page_names_the_reasons_as_they_are_written():
    for words in ("is not mapped for device", "is not measured in", "both mean", "map them apart",
                  "and no time: nobody knows when", "its time lies before 2020"):  # fmt: skip
        assert words in PAGE
        sources = (Path(__file__).parents[2] / "collector" / "decoders").glob("*.py")
        assert any(words in source.read_text("utf-8") for source in sources), words

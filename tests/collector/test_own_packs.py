"""Packs of one's own: beside the shipped ones, read as they change, and refused as a whole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Person, PostRole
from alerts.rules.packs import read_packs
from collector import watch as watching
from collector.config import read_config
from collector.health import Part, read_watch
from collector.own_packs import OwnPacks, packs_for_pages
from collector.watch import Watch
from edge.clock import Clock
from tests.alerts.rules.worlds import rule_text
from tests.collector.village import REGISTRY, SITE, settle, until

GOOD = rule_text(
    'kind = "threshold"\nmetric = "do"\nstep = [{ severity = "minor", below = 3.0 }]', "own"
)
BAD = GOOD.replace("below", "belwo").replace('class = "upkeep"', 'class = "upkepe"')
ENGINEER = Person(
    id="lin", site=SITE, name="小林", role=PostRole.ENGINEER,
    addresses=(Address(channel=ChannelKind.LOG, to="lin"),),
)  # fmt: skip


def test_without_a_folder_they_are_the_shipped_ones() -> None:
    assert OwnPacks("").texts() == shipped()


def test_those_of_a_folder_stand_beside_them_and_in_the_place_of_one_of_the_same_name(
    tmp_path,
) -> None:
    (tmp_path / "own.toml").write_text(GOOD)
    (tmp_path / "rain.toml").write_text("")
    (tmp_path / "notes.md").write_text("no pack")
    texts = OwnPacks(str(tmp_path)).texts()
    assert texts == shipped() | {"own.toml": GOOD, "rain.toml": ""}
    assert "own" in packs_for_pages(str(tmp_path)).rules


def test_what_cannot_be_read_stands_as_before_and_is_named(tmp_path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    own = OwnPacks(str(tmp_path))
    before = own.texts()
    assert own.why == ""
    path.write_bytes(b"\xff\xfe")
    assert own.texts() == before
    assert str(path) in own.why
    assert "UTF-8" in own.why
    path.unlink()
    tmp_path.rmdir()
    assert own.texts() == before
    assert "cannot be read" in own.why


def test_pages_show_the_shipped_ones_while_there_are_mistakes(tmp_path) -> None:
    (tmp_path / "own.toml").write_text(BAD)
    assert packs_for_pages(str(tmp_path)).rules.keys() == read_packs(shipped()).rules.keys()


@pytest.fixture
async def running(tmp_path, monkeypatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(watching, "PACKS_S", 0.05)
    monkeypatch.setattr(watching, "TICK_HOUSE_S", 0.2)
    monkeypatch.setattr("collector.house.REST_MS", 200)
    (tmp_path / "packs").mkdir()
    registry = replace(REGISTRY, people=(ENGINEER,))
    more = '[rules]\npacks = "packs"'
    config = read_config(settle(tmp_path, "mqtt://127.0.0.1:1", registry=registry, more=more))
    watch = Watch(config, Clock())
    task = asyncio.create_task(watch.run())
    yield watch
    watch.stop()
    await task


async def test_a_running_watch_keeps_its_rules_lists_all_mistakes_and_takes_the_mended_pack(
    running, tmp_path
) -> None:
    path = tmp_path / "packs" / "own.toml"

    def rules() -> Part:
        status = read_watch(running.config.watch_path)
        parts = status.parts if status else ()
        missing = Part(name="rules", ok=False, why="no word yet", since_ms=0)
        return next((part for part in parts if part.name == "rules"), missing)

    def incidents() -> set[str]:
        return {one.rule for one in running.operating.operations.open_incidents()}

    await until(lambda: rules().ok)
    path.write_text(GOOD)
    await until(lambda: "own" in running.judging.engine.packs.rules)
    path.write_text(BAD)
    await until(lambda: "own.toml" in rules().why)
    why = rules().why
    for said in ("own.toml", "rule 'own'", "step.1.belwo", "did you mean 'below'?", "class"):
        assert said in why
    assert "own" in running.judging.engine.packs.rules
    await until(lambda: "house-packs-refused" in incidents())
    path.write_text(GOOD.replace("3.0", "4.0"))
    await until(lambda: rules().ok)
    assert running.judging.engine.packs.rules["own"].steps[0].below == 4.0
    await until(lambda: "house-packs-refused" not in incidents())

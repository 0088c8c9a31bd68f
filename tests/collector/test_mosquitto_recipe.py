"""The broker as docs/deploy/mosquitto sets it up: its recipe, run on a real Mosquitto."""

import asyncio
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.secret import Secret
from edge.contract.topics import Kind, every_device
from tests.services.servers import REPOSITORY, Mosquitto

DEPLOY = REPOSITORY / "docs/deploy/mosquitto"
OWN = "shouwang/v1/linhe/linhe-box-1/"
SAID = {
    Kind.READINGS, Kind.HEALTH, Kind.STATUS, Kind.CONFIG_REPORTED, Kind.TIME_REQUEST,
    Kind.COMMAND_RESULT,
}  # fmt: skip
SOON_S = 10.0


def test_every_listener_takes_the_user_name_as_client_id() -> None:
    for text in (DEPLOY / "mosquitto.conf", DEPLOY / "README.md"):
        for listener in re.split(r"^listener ", text.read_text("utf-8"), flags=re.M)[1:]:
            assert "use_username_as_clientid true\n" in listener


def test_a_device_may_say_and_hear_just_what_is_its_own() -> None:
    rights = {
        (words[3], words[4])
        for words in map(shlex.split, recipe())
        if words[1:3] == ["addRoleACL", "device-linhe-box-1"]
    }
    heard = set(Kind) - SAID
    assert rights == {
        *(("publishClientSend", OWN + kind) for kind in SAID),
        *(("subscribeLiteral", OWN + kind) for kind in heard),
        ("subscribeLiteral", "shouwang/v1/linhe/server/status"),
    }


@pytest.fixture
def server(mosquitto_server, tmp_path) -> Mosquitto:
    """A Mosquitto on which the recipe has been followed; a user's password is his name."""
    (plugin,) = [
        *Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"),
        *Path("/usr/lib").glob("mosquitto_dynamic_security.so"),
    ] or pytest.skip("Mosquitto's dynamic-security is not installed")
    clients = tmp_path / "dynamic-security.json"
    init = ["mosquitto_ctrl", "dynsec", "init", clients, "admin", "admin"]
    subprocess.run(init, check=True, capture_output=True)
    server = mosquitto_server(
        extra=f"use_username_as_clientid true\nallow_anonymous false\nplugin {plugin}\n"
        f"plugin_opt_config_file {clients}"
    )
    ask = ["mosquitto_ctrl", "-h", server.host, "-p", str(server.port), "-u", "admin"]
    for line in recipe():
        words = shlex.split(line)
        password = ["-p", words[2]] if words[1] == "createClient" else []
        asked = subprocess.run(
            [*ask, "-P", "admin", *words, *password], capture_output=True, text=True, timeout=SOON_S
        )
        assert asked.returncode == 0, f"{line}: {asked.stderr}"
        assert "rror" not in asked.stdout + asked.stderr, f"{line}: {asked.stdout}{asked.stderr}"
    return server


@pytest.mark.mosquitto
async def test_the_recipe_lets_in_whom_it_names_with_what_it_names(server: Mosquitto) -> None:
    collector, device = as_user(server, "collector"), as_user(server, "linhe-box-1")
    every = [every_device(Kind.READINGS)]
    async with Mqtt5Link(collector, sites=["linhe"], filters=every) as watch:
        await connected(watch)
        async with Mqtt5Link(device, filters=[OWN + "received"]) as box:
            await connected(box)
            assert await box.publish(OWN + "readings", b"own")
            assert not await box.publish("shouwang/v1/linhe/other/readings", b"another's")
            assert not await box.publish(OWN + "received", b"what the server says")
            for kind in (Kind.STATUS, Kind.HEALTH):
                assert not await box.publish(f"shouwang/v1/linhe/server/{kind}", b"{}")
            assert await watch.publish(OWN + "received", b"{}")
            async with asyncio.timeout(SOON_S):
                (receipt,) = await anext(box.batches())
                (reading,) = await anext(watch.batches())
        assert (receipt.payload, reading.payload) == (b"{}", b"own")
    async with Mqtt5Link(device, filters=[OWN + "#"]) as box:
        async with asyncio.timeout(SOON_S):
            while "subscription" not in box.why:  # noqa: ASYNC110 - a test polls what has no event
                await asyncio.sleep(0.01)


@pytest.mark.mosquitto
async def test_the_server_hears_its_own_word(server: Mosquitto) -> None:
    collector, topic = as_user(server, "collector"), "shouwang/v1/linhe/server/health"
    async with Mqtt5Link(collector, filters=[every_device(Kind.HEALTH)]) as watch:
        await connected(watch)
        assert await watch.publish(topic, b"own")
        async with asyncio.timeout(SOON_S):
            (heard,) = await anext(watch.batches())
    assert (heard.topic, heard.payload, heard.retained) == (topic, b"own", False)


@pytest.mark.mosquitto
async def test_a_device_that_calls_itself_collector_is_not_the_collector(server: Mosquitto) -> None:
    async with Mqtt5Link(as_user(server, "collector"), sites=["linhe"]) as watch:
        await connected(watch)
        thief = replace(as_user(server, "linhe-box-1"), client_id="collector")
        async with Mqtt5Link(thief, filters=[OWN + "received"]) as box:
            async with asyncio.timeout(SOON_S):
                while not (box.connected or box.epoch > 1):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            assert (watch.connected, watch.epoch) == (True, 1)


def recipe() -> list[str]:
    """The commands of the README, in their order."""
    text = (DEPLOY / "README.md").read_text("utf-8")
    return [line for line in text.splitlines() if line.startswith("dynsec ")]


def as_user(server: Mosquitto, name: str) -> Broker:
    return Broker.at(server.url, "any", user=Secret(name), password=Secret(name))


async def connected(link: LinkBase) -> None:
    async with asyncio.timeout(SOON_S):
        while not link.connected:  # noqa: ASYNC110 - a test polls what has no event
            await asyncio.sleep(0.01)

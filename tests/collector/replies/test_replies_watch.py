"""Smoke in a shed, told by DingTalk and Feishu to the guard's accounts, and taken over from there."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from alerts.incidents.model import State
from alerts.notify.notice import NoticeState
from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Names,
    Person,
    Place,
    PlaceKind,
    PostRole,
    Tier,
    Tiers,
)
from alerts.store.operations import Operations
from alerts.words import Severity
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.reading import Reading
from edge.contract.senml import encode
from tests.collector.replies.chats import SECRET, Chat, DingTalk, Feishu
from tests.collector.village import DEVICE, REGISTRY, SITE, Process, settle, status_of, until

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

SHED = "shed-1"
FORMATS: dict[str, tuple[type[Chat], ChannelKind]] = {
    "dingtalk": (DingTalk, ChannelKind.DINGTALK_APP),
    "feishu": (Feishu, ChannelKind.FEISHU_APP),
}


def registry(kind: ChannelKind):
    guard = Person(
        id="guard",
        site=SITE,
        name="值班岗",
        role=PostRole.GUARD,
        addresses=(Address(channel=kind, to="guard-account"),),
        is_post=True,
    )
    box = replace(
        REGISTRY.devices[0],
        bindings=(Binding(place=SHED, metrics=("smoke",), interval_s=60.0),),
    )
    shed = Place(id=SHED, site=SITE, kind=PlaceKind.SHED, names=Names(zh="1 号充电棚"))
    steps = (Tier(role=PostRole.GUARD, wait_s={Severity.CRITICAL: 300.0}),)
    return replace(
        REGISTRY,
        places=(shed,),
        devices=(box,),
        people=(guard,),
        tiers=(Tiers(kind=PlaceKind.SHED, steps=steps),),
    )


async def smoke(url: str, is_over: Callable[[], bool]) -> None:
    """A box that keeps telling of smoke."""
    seq = 0
    async with Mqtt5Link(Broker.at(url, "box"), filters=["none"]) as link:
        while not is_over():
            now_ms = time.time_ns() // 1_000_000
            one = Reading(
                place=SHED, port="", metric="smoke", value=1.0, at_ms=now_ms, run="r1", seq=seq
            )
            if await link.publish(f"shouwang/v1/{SITE}/{DEVICE}/readings", encode([one])):
                seq += 1
            await asyncio.sleep(1)


@pytest.mark.parametrize("name", FORMATS)
async def test_smoke_is_told_in_a_chat_and_taken_over_by_an_answer(
    name, mosquitto_server, tmp_path, monkeypatch
):
    server, kind = FORMATS[name]
    monkeypatch.setenv("APP_SECRET", SECRET)
    broker, chat = mosquitto_server(), server()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(chat.there())
        app = "client" if name == "dingtalk" else "app"
        more = (
            f'[{name}_app]\n{app}_id = "app"\n{app}_secret = "env:APP_SECRET"\nurl = "{chat.url}"\n'
            f'[notices]\nallow = ["{chat.host}"]\n'
        )
        watch = Process(settle(tmp_path, broker.url, registry=registry(kind), more=more))
        stack.callback(watch.kill)
        watch.start()
        database = f"sqlite:///{tmp_path / 'state' / 'operations.db'}"
        operations = stack.enter_context(Operations(database))
        await status_of(tmp_path, lambda status: _works(status, "replies", "link"))

        def taken() -> bool:
            return any(one.state is State.ACKNOWLEDGED for one in operations.incidents())

        smoking = asyncio.create_task(smoke(broker.url, taken))
        await until(lambda: bool(chat.sent))
        told = json.dumps(chat.sent[0], ensure_ascii=False)
        assert "1 号充电棚" in told
        assert "119" in told
        if name == "dingtalk":
            await chat.says("guard-account", "收到")
        else:
            (incident,) = operations.incidents()
            await chat.taps("guard-account", str(incident.id))
        await until(taken)
        await smoking
        (incident,) = operations.incidents()
        assert incident.acknowledged_by == "guard"
        (told_guard,) = [one for one in operations.notices() if one.address.channel is kind]
        assert told_guard.state is NoticeState.ACKNOWLEDGED
        confirmed: Any = await chat.heard.get()
        assert confirmed
        if name == "dingtalk":
            await until(lambda: len(chat.sent) == 2)
            assert "好的，由您处理" in json.dumps(chat.sent[1], ensure_ascii=False)
        assert watch.terminate(10) == 0
        assert SECRET not in watch.log.read_text()


def _works(status: Any, *names: str) -> bool:
    whys = {part.name: part.why for part in status.parts}
    return all(whys.get(name) == "" for name in names)

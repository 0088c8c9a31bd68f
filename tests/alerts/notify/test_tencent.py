"""WeCom's application and WeChat's service account: tokens, and who is not reached."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.notify.notice import NoticeReason
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import ChannelKind
from alerts.words import Language, Severity
from edge.clock import Clock
from tests.alerts.notify.worlds import LINK, ServiceWorld, notice

KINDS = (ChannelKind.WECOM_APP, ChannelKind.WECHAT)


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[ServiceWorld]:
    async with ServiceWorld(request.param).there(Clock()) as there:
        yield there


async def test_one_token_serves_many_messages_at_once(world: ServiceWorld) -> None:
    service: Any = world.service
    sends = (world.channel.send(notice(world.address, id=n)) for n in range(8))
    assert all(isinstance(each, Accepted) for each in await asyncio.gather(*sends))
    assert service.tokens == 1


async def test_those_who_wait_for_a_token_that_never_comes_do_not_ask_one_after_another(
    world: ServiceWorld,
) -> None:
    service: Any = world.service
    world.mode = "hanging"  # longer than the outbound client waits
    sends = (world.channel.send(notice(world.address, id=n)) for n in range(8))
    begun = time.monotonic()
    assert all(isinstance(each, Retry) for each in await asyncio.gather(*sends))
    assert time.monotonic() - begun < 6
    assert len(service.asked) == 1
    world.mode = "fine"
    assert isinstance(await world.channel.send(notice(world.address)), Accepted)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_refused_is_fetched_anew_once(world: ServiceWorld, code: int) -> None:
    service: Any = world.service
    service.stale = code
    await world.channel.send(notice(world.address))
    service.spoil()
    assert isinstance(await world.channel.send(notice(world.address)), Accepted)
    assert service.tokens == 2


async def test_tokens_that_never_hold_are_for_later(world: ServiceWorld) -> None:
    service: Any = world.service
    service.spoiled = 99
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry)
    assert "a new token is refused as well: 42001" in outcome.why
    assert service.tokens == 2


async def test_a_token_is_fetched_anew_before_it_ends(world: ServiceWorld) -> None:
    service: Any = world.service
    at = 0.0
    world.channel._tokens._now_s = lambda: at  # type: ignore[attr-defined]
    await world.channel.send(notice(world.address))
    at = 7200 - 301
    await world.channel.send(notice(world.address))
    assert service.tokens == 1
    at = 7200 - 299
    await world.channel.send(notice(world.address))
    assert service.tokens == 2


async def test_a_wrong_secret_is_final_and_not_shown(
    world: ServiceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_SECRET", "another-secret")
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert "wecom.secret is not the right" in outcome.why or "not the account's" in outcome.why
    assert "another-secret" not in outcome.why


async def test_somebody_who_is_no_member_is_not_reached_whatever_the_code() -> None:
    async with ServiceWorld(ChannelKind.WECOM_APP).there(Clock()) as world:
        outcome = await world.channel.send(notice(replace(world.address, to="Gone.Away")))
        everybody = await world.channel.send(notice(replace(world.address, to="@all")))
    assert isinstance(outcome, Rejected)
    assert outcome.why.startswith("invaliduser: Gone.Away is no member")
    assert isinstance(everybody, Rejected)
    assert not world.received


async def test_a_member_gets_the_words_and_the_proof_is_the_message() -> None:
    async with ServiceWorld(ChannelKind.WECOM_APP).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address))
    assert outcome == Accepted("msgid x1")
    assert world.received[0]["text"]["content"].endswith(f"点开处理：{LINK}")


async def test_a_template_is_filled_within_its_fields() -> None:
    title = "【要处理】临江社区东苑小区 12 栋北侧 2 号充电棚 7 号插座：功率过高"
    text = "功率 1130 瓦。\n怎么办：请到现场看看，别碰发热、冒烟的地方，先让人离开。"
    async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address, title=title, text=text))
    assert outcome == Accepted("0 ok")
    (message,) = world.received
    assert message["url"] == LINK
    assert message["client_msg_id"] == "shouwang-42"
    assert {name: field["value"] for name, field in message["data"].items()} == {
        "thing1": "临江社区东苑小…棚 7 号插座：功率过高",
        "phrase2": "要处理",
        "time3": "2026-11-22 18:34",
        "thing4": "请到现场看看，别碰发热、冒烟的地方，先…",
        "character_string5": "7",
    }


async def test_a_phrase_is_chinese_whatever_the_person_reads() -> None:
    async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
        outcome = await world.channel.send(
            notice(
                world.address,
                title="[Danger] Shed 2: smoke",
                text="Smoke.\nNow: get out.",
                language=Language.EN,
                severity=Severity.CRITICAL,
            )
        )
    assert isinstance(outcome, Accepted), outcome
    assert world.received[0]["data"]["phrase2"]["value"] == "危险"


async def test_what_is_over_is_no_danger_whatever_the_person_reads() -> None:
    over = {
        "title": "[Recovered] Shed 2: smoke",
        "text": "Back to normal.",
        "severity": Severity.CRITICAL,
    }
    async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
        await world.channel.send(
            notice(world.address, reason=NoticeReason.RECOVERED, language=Language.EN, **over)
        )
    assert world.received[0]["data"]["phrase2"]["value"] == "已恢复"


async def test_another_application_s_number_is_named() -> None:
    async with ServiceWorld(ChannelKind.WECOM_APP).there(Clock()) as world:
        channel: Any = world.channel
        channel._agent_id = 1000003
        outcome = await channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert "wecom.agent_id and wecom.secret are not of the same application" in outcome.why


async def test_an_account_s_frozen_or_wrong_secret_is_final_by_either_code() -> None:
    for code in (40001, 40125):
        async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
            service: Any = world.service
            service.wrong_secret = code
            channel: Any = world.channel
            channel._account = "wx02"
            outcome = await channel.send(notice(world.address))
        assert isinstance(outcome, Rejected)
        assert "wechat.secret is not" in outcome.why


async def test_somebody_who_does_not_follow_is_not_reached() -> None:
    async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
        outcome = await world.channel.send(notice(replace(world.address, to="oSomebodyElse")))
    assert isinstance(outcome, Rejected)
    assert "does not follow the account" in outcome.why


async def test_a_day_that_is_used_up_is_for_the_next_address() -> None:
    async with ServiceWorld(ChannelKind.WECHAT).there(Clock()) as world:
        world.mode = "used up"
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert "allowance of a day is used up" in outcome.why

"""What each group's robot does of its own, beside the contract."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.notify import dingtalk, feishu
from alerts.notify.answers import hiding, judge
from alerts.notify.outbound import Answer
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.registry.addresses import robot, where
from alerts.registry.model import Address, ChannelKind
from edge.clock import Clock
from edge.contract.secret import Secret
from tests.alerts.notify.worlds import LINK, ServiceWorld, notice

ROBOTS = (ChannelKind.WECOM, ChannelKind.DINGTALK, ChannelKind.FEISHU)


@pytest.fixture(params=ROBOTS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[ServiceWorld]:
    async with ServiceWorld(request.param).there(Clock()) as there:
        yield there


def words(world: ServiceWorld) -> str:
    (message,) = world.received
    said = message.get("text") or message["content"]
    return str(said.get("content") or said["text"])


async def test_title_text_and_link_arrive(world: ServiceWorld) -> None:
    await world.channel.send(notice(world.address))
    assert words(world) == (
        "【要处理】2 号充电棚 7 号插座：功率过高\n"
        f"功率 1130 瓦，超过 ＜b＞800＜/b＞ 瓦。\n点开处理：{LINK}"
    )


async def test_markup_and_calls_to_everybody_are_harmless(world: ServiceWorld) -> None:
    title = '【危险】@all <at user_id="all">所有人</at> @所有人：烟'
    await world.channel.send(notice(world.address, title=title))
    said = words(world)
    assert "@" not in said
    assert "<" not in said
    assert '＠all ＜at user_id="all"＞' in said


async def test_a_long_message_fits_and_keeps_its_link(world: ServiceWorld) -> None:
    text = "👨‍👩‍👧烟" * 9000 + f"\n点开处理：{LINK}"
    outcome = await world.channel.send(notice(world.address, text=text))
    assert isinstance(outcome, Accepted), outcome
    assert words(world).endswith(f"…\n点开处理：{LINK}")


async def test_mentions_are_made(world: ServiceWorld) -> None:
    whom = " @ou_7d8a @ou_9" if world.address.channel is ChannelKind.FEISHU else " @13800001111 @li"
    to = world.address.to + whom
    assert isinstance(await world.channel.send(notice(replace(world.address, to=to))), Accepted)
    (message,) = world.received
    match world.address.channel:
        case ChannelKind.WECOM:
            assert message["text"]["mentioned_list"] == ["li"]
            assert message["text"]["mentioned_mobile_list"] == ["13800001111"]
        case ChannelKind.DINGTALK:
            at = {"atMobiles": ["13800001111"], "atUserIds": ["li"], "isAtAll": False}
            assert message["at"] == at
            assert message["text"]["content"].endswith(" @13800001111 @li")
        case _:
            called = ' <at user_id="ou_7d8a"></at> <at user_id="ou_9"></at>'
            assert message["content"]["text"].endswith(called)


async def test_nobody_can_smuggle_a_mention_in(world: ServiceWorld) -> None:
    to = world.address.to + ' @all @x"></at><at user_id="all'
    await world.channel.send(notice(replace(world.address, to=to)))
    sent = json.dumps(world.received)
    assert '"all' not in sent
    assert '\\"all' not in sent
    assert "@all" not in sent


@pytest.mark.parametrize(
    ("kind", "wait"),
    [
        (ChannelKind.WECOM, timedelta(minutes=1)),
        (ChannelKind.DINGTALK, timedelta(minutes=10)),
        (ChannelKind.FEISHU, timedelta(minutes=1)),
    ],
)
async def test_too_fast_waits_as_long_as_the_service_says_in_house_time(
    kind: ChannelKind, wait: timedelta
) -> None:
    async with ServiceWorld(kind).there(Clock(speed=60)) as world:
        world.mode = "busy"
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry)
    assert outcome.after == wait * 60


async def test_the_21st_message_of_a_minute_is_refused_for_a_while() -> None:
    async with ServiceWorld(ChannelKind.WECOM).there(Clock()) as world:
        outcomes: list[Outcome] = [
            await world.channel.send(notice(world.address)) for _ in range(21)
        ]
    assert [isinstance(each, Accepted) for each in outcomes] == [True] * 20 + [False]
    assert outcomes[-1] == Retry("45009 api freq out of limit, key ***", timedelta(minutes=1))


async def test_a_wrong_secret_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind, remedy in (
        (ChannelKind.DINGTALK, "security settings"),
        (ChannelKind.FEISHU, "clock"),
    ):
        async with ServiceWorld(kind).there(Clock()) as world:
            monkeypatch.setenv("ROBOT_SECRET", "another")
            outcome = await world.channel.send(notice(world.address))
        assert isinstance(outcome, Rejected)
        assert remedy in outcome.why


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"code": 9499, "msg": "Bad Request"}, Rejected),
        ({"code": 9499, "msg": "too many request"}, Retry),
        ({"code": 19022, "msg": "Ip Not Allowed"}, Rejected),
        ({"StatusCode": 0, "StatusMessage": "success"}, Accepted),
    ],
)
async def test_feishu_says_two_things_by_one_code(
    said: dict[str, object], expected: type[Outcome]
) -> None:
    answer = Answer(status=200, headers={}, body=json.dumps(said).encode())
    outcome = judge(answer, feishu.FeishuRobot.CODES, Clock(), hiding())
    assert isinstance(outcome, expected)


def test_signatures_are_those_of_the_documents() -> None:
    """Held against openssl: ``openssl dgst -sha256 -mac HMAC -macopt hexkey:... -binary | base64``."""
    assert dingtalk.signature(Secret("this is secret"), "1577262236757") == (
        "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
    )
    assert feishu.signature(Secret("demo"), "1599360473") == (
        "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    )


def test_a_robot_is_one_whoever_it_mentions() -> None:
    one = Address(channel=ChannelKind.WECOM, to="env:ROBOT @li", group=True)
    other = replace(one, to="env:ROBOT")
    assert where(one) == where(other)
    assert robot("file:/etc/a b @li").hook == "file:/etc/a b"

"""SMS and calls by Alibaba Cloud: the signature of its documents, limits, and "press 1"."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.notify.aliyun import canonical, limited_for, signed
from alerts.notify.notice import Notice
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.notify.voice import Voice
from alerts.registry.model import ChannelKind
from edge.clock import Clock
from tests.alerts.notify.services import SECRET, AliyunServer
from tests.alerts.notify.worlds import LINKS, VARIABLES, ServiceWorld, aliyun, notice


def test_the_signature_is_that_of_the_documents_example() -> None:
    """help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature."""
    headers = signed(
        "POST",
        "ecs.cn-shanghai.aliyuncs.com",
        {
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            "RegionId": "cn-shanghai",
        },
        action="RunInstances",
        version="2014-05-26",
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
        key_id="YourAccessKeyId",
        key_secret="YourAccessKeySecret",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_a_query_is_sorted_and_encoded_by_the_standard() -> None:
    assert canonical({"b": "a b*~/+", "A": "火"}) == "A=%E7%81%AB&b=a%20b%2A~%2F%2B"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("触发分钟级流控Permits:1", timedelta(minutes=1)),
        ("触发小时级流控Permits:5", timedelta(hours=1)),
        ("触发天级流控Permits:40", None),  # until tomorrow
        ("?", timedelta(hours=1)),
    ],
)
def test_a_flow_limit_lasts_as_long_as_it_says(text: str, wait: timedelta | None) -> None:
    assert limited_for(text) == wait


async def test_a_number_that_takes_no_more_today_is_for_the_next_address() -> None:
    async with ServiceWorld(ChannelKind.SMS).there(Clock()) as world:
        service: Any = world.service
        service.limit = "触发天级流控Permits:40"
        world.mode = "busy"
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert outcome.why.endswith("nothing more goes to this number today")


async def test_a_flow_limit_is_waited_for() -> None:
    async with ServiceWorld(ChannelKind.SMS).there(Clock(speed=2)) as world:
        world.mode = "busy"
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry)
    assert outcome.why == "isv.BUSINESS_LIMIT_CONTROL 触发小时级流控Permits:5"
    assert outcome.after == timedelta(hours=2)


@pytest.mark.parametrize("to", ["+86 138-0000-1111", "13800001111"])
async def test_an_sms_fills_its_template(to: str) -> None:
    title = "【危险】2 号充电棚 7 号插座：烟感报警 https://x.example/1"
    async with ServiceWorld(ChannelKind.SMS).there(Clock()) as world:
        told = notice(replace(world.address, to=to), title=title)
        told = replace(told, text=f"{told.text}\n找人问：陈经理（物业）000-5550-0104")
        outcome = await world.channel.send(told)
    assert outcome == Accepted("BizId 9006197469364984^0")
    ((action, query, values),) = world.received
    assert action == "SendSms"
    assert (query["PhoneNumbers"], query["SignName"], query["TemplateCode"]) == (
        "13800001111",
        "临江守望",
        "SMS_1",
    )
    assert values["place"] == "2 号充电棚 7 号插座"
    assert values["what"] == "烟感报警"  # no link within a variable
    assert values["ask"] == "找人问：陈经理（物业）000-5550-0104"
    assert LINKS.notice_of(values["code"]) == told.id


@pytest.mark.parametrize("kind", [ChannelKind.SMS, ChannelKind.VOICE])
async def test_what_is_no_mobile_number_is_refused_unshown(kind: ChannelKind) -> None:
    async with ServiceWorld(kind).there(Clock()) as world:
        outcome = await world.channel.send(notice(replace(world.address, to="119")))
    assert outcome == Rejected("no mobile number; write 13800001111")
    assert not world.received


async def test_a_plain_call_reads_the_template_three_times() -> None:
    async with ServiceWorld(ChannelKind.VOICE).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address))
    assert outcome == Accepted("CallId 116012854210^100675005007")
    ((action, query, _),) = world.received
    assert (action, query["PlayTimes"]) == ("SingleCallByTts", "3")
    assert query["CalledShowNumber"] == "05710000000"


@asynccontextmanager
async def calling(
    records: list[dict[str, Any]], ask_for_s: float = 5
) -> AsyncIterator[tuple[Voice, AliyunServer, list[Notice]]]:
    """A call with "press 1", whose records are these, one after the other."""
    service, taken = AliyunServer(), []

    async def pressed(notice: Notice) -> None:
        taken.append(notice)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOT_SECRET", SECRET)
        async with service.there():
            service.records = records
            outbound = Outbound(allow={service.host}, total_s=1)
            voice = Voice(
                aliyun(service, outbound, Clock(), "2017-05-25"),
                show_number="",
                template="TTS_1",
                variables=VARIABLES,
                key_template="TTS_2",
                pressed=pressed,
                ask_every_s=0.05,
                ask_for_s=ask_for_s,
            )
            yield voice, service, taken
            await voice.close()


async def called(voice: Voice) -> None:
    async with ServiceWorld(ChannelKind.VOICE).there(Clock()) as world:
        outcome = await voice.send(notice(world.address))
    assert isinstance(outcome, Accepted)
    async with asyncio.timeout(10):
        while voice._asking:  # noqa: ASYNC110 - tasks of its own
            await asyncio.sleep(0.01)


async def test_who_presses_1_takes_over_once() -> None:
    talking = {"state": "200000", "endDate": ""}
    ended = {"state": "200005", "endDate": "2026-11-22 18:35:10", "dtmf": "1"}
    async with calling([{}, talking, ended, ended]) as (voice, service, taken):
        await called(voice)
    ((action, query, _),) = service.taken
    assert action == "IvrCall"
    assert (query["StartCode"], query["MenuKeyMap.1.Key"]) == ("TTS_1", "1")
    assert (query["MenuKeyMap.1.Code"], "CalledShowNumber" in query) == ("TTS_2", False)
    assert json.loads(query["StartTtsParams"])["what"] == "功率过高"
    assert [(each.incident, each.person) for each in taken] == [(7, "chen")]
    assert len(service.records) == 1  # nothing is asked for any more


@pytest.mark.parametrize(
    "record",
    [
        {"endDate": "2026-11-22 18:35:10"},
        {"endDate": "2026-11-22 18:35:10", "dtmf": "2"},
        {"endDate": "2026-11-22 18:35:10", "dtmf": "12"},
        {"endDate": "2026-11-22 18:35:10", "dtmf": None},
    ],
)
async def test_whoever_presses_nothing_or_something_else_takes_over_nothing(
    record: dict[str, Any],
) -> None:
    async with calling([record]) as (voice, _, taken):
        await called(voice)
    assert taken == []


async def test_a_call_of_which_nothing_is_heard_is_asked_for_a_while_only() -> None:
    async with calling([], ask_for_s=0.3) as (voice, service, taken):
        await called(voice)
    assert taken == []
    assert 3 <= len(service.asked) <= 9

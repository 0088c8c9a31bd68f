"""Smoke in a shed, told by telephone: 1 pressed takes it over, nobody there calls the next phone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.notify.notice import NoticeState
from alerts.registry.model import Address, ChannelKind
from alerts.store.operations import Operations
from tests.alerts.notify.receipt_server import ReceiptServer
from tests.alerts.notify.services import SECRET
from tests.alerts.notify.test_receipts import CALL, SMS, UNANSWERED
from tests.collector.replies.test_replies_watch import registry, smoke
from tests.collector.village import Process, settle, status_of, until

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

CALLS, TEXTS = "Alicom-Queue-1009-VoiceReport", "Alicom-Queue-1009-SmsReport"
FIRST, SECOND = "13800001111", "13800002222"
VARIABLES = 'variables = { place = "place", what = "what", do = "do" }'


@dataclass
class House:
    service: ReceiptServer
    operations: Operations
    watch: Process

    def called(self) -> list[tuple[str, str]]:
        """The numbers that were called or written to, each with its notice."""
        return [
            (query.get("CalledNumber") or query["PhoneNumbers"], query["OutId"])
            for _, query, _ in self.service.taken
        ]

    def notice(self, number: str) -> Any:
        return next(one for one in self.operations.notices() if one.address.to == number)


@asynccontextmanager
async def house(
    folder: Path, broker: Any, monkeypatch: pytest.MonkeyPatch, *addresses: Address
) -> AsyncIterator[House]:
    """A watch that hears both queues, and smoke in its shed."""
    monkeypatch.setenv("ALIYUN", SECRET)
    service = ReceiptServer()
    service.queues = {CALLS: [], TEXTS: []}
    known = registry(ChannelKind.VOICE)
    (guard,) = known.people
    known = replace(known, people=(replace(guard, addresses=addresses),))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(service.there())
        url = f"http://{service.host}"
        more = (
            f'[aliyun]\naccess_key_id = "{service.key_id}"\naccess_key_secret = "env:ALIYUN"\n'
            f'queue_url = "{url}"\ntoken_url = "{url}"\n'
            f'[voice]\ntemplate = "TTS_1"\nkey_template = "TTS_2"\n{VARIABLES}\n'
            f'url = "{url}"\nreceipts = "{CALLS}"\n'
            f'[sms]\ntemplate = "SMS_1"\nsign_name = "临江守望"\n{VARIABLES}\n'
            f'url = "{url}"\nreceipts = "{TEXTS}"\n'
            f'[notices]\nallow = ["{service.host}"]\n'
        )
        watch = Process(settle(folder, broker.url, registry=known, more=more))
        stack.callback(watch.kill)
        watch.start()
        database = f"sqlite:///{folder / 'state' / 'operations.db'}"
        operations = stack.enter_context(Operations(database))
        await status_of(folder, _hears)
        is_over = False
        smoking = asyncio.create_task(smoke(broker.url, lambda: is_over))
        yield House(service, operations, watch)
        is_over = True
        await smoking
        assert watch.terminate(10) == 0
        assert not any("QueryCallDetail" in str(one.headers) for one in service.asked)
        log = watch.log.read_text()
        for secret in (SECRET, *(token.secret for token in service.tokens), FIRST, SECOND):
            assert secret not in log


def _hears(status: Any) -> bool:
    whys = {part.name: part.why for part in status.parts}
    return whys.get("receipts") == "" and whys.get("link") == ""


async def test_who_presses_1_takes_over_also_after_a_restart(
    mosquitto_server, tmp_path, monkeypatch
):
    broker = mosquitto_server()
    call = Address(channel=ChannelKind.VOICE, to=FIRST)
    async with house(tmp_path, broker, monkeypatch, call) as there:
        await until(lambda: bool(there.called()))
        await until(lambda: there.notice(FIRST).state is NoticeState.ACCEPTED)
        there.watch.kill()  # whoever placed the call is gone when it ends
        ((number, out_id),) = there.called()
        there.service.put(
            CALLS, CALL | {"callee": number, "out_id": out_id, "dtmf": "1", "end_time": ""}
        )
        there.watch.start()
        await until(lambda: there.operations.incidents()[0].state is State.ACKNOWLEDGED)
        (incident,) = there.operations.incidents()
        assert incident.acknowledged_by == "guard"
        (line,) = [
            line
            for line in there.operations.story(incident.id)
            if line.kind is StoryKind.ACKNOWLEDGED
        ]
        assert (line.who, line.origin) == ("guard", "call")
        await until(lambda: there.service.queues[CALLS] == [])
        assert there.notice(FIRST).state is NoticeState.ACKNOWLEDGED
        assert len(there.called()) == 1
        told = await status_of(tmp_path, lambda status: "provider_taken" in status.counters)
        assert told.counters["provider_taken"] == 1


async def test_a_call_that_nobody_answers_and_an_sms_to_nobody_go_on_to_the_next(
    mosquitto_server, tmp_path, monkeypatch
):
    addresses = (
        Address(channel=ChannelKind.VOICE, to=FIRST),
        Address(channel=ChannelKind.SMS, to=FIRST),
        Address(channel=ChannelKind.VOICE, to=SECOND),
    )
    async with house(tmp_path, mosquitto_server(), monkeypatch, *addresses) as there:
        await until(lambda: len(there.called()) == 1)
        there.service.put(
            CALLS, CALL | UNANSWERED | {"status_code": "200003", "out_id": there.called()[0][1]}
        )
        await until(lambda: len(there.called()) == 2)
        there.service.put(
            TEXTS,
            SMS | {"success": False, "err_code": "MK:0001", "out_id": there.called()[1][1]},
        )
        await until(lambda: len(there.called()) == 3)
        assert [number for number, _ in there.called()] == [FIRST, FIRST, SECOND]
        by_channel = {
            one.address.channel: one
            for one in there.operations.notices()
            if one.address.to == FIRST
        }
        call, text = by_channel[ChannelKind.VOICE], by_channel[ChannelKind.SMS]
        assert call.state is text.state is NoticeState.REJECTED
        assert "nobody answered (200003)" in call.detail
        assert "no such number (MK:0001)" in text.detail
        (incident,) = there.operations.incidents()
        assert incident.state is State.OPEN

"""The long lines, against servers of the test's own that speak as DingTalk and Feishu do."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from alerts.notify.dingtalk_app import DingTalkApp, DingTalkSettings
from alerts.notify.feishu_app import FeishuApp, FeishuSettings
from alerts.notify.outbound import Outbound
from alerts.registry.model import ChannelKind
from collector.replies import feishu
from collector.replies.dingtalk import DingTalkLine
from collector.replies.feishu import FeishuLine
from collector.replies.line import Line, LineError, same_house
from collector.replies.port import Said
from edge.clock import Clock
from tests.collector.replies.chats import SECRET, Chat, DingTalk, Feishu

SOON_S = 20.0


class Ear:
    """Hears what was said, and answers ``words``."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.words = "好的"
        self.free = asyncio.Event()
        self.free.set()

    async def hear(self, said: Said) -> str:
        self.said.append(said)
        await self.free.wait()
        return self.words


def line_to(chat: Chat, ear: Ear, allow: tuple[str, ...] | None = None) -> Line:
    there = {chat.host} if allow is None else set(allow)
    pace: dict[str, Any] = {"back_off_s": (0.01, 0.02), "jitter": lambda: 0.5}
    if isinstance(chat, DingTalk):
        settings = DingTalkSettings(client_id="app", client_secret="env:APP_SECRET", url=chat.url)
        app = DingTalkApp(settings, Outbound(allow=there), Clock())
        return DingTalkLine(settings, Outbound(allow=there), app, ear.hear, **pace)
    other = FeishuSettings(app_id="app", app_secret="env:APP_SECRET", url=chat.url)
    said = FeishuApp(other, Outbound(allow=there), Clock())
    return FeishuLine(other, Outbound(allow=there), said, ear.hear, **pace)


@asynccontextmanager
async def running(line: Line) -> AsyncIterator[None]:
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await line._app.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - what is awaited is another task's
            await asyncio.sleep(0.01)


async def soon(awaited: Awaitable[Any]) -> Any:
    async with asyncio.timeout(SOON_S):
        return await awaited


@pytest.fixture(params=[DingTalk, Feishu])
async def chat(request, monkeypatch) -> AsyncIterator[Chat]:
    monkeypatch.setenv("APP_SECRET", SECRET)
    made = request.param()
    async with made.there():
        yield made


@pytest.fixture
def ear() -> Ear:
    return Ear()


async def test_what_a_person_writes_is_heard_confirmed_and_answered(chat, ear):
    async with running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.says("zhang", "收到")
        confirmed = await soon(chat.heard.get())
        await until(lambda: bool(chat.sent))
    (said,) = ear.said
    assert (said.account, said.text, said.incident) == ("zhang", "收到", None)
    assert "好的" in json.dumps(chat.sent, ensure_ascii=False)
    if isinstance(chat, DingTalk):
        assert said.channel is ChannelKind.DINGTALK_APP
        assert confirmed["headers"]["messageId"] == "frame-msg-1"
        assert (confirmed["code"], confirmed["data"]) == (200, '{"response": "OK"}')
        assert chat.sent[0]["userIds"] == ["zhang"]
    else:
        assert said.channel is ChannelKind.FEISHU_APP
        assert confirmed.headers["message_id"] == "frame-ev-1"
        assert confirmed.log == 7
        assert json.loads(confirmed.payload) == {"code": 200}
        assert chat.sent[0]["receive_id"] == "zhang"


async def test_nothing_is_confirmed_before_it_was_acted_on(chat, ear):
    ear.free.clear()  # the operations database is away
    async with running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.says("zhang", "收到")
        await until(lambda: bool(ear.said))
        await asyncio.sleep(0.2)
        assert chat.heard.empty()
        ear.free.set()
        await soon(chat.heard.get())


async def test_a_line_that_breaks_is_opened_again(chat, ear):
    line = line_to(chat, ear)
    async with running(line):
        await soon(chat.opened.wait())
        await until(lambda: not line.why)
        await chat.hang_up()
        await soon(chat.opened.wait())
        assert chat.lines == 2
        await chat.says("zhang", "收到")
        await soon(chat.heard.get())
        await until(lambda: not line.why)


async def test_a_wrong_secret_is_told_without_showing_it(chat, ear, monkeypatch, caplog):
    monkeypatch.setenv("APP_SECRET", "wrong-secret-9")
    line = line_to(chat, ear)
    async with running(line):
        await until(lambda: "gives no line" in line.why)
    setting = (
        "dingtalk_app.client_secret" if isinstance(chat, DingTalk) else "feishu_app.app_secret"
    )
    assert line.why.endswith(f"; look at {setting}")
    assert "wrong-secret-9" not in line.why + caplog.text


async def test_a_line_that_is_refused_shows_nothing_of_its_ticket(chat, ear, caplog):
    chat.is_full = True
    line = line_to(chat, ear)
    with caplog.at_level("DEBUG"):
        async with running(line):
            await until(lambda: "HTTP 403" in line.why)
    for secret in ("ticket", "device_id", "d1"):
        assert secret not in line.why + "".join(
            record.getMessage() for record in caplog.records if record.name.startswith("collector")
        )


async def test_a_server_that_is_away_is_asked_again(chat, ear):
    line = line_to(chat, ear, allow=())
    async with running(line):
        await until(lambda: "not a public address" in line.why)


async def test_garbage_on_the_line_harms_nothing(chat, ear):
    async with running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.line.send_str("no json")
        await chat.line.send_str("[1]")
        await chat.line.send_bytes(b"\xff\xff\xff")
        await chat.line.send_bytes(b"")
        if isinstance(chat, DingTalk):
            await chat.push("CALLBACK", "/v1.0/im/bot/messages/get", [1])
            await chat.push("CALLBACK", "/v1.0/im/bot/messages/get", {"text": {"content": 1}})
        else:
            await chat.event("im.message.receive_v1", {"sender": 1})
            await chat.event("card.action.trigger", {"action": {"value": {"take": "x"}}})
        await chat.says("zhang", "收到", id="after")
        await until(lambda: bool(ear.said))
    assert [said.id for said in ear.said] == ["after"]


async def test_dingtalk_pings_are_answered_with_their_data(monkeypatch, ear):
    monkeypatch.setenv("APP_SECRET", SECRET)
    chat = DingTalk()
    async with chat.there(), running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.push("SYSTEM", "ping", {"opaque": "0d8a"}, id="p1")
        pong = await soon(chat.heard.get())
        assert (pong["headers"]["messageId"], json.loads(pong["data"])) == (
            "p1",
            {"opaque": "0d8a"},
        )
        await chat.push("SYSTEM", "disconnect", {"reason": "persistent"})
        await until(lambda: chat.lines == 2)


async def test_feishu_is_pinged_in_its_own_frames_and_parts_are_put_together(monkeypatch, ear):
    monkeypatch.setenv("APP_SECRET", SECRET)
    chat = Feishu()
    async with chat.there(), running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await until(lambda: chat.pings == 1)
        await chat.says("ou_zhang", "收到 12", parts=3)
        await soon(chat.heard.get())
    assert [said.text for said in ear.said] == ["收到 12"]


async def test_a_tap_on_a_card_shows_the_answer_as_a_toast(monkeypatch, ear):
    monkeypatch.setenv("APP_SECRET", SECRET)
    chat = Feishu()
    async with chat.there(), running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.taps("ou_zhang", "42")
        confirmed = await soon(chat.heard.get())
    (said,) = ear.said
    assert (said.account, said.incident) == ("ou_zhang", 42)
    shown = base64.b64decode(json.loads(confirmed.payload)["data"])
    assert json.loads(shown) == {"toast": {"type": "info", "content": "好的"}}
    assert chat.sent == []


async def test_a_tap_whose_act_takes_long_is_answered_in_time_and_told_later(monkeypatch, ear):
    monkeypatch.setenv("APP_SECRET", SECRET)
    monkeypatch.setattr(feishu, "TOAST_S", 0.05)
    chat = Feishu()
    ear.free.clear()
    async with chat.there(), running(line_to(chat, ear)):
        await soon(chat.opened.wait())
        await chat.taps("ou_zhang", "42")
        confirmed = await soon(chat.heard.get())
        assert "正在登记" in base64.b64decode(json.loads(confirmed.payload)["data"]).decode()
        ear.free.set()
        await until(lambda: bool(chat.sent))
    assert json.loads(chat.sent[0]["content"]) == {"text": "好的"}


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("wss://wss-open-connection.dingtalk.com:443/connect?ticket=1", "https://api.dingtalk.com"),
        ("wss://msg-frontier.feishu.cn/ws/v2?a=1", "https://open.feishu.cn"),
        ("ws://127.0.0.1:99/x", "http://127.0.0.1:98"),
    ],
)
def test_a_line_into_the_same_house_is_taken(given, base):
    assert same_house(given, base) == given


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("wss://dingtalk.com.evil.example/x", "https://api.dingtalk.com"),
        ("wss://evildingtalk.com/x", "https://api.dingtalk.com"),
        ("ws://wss.dingtalk.com/x", "https://api.dingtalk.com"),
        ("wss://10.0.0.1/x", "https://api.dingtalk.com"),
        ("ws://127.0.0.2/x", "http://127.0.0.1"),
        ("https://api.dingtalk.com/", "https://api.dingtalk.com"),
        ("", "https://api.dingtalk.com"),
    ],
)
def test_a_line_that_leads_elsewhere_is_refused(given, base):
    with pytest.raises(LineError):
        same_house(given, base)

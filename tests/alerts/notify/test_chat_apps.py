"""DingTalk's and Feishu's apps as channels: their answers, error codes included, as outcomes."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from alerts.notify.dingtalk_app import DingTalkApp, DingTalkSettings
from alerts.notify.feishu_app import FeishuApp, FeishuSettings
from alerts.notify.merging import merged
from alerts.notify.notice import NoticeReason
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Address, ChannelKind
from alerts.words import Language
from edge.clock import Clock
from tests.alerts.notify.worlds import notice
from tests.collector.replies.chats import SECRET, DingTalk, Feishu

FAST = Clock(0.0, 0.0, 60.0)


@pytest.fixture
async def dingtalk(monkeypatch) -> AsyncIterator[tuple[DingTalk, DingTalkApp]]:
    monkeypatch.setenv("APP_SECRET", SECRET)
    server = DingTalk()
    async with server.there():
        settings = DingTalkSettings(client_id="app", client_secret="env:APP_SECRET", url=server.url)
        app = DingTalkApp(settings, Outbound(allow={server.host}), FAST)
        yield server, app
        await app.close()


@pytest.fixture
async def feishu(monkeypatch) -> AsyncIterator[tuple[Feishu, FeishuApp]]:
    monkeypatch.setenv("APP_SECRET", SECRET)
    server = Feishu()
    async with server.there():
        settings = FeishuSettings(
            app_id="app", app_secret="env:APP_SECRET", url=server.url, cell="linjiang"
        )
        app = FeishuApp(settings, Outbound(allow={server.host}), FAST)
        yield server, app
        await app.close()


def ding(account: str = "zhang") -> Address:
    return Address(channel=ChannelKind.DINGTALK_APP, to=account)


def fei(account: str = "ou_1") -> Address:
    return Address(channel=ChannelKind.FEISHU_APP, to=account)


async def test_dingtalk_gets_plain_text_and_how_to_answer(dingtalk):
    server, app = dingtalk
    assert await app.send(notice(ding())) == Accepted("processQueryKey q1")
    (sent,) = server.sent
    assert (sent["robotCode"], sent["userIds"], sent["msgKey"]) == ("app", ["zhang"], "sampleText")
    text = json.loads(sent["msgParam"])["content"]
    assert text.startswith("【要处理】2 号充电棚")
    assert text.endswith("回复“收到 7”，就是由您处理。")


@pytest.mark.parametrize("reason", [NoticeReason.RECOVERED, NoticeReason.CLOSED])
async def test_what_calls_nobody_asks_for_no_answer(dingtalk, feishu, reason):
    server, app = dingtalk
    await app.send(notice(ding(), reason=reason))
    assert "收到" not in server.sent[0]["msgParam"]
    other, card = feishu
    await card.send(notice(fei(), reason=reason))
    assert "callback" not in other.sent[0]["content"]


async def test_one_token_serves_many_messages(dingtalk, feishu):
    for (server, app), address in ((dingtalk, ding()), (feishu, fei())):
        for _ in range(3):
            assert isinstance(await app.send(notice(address)), Accepted)
        assert server.tokens == 1


async def test_a_token_revoked_before_its_time_is_fetched_anew_once(dingtalk, feishu):
    for (server, app), address in ((dingtalk, ding()), (feishu, fei())):
        await app.send(notice(address))
        server.good_token = "another"
        assert isinstance(await app.send(notice(address)), Accepted)
        assert server.tokens == 2


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            (200, {"processQueryKey": "q", "invalidStaffIdList": ["zhang"]}),
            Rejected("DingTalk knows no such person, or the app may not write to them"),
        ),
        (
            (200, {"processQueryKey": "q", "flowControlledStaffIdList": ["zhang"]}),
            Retry("DingTalk: this person got too much at once", timedelta(hours=1)),
        ),
        ((200, {}), Retry("HTTP 200, and no answer of the service: {}")),
        (
            (403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "slow down"}),
            Retry("Forbidden.AccessDenied.QpsLimitForApi slow down", timedelta(hours=1)),
        ),
        ((429, "{}"), Retry("HTTP 429 {}")),
        ((503, "{}"), Retry("HTTP 503 {}")),
        (
            (401, {"code": "InvalidAuthentication", "message": "no"}),
            Retry("a new token is refused as well: InvalidAuthentication no"),
        ),
        (
            (400, {"code": "invalidParameter.userIds.empty", "message": "空"}),
            Rejected("invalidParameter.userIds.empty 空"),
        ),
    ],
)
async def test_dingtalks_answers(dingtalk, answer, outcome):
    server, app = dingtalk
    server.answer = answer
    assert await app.send(notice(ding())) == outcome


async def test_feishu_gets_a_card_with_a_button_and_an_id_of_its_own(feishu):
    server, app = feishu
    assert await app.send(notice(fei())) == Accepted("message_id om_1")
    (sent,) = server.sent
    assert (sent["receive_id"], sent["msg_type"], sent["uuid"]) == (
        "ou_1",
        "interactive",
        "linjiang-42",
    )
    card = json.loads(sent["content"])
    text, take, opens = card["body"]["elements"]
    assert text["text"]["tag"] == "plain_text"
    assert "<b>800</b>" in text["text"]["content"]  # no markup, so it harms nobody
    assert take["behaviors"] == [{"type": "callback", "value": {"take": "7"}}]
    assert take["text"]["content"] == "我来处理"
    assert opens["behaviors"][0]["default_url"].endswith("/i/7?a=1&b=2")


async def test_feishus_card_speaks_the_persons_language(feishu):
    server, app = feishu
    await app.send(notice(fei(), language=Language.EN))
    assert "I take it over" in server.sent[0]["content"]


async def test_plain_words_call_nobody(feishu):
    server, app = feishu
    await app.say("ou_1", '<at user_id="all">所有人</at>')
    assert "<at" not in json.loads(server.sent[0]["content"])["text"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            (400, {"code": 230013, "msg": "Bot has NO availability to this user."}),
            Rejected(
                "230013 Bot has NO availability to this user.; the person is not among those whom "
                "the app may reach; add them to it"
            ),
        ),
        (
            (200, {"code": 99991400, "msg": "request trigger frequency limit"}),
            Retry("99991400 request trigger frequency limit", timedelta(hours=1)),
        ),
        ((429, "{}"), Retry("HTTP 429 {}")),
        ((502, "bad gateway"), Retry("HTTP 502 bad gateway")),
    ],
)
async def test_feishus_answers(feishu, answer, outcome):
    server, app = feishu
    server.answer = answer
    assert await app.send(notice(fei())) == outcome


async def test_a_wrong_secret_is_final_names_the_setting_and_is_never_shown(
    dingtalk, feishu, monkeypatch
):
    monkeypatch.setenv("APP_SECRET", "wrong-secret-9")
    for (_, app), address, setting in (
        (dingtalk, ding(), "dingtalk_app.client_id and client_secret"),
        (feishu, fei(), "feishu_app.app_secret"),
    ):
        outcome = await app.send(notice(address))
        assert isinstance(outcome, Rejected)
        assert setting in outcome.why
        assert "wrong-secret-9" not in outcome.why + repr(app.settings)


async def test_a_message_that_others_joined_is_no_double_of_the_first_attempt(feishu):
    """Feishu shows one uuid once in an hour: it would drop what the second attempt adds."""
    server, app = feishu
    await app.send(notice(fei()))
    together = merged([notice(fei()), notice(fei(), id=43), notice(fei(), id=44)])
    await app.send(together)
    await app.send(together)
    first, second, third = (sent["uuid"] for sent in server.sent)
    assert first == "linjiang-42"
    assert second == third != first
    assert len(second) <= 50

"""Receipts of calls and SMS, read and put into words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify import receipts
from alerts.notify.receipts import (
    MOST,
    Fate,
    Foreign,
    Receipt,
    Unreadable,
    in_language,
    is_noted,
    is_pressed,
    is_proven,
    noted,
    proof,
    read,
)
from alerts.registry.model import ChannelKind
from alerts.words import Language

CALL = {
    "call_id": "116012854210^100675005007",
    "originate_time": "2026-11-23 02:10:20",
    "ring_time": "2026-11-23 02:10:24",
    "start_time": "2026-11-23 02:10:31",
    "end_time": "2026-11-23 02:11:02",
    "caller": "05710000000",
    "callee": "13800001111",
    "duration": "31",
    "status_code": "200000",
    "hangup_direction": "用户",
    "status_msg": "执行完成",
    "out_id": "42",
    "voice_type": "voice",
}
SMS = {
    "phone_number": "13800001111",
    "send_time": "2026-11-23 02:10:20",
    "report_time": "2026-11-23 02:11:02",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "9006197469364984^0",
    "out_id": "42",
}
UNANSWERED = {"start_time": "", "duration": "0"}


def call(**fields: Any) -> Receipt:
    (one,) = read(ChannelKind.VOICE, json.dumps(CALL | fields).encode())
    assert isinstance(one, Receipt), one
    return one


def sms(**fields: Any) -> Receipt:
    (one,) = read(ChannelKind.SMS, json.dumps(SMS | fields).encode())
    assert isinstance(one, Receipt), one
    return one


@pytest.mark.parametrize(
    ("fields", "fate"),
    [
        ({"dtmf": "1"}, Fate.PRESSED),
        ({"dtmf": "1", "status_code": "200001"}, Fate.PRESSED),
        ({"dtmf": "11"}, Fate.PRESSED),  # pressed twice, to be sure
        ({"dtmf": 1}, Fate.PRESSED),
        ({"dtmf": "2"}, Fate.ANSWERED),
        ({"dtmf": "12"}, Fate.ANSWERED),
        ({"dtmf": "*1"}, Fate.ANSWERED),
        ({"dtmf": ""}, Fate.ANSWERED),
        ({"dtmf": None}, Fate.ANSWERED),
        ({"status_code": "200008"}, Fate.ANSWERED),
        ({"status_code": "200002"} | UNANSWERED, Fate.FAILED),
        ({"status_code": "200003"} | UNANSWERED, Fate.FAILED),
        ({"status_code": "200010"} | UNANSWERED, Fate.FAILED),
        ({"status_code": "200006"}, Fate.FAILED),  # answered, and nothing was said
        ({"status_code": "209999"}, Fate.ANSWERED),  # a code of later, with a time of answering
        ({"status_code": "209999"} | UNANSWERED, Fate.FAILED),
    ],
)
def test_the_fate_of_a_call(fields: dict[str, Any], fate: Fate) -> None:
    assert call(**fields).fate is fate


@pytest.mark.parametrize(
    ("success", "fate"),
    [
        (True, Fate.DELIVERED),
        ("true", Fate.DELIVERED),
        (False, Fate.FAILED),
        ("false", Fate.FAILED),
    ],
)
def test_the_fate_of_an_sms(success: object, fate: Fate) -> None:
    assert sms(success=success).fate is fate


def test_a_receipt_names_its_message_its_notice_and_its_number() -> None:
    ended_at = datetime(2026, 11, 22, 18, 11, 2, tzinfo=UTC)  # 02:11 there
    one, other = call(callee="+86 138-0000-1111"), sms()
    assert (one.id, one.notice, one.number, one.at) == (
        CALL["call_id"],
        42,
        "13800001111",
        ended_at,
    )
    assert (other.id, other.notice, other.number, other.at) == (
        SMS["biz_id"],
        42,
        one.number,
        ended_at,
    )
    assert "13800001111" not in repr([one, other])


@pytest.mark.parametrize("callee", ["1390000****", "", None, "110", ["13800001111"]])
def test_a_number_that_is_masked_or_missing_is_none(callee: object) -> None:
    assert call(callee=callee).number == ""


@pytest.mark.parametrize("end_time", ["", "soon", None, "2026-11-23"])
def test_a_time_that_cannot_be_read_is_none(end_time: object) -> None:
    assert call(end_time=end_time).at is None


@pytest.mark.parametrize(
    "out_id", ["", None, "ALICOM_SMART_SAAS^1^2", "-1", "1.5", "9" * 19, "４２"]
)
def test_what_this_service_did_not_send_is_foreign(out_id: object) -> None:
    assert read(ChannelKind.VOICE, json.dumps(CALL | {"out_id": out_id}).encode()) == [Foreign()]


@pytest.mark.parametrize(
    ("channel", "body", "why"),
    [
        (ChannelKind.VOICE, b"\xff\xfe", "no JSON"),
        (ChannelKind.VOICE, b"[" * 100_000, "no JSON"),
        (ChannelKind.VOICE, b"", "no JSON"),
        (ChannelKind.VOICE, b"[]", "0 receipts in one message; 1 to 100 are read"),
        (ChannelKind.VOICE, b"7", "no JSON object"),
        (ChannelKind.VOICE, b"{}", "not the fields of a receipt"),
        (ChannelKind.VOICE, json.dumps(SMS).encode(), "not the fields of a receipt"),
        (ChannelKind.SMS, json.dumps(CALL).encode(), "not the fields of a receipt"),
        (
            ChannelKind.SMS,
            json.dumps(SMS | {"success": 1.5}).encode(),
            "not the fields of a receipt",
        ),
    ],
)
def test_what_is_no_receipt_says_why_and_shows_nothing(
    channel: ChannelKind, body: bytes, why: str
) -> None:
    assert read(channel, body) == [Unreadable(why)]


def test_a_list_of_receipts_is_read_up_to_a_bound() -> None:
    two = read(ChannelKind.SMS, json.dumps([SMS, 7]).encode())
    assert [type(one) for one in two] == [Receipt, Unreadable]
    many = json.dumps([SMS] * (MOST + 1)).encode()
    assert [type(one) for one in read(ChannelKind.SMS, many)] == [Unreadable]


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*CALL, *SMS, "dtmf"]), inner, max_size=6),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_that_comes_breaks_the_reading(body: bytes) -> None:
    for channel in (ChannelKind.VOICE, ChannelKind.SMS):
        assert read(channel, body)


@pytest.mark.parametrize("dtmf", ["1", "11", "1,1", 1])
def test_one_and_nothing_else_takes_over(dtmf: object) -> None:
    assert is_pressed(dtmf)


@pytest.mark.parametrize("dtmf", ["", None, "0", "12", "21", "1#", [], {}, ",", "１"])
def test_anything_else_takes_nothing_over(dtmf: object) -> None:
    assert not is_pressed(dtmf)


def test_a_notice_is_proven_by_the_id_at_its_detail_s_beginning_alone() -> None:
    mine = proof(ChannelKind.VOICE, CALL["call_id"])
    assert is_proven(f"{mine}; one message with 2 more", call())
    assert is_proven(mine, call())
    for detail in ("", f"{mine}0", f"BizId {CALL['call_id']}", f"x; {mine}"):
        assert not is_proven(detail, call())


@pytest.mark.parametrize(
    ("receipt", "asks_key", "english", "chinese"),
    [
        (sms(), False, "delivered (DELIVERED) at 02:11", "已送到手机（DELIVERED），02:11"),
        (sms(success=False, err_code="MK:0001"), False, "no such number (MK:0001) at 02:11",
         "空号（MK:0001），02:11"),
        (sms(success=False, err_code="XY:9"), False, "not delivered (XY:9) at 02:11",
         "没送到（XY:9），02:11"),
        (sms(success=False, err_code="a;b(c)", report_time=""), False, "not delivered (no code)",
         "没送到（no code）"),
        (call(), False, "heard to the end (200000) at 02:11", "听完了（200000），02:11"),
        (call(), True, "answered, no key pressed (200000) at 02:11", "接了，没按键（200000），02:11"),
        (call(dtmf="1"), True, "answered, 1 was pressed (200000) at 02:11",
         "接了，按了 1（200000），02:11"),
        (call(**UNANSWERED, status_code="200003", end_time=""), True, "nobody answered (200003)",
         "没人接（200003）"),
    ],
)  # fmt: skip
def test_the_provider_is_quoted_in_the_reader_s_language(
    receipt: Receipt, asks_key: bool, english: str, chinese: str
) -> None:
    detail = noted("CallId 7^8; waited 3 s for its turn", receipt, asks_key=asks_key)
    before = "CallId 7^8; waited 3 s for its turn; "
    assert in_language(detail, Language.EN) == f"{before}the provider says: {english}"
    assert in_language(detail, Language.ZH) == f"{before}服务商回执：{chinese}"
    assert is_noted(detail)
    assert not is_noted(before)
    # Said again it stays; what is said later stands in its place.
    assert noted(detail, receipt, asks_key=asks_key) == detail
    later = noted(detail, call(dtmf="1"), asks_key=True)
    assert later.count("the provider says") == 1


def test_every_code_has_words_of_its_own_in_both_languages() -> None:
    for known in (receipts.CALLS, receipts.TEXTS):
        for code, said in known.items():
            english = f"the provider says: {said.en} ({code})"
            assert in_language(english, Language.ZH) == f"服务商回执：{said.zh}（{code}）"
            assert said.en.isascii()
            assert not said.zh.isascii()

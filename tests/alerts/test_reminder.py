"""A reminder's words: what waits, what to do, by when it ends; nobody is blamed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.duties import Waiting
from alerts.incidents.model import DutyKind, State
from alerts.incidents.reminders import Item
from alerts.notify import wechat
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.parts import Part, parts_of
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.reminder import MOST_ITEMS, reminder_words
from alerts.rules.packs import read_packs
from alerts.words import IncidentClass, Language
from tests.alerts.incidents.community import GUARD, MEI, REGISTRY
from tests.alerts.incidents.test_reminders import at, waits

RULES = read_packs(shipped()).rules
NOON = at("13:00")
LIVE: Registry = replace(REGISTRY, devices=())
WANG = replace(GUARD, language=Language.EN)


def item(waiting: Waiting, *, level: int = 1, behind: bool = False) -> Item:
    ends = waiting.duty.opened_at + timedelta(hours=24)
    can_end = (
        waiting.duty.kind is DutyKind.SECOND_LOOK and waiting.incident.state is State.RECOVERED
    )
    return Item(
        waiting=waiting, level=level, stands_behind=behind, ends_at=ends if can_end else None
    )


def said(*items: Item, to=GUARD, group: bool = False) -> tuple[str, list[str]]:
    links = {one.waiting.duty.id: f"https://w.example/l/{one.waiting.duty.id}" for one in items}
    title, text = reminder_words(items, links, RULES, LIVE, to, NOON, group=group)
    return title, text.splitlines()


CALL = waits(2, kind=DutyKind.CALL_ON, state=State.CLOSED)
RIVER = waits(3, by_river=True, rule="riv-do-low")


def test_one_second_look_says_since_when_and_what_to_do():
    assert said(item(waits())) == (
        "【等着复查】一号棚：烟雾报警",
        [
            "一号棚：烟雾报警，00:30 恢复，还等着复查。",
            "不能远程断电。",
            "怎么办：到现场看看，拍张照就行，不用打字。",
            "火警 119",
            "点开处理：https://w.example/l/1",
        ],
    )
    assert said(item(waits()), to=WANG) == (
        "[Second look] Shed 1: Smoke",
        [
            "Shed 1: Smoke, over since 00:30. It still waits for a second look.",
            "The power cannot be switched off from afar.",
            "Now: have a look. A photo is enough, no typing.",
            "Fire brigade 119",
            "Open: https://w.example/l/1",
        ],
    )


@pytest.mark.parametrize(
    ("to", "line"),
    [
        (GUARD, "没人看的话，5 月 5 日 00:30 自动结束，记为“没有人确认”。"),
        (WANG, "If nobody looks, it ends by itself at 5 May 00:30 and is recorded as unconfirmed."),
    ],
)
def test_the_second_reminder_says_when_it_ends_by_itself(to, line):
    assert line in said(item(waits(), level=2), to=to)[1]
    assert line not in said(item(waits()), to=to)[1]


def test_whoever_stands_behind_is_asked_to_send_somebody_and_nobody_is_blamed():
    title, lines = said(item(RIVER, behind=True))
    assert title == "【等着复查】老坝口：水里缺氧"
    assert lines[:3] == [
        "老坝口：水里缺氧，00:30 恢复，还没有人回来确认。",
        "怎么办：请安排人去看看，拍张照就行。",
        "天黑、下大雨就别去水边；去不了点一下就行，会请别人去。",
    ]
    _, english = said(item(RIVER, behind=True), to=MEI)
    assert english[1] == "Now: please send somebody to look; a photo is enough."
    for words in (lines, english):
        assert not any(blame in "".join(words) for blame in ("老李", "没去", "overdue", "逾期"))


def test_a_call_on_whoever_reported_sends_nobody_to_the_place():
    title, lines = said(item(CALL))
    assert title == "【等着回访】一号棚：烟雾报警"
    assert lines[:2] == [
        "一号棚：烟雾报警，已经过去，报告的人还等着回访。",
        "怎么办：给报告的人打个电话，问问还有没有事。",
    ]
    assert said(item(CALL, behind=True))[1][:2] == [
        "一号棚：烟雾报警，已经过去，还没有人回访报告的人。",
        "怎么办：请安排人打个电话问问。",
    ]
    assert said(item(CALL), to=WANG)[1][0] == (
        "Shed 1: Smoke. It is over; whoever reported it still waits for a call."
    )


def test_several_are_counted_and_each_has_its_link():
    title, lines = said(item(waits()), item(CALL), item(waits(4, opened="00:40")))
    assert title == "【提醒】一号棚：还有 2 件等着复查，1 件等着回访"
    assert lines == [
        "还有 2 件等着复查，1 件等着回访：",
        "1. 一号棚：烟雾报警，00:30 恢复（等着复查）",
        "点开处理：https://w.example/l/1",
        "2. 一号棚：烟雾报警（等着回访）",
        "点开处理：https://w.example/l/2",
        "3. 一号棚：烟雾报警，00:40 恢复（等着复查）",
        "点开处理：https://w.example/l/4",
        "怎么办：到现场看看，拍张照就行，不用打字。",
        "火警 119",
    ]
    title, lines = said(item(waits()), item(CALL), to=WANG)
    assert title == "[Reminder] Shed 1: 1 for a second look, 1 for a call"
    assert lines[3] == "2. Shed 1: Smoke (Call waits)"


def test_of_several_places_the_community_is_named_and_the_water_warned_of():
    title, lines = said(item(waits()), item(RIVER))
    assert title == "【提醒】河畔社区：还有 2 件等着复查"
    assert "天黑、下大雨就别去水边；去不了点一下就行，会请别人去。" in lines


def test_what_is_too_much_for_a_phone_is_counted():
    _, lines = said(*(item(waits(n)) for n in range(1, MOST_ITEMS + 4)))
    assert "……另外还有 3 件。" in lines
    assert sum(line.startswith("点开处理") for line in lines) == MOST_ITEMS


def test_a_drill_s_duties_carry_its_mark():
    drill = item(waits(5, drill_until=at("03:00", 2)))
    title, lines = said(drill)
    assert title.startswith("【演练】【等着复查】")
    assert lines[0].startswith("【演练】")
    title, lines = said(drill, item(waits()))
    assert title.startswith("【提醒】")
    assert [line.startswith(f"{n}. 【演练】") for n, line in ((1, lines[1]), (2, lines[3]))] == [
        True,
        False,
    ]
    assert said(drill, drill)[0].startswith("【演练】【提醒】")


def test_a_group_is_told_that_it_is_one():
    assert (
        "这条发给全群：谁去处理，请点开链接，选一下您是谁。" in said(item(waits()), group=True)[1]
    )


@pytest.mark.parametrize(
    "items", [(item(waits()),), (item(CALL, behind=True),), (item(waits()), item(CALL))]
)
@pytest.mark.parametrize("to", [GUARD, WANG])
def test_fields_of_twenty_characters_hold_the_place_and_what_to_do(items, to):
    title, lines = said(*items, to=to)
    notice = Notice(
        id=1, incident=1, reason=NoticeReason.REMINDER, step=-1, person="guard",
        address=GUARD.addresses[0], language=to.language, cls=IncidentClass.UPKEEP,
        severity=items[0].waiting.incident.severity, title=title, text="\n".join(lines), link="",
        created_at=NOON, due_at=NOON,
    )  # fmt: skip
    parts = parts_of(notice)
    assert parts is not None
    summary = wechat.value("thing1", Part.SUMMARY, parts, notice)
    assert len(summary) <= 20
    assert summary.startswith("一号棚" if to is GUARD else "Shed 1")
    do = wechat.value("thing4", Part.DO, parts, notice)
    assert len(do) <= 20
    assert do.startswith(("到现场", "请安排", "have a", "please"))
    assert len(wechat.value("phrase2", Part.SEVERITY, parts, notice)) <= 5


def test_a_duty_whose_rule_is_gone_still_has_words():
    title, text = reminder_words([item(waits(rule="gone"))], {}, {}, LIVE, GUARD, NOON)
    assert title == "【等着复查】一号棚：gone"
    assert "点开处理" not in text

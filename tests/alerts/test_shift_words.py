"""A turn at a post in words: from when to when, for which places, and what to do."""

from dataclasses import replace

import pytest

from alerts.incidents.shifts import Shift
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.parts import Part, parts_of
from alerts.shift_words import MOST_PLACES, shift_words
from alerts.words import IncidentClass, Language, Severity
from tests.alerts.incidents.community import GUARD, MEI, REGISTRY
from tests.alerts.incidents.test_reminders import at
from tests.alerts.incidents.test_shifts import CHEN

EVENING = at("19:30")
SHED = REGISTRY.places[1]
TONIGHT = Shift(
    about="turn:guard:0", post=GUARD, begins_at=at("20:00"), ends_at=at("08:00", 1), holder=CHEN,
    places=(SHED,),
)  # fmt: skip
NOBODY = replace(TONIGHT, holder=None)
LINK = "https://w.example/people"


def said(shift, to=CHEN, link=LINK):
    title, text = shift_words(shift, REGISTRY, to, link, EVENING)
    return title, text.splitlines()


ENGLISH = replace(CHEN, language=Language.EN)


def test_whoever_takes_over_hears_from_when_to_when_and_where():
    assert said(TONIGHT) == (
        "【值班提醒】值班岗：20:00 起您值班",
        [
            "值班岗：20:00 到 5 月 5 日 08:00 由您值班。",
            "看的地方：一号棚。",
            "怎么办：到岗接过值班电话，在“人员”页点交接。",
            f"点开处理：{LINK}",
        ],
    )
    assert said(TONIGHT, ENGLISH) == (
        "[On duty] 值班岗: yours from 20:00",
        [
            "值班岗: you are on duty from 20:00 to 5 May 08:00.",
            "For: Shed 1.",
            "Now: take over the post's phone, and say so on the page of the people.",
            f"Open: {LINK}",
        ],
    )


def test_of_a_post_without_a_phone_the_notices_come_to_him():
    _, lines = said(replace(TONIGHT, post=replace(GUARD, addresses=())), link="")
    assert lines[-1] == "怎么办：这段时间的通知直接发给您，请带好手机。"


def test_a_turn_that_nobody_has_says_why_and_asks_for_somebody():
    title, lines = said(NOBODY, MEI)
    assert title == "[Nobody on duty] 值班岗: nobody from 20:00"
    assert lines[1] == "For: Shed 1."
    zh = replace(MEI, language=Language.ZH)
    title, lines = said(replace(NOBODY, absent=CHEN), zh)
    assert (title, lines[:2]) == (
        "【没有排班】值班岗：20:00 起没有人",
        [
            "值班岗：20:00 到 5 月 5 日 08:00 没有人值班。",
            "轮到的是陈师傅，这几天不在，也没有人顶班。",
        ],
    )
    assert lines[3] == "怎么办：请排一个人，或请人顶班。"


def test_a_turn_without_an_end_and_many_places_stay_short():
    places = tuple(replace(SHED, id=f"shed-{n}") for n in range(MOST_PLACES + 2))
    _, lines = said(replace(TONIGHT, ends_at=None, places=places))
    assert lines[0] == "值班岗：20:00 起由您值班。"
    assert lines[1].endswith("等 7 处。")
    assert "看的地方" not in "".join(said(replace(TONIGHT, places=()))[1])


@pytest.mark.parametrize("shift", [TONIGHT, NOBODY])
@pytest.mark.parametrize("to", [CHEN, ENGLISH])
def test_fields_of_twenty_characters_hold_the_post_and_the_hour(shift, to):
    title, lines = said(shift, to)
    notice = Notice(
        id=1, incident=0, reason=NoticeReason.REMINDER, step=-1, person="chen",
        address=CHEN.addresses[0], language=to.language, cls=IncidentClass.UPKEEP,
        severity=Severity.MINOR, title=title, text="\n".join(lines), link=LINK,
        created_at=EVENING, due_at=EVENING,
    )  # fmt: skip
    parts = parts_of(notice)
    assert parts is not None
    assert (parts.place, "20:00" in parts.what) == ("值班岗", True)
    summary = parts.by(Part.SUMMARY, 20)
    assert len(summary) <= 20
    assert summary.startswith("值班岗")
    if to is CHEN:
        assert len(parts.do) <= 20

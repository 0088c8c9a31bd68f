"""Whoever asked for a long silence is told before it ends, once, by day; and in which words."""

from dataclasses import replace

import pytest

from alerts.incidents.endings import about, due_endings
from alerts.incidents.silences import Silence, SilenceKind, Snooze
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind
from alerts.rules.packs import read_packs
from alerts.silence_words import silence_words
from alerts.words import Language
from tests.alerts.incidents.community import REGISTRY, WEN
from tests.alerts.incidents.test_reminders import at, people

RULES = read_packs(shipped()).rules
LONG = Silence(
    id=3, site="riverside", place="shed-1", since=at("09:00"), until=at("15:00"), who="wen",
    why="在换插座。", made_at=at("09:00"),
)  # fmt: skip
LINK = "https://w.example/silences"


def told(silence, now, registry=REGISTRY, before=(), snoozes=()):
    return [
        (one.person.id, one.reason.value, one.address is not None)
        for one in due_endings([silence], before, registry, now, snoozes)
    ]


@pytest.mark.parametrize(
    ("silence", "now", "is_told"),
    [
        (LONG, at("13:59"), False),
        (LONG, at("14:00"), True),
        (LONG, at("15:00"), False),
        (replace(LONG, ended_at=at("13:00")), at("14:30"), False),
        (replace(LONG, since=at("11:30")), at("14:30"), False),  # short: still in mind
        (replace(LONG, until=at("03:00", 1)), at("19:29"), False),
        (replace(LONG, until=at("03:00", 1)), at("19:30"), True),
        (replace(LONG, until=at("03:00", 1)), at("20:00"), False),
        (replace(LONG, until=at("09:00", 1)), at("08:00", 1), True),
        (replace(LONG, who="gone"), at("14:30"), False),
    ],
)
def test_it_is_told_an_hour_before_or_the_evening_before_a_night(silence, now, is_told):
    assert told(silence, now) == ([("wen", "reminded", True)] if is_told else [])


def test_it_is_told_once_and_when_whoever_asked_may_be_told():
    assert told(LONG, at("14:00"), before=[about(LONG)]) == []
    snooze = Snooze(person="wen", incident=None, until=at("14:30"))
    assert told(LONG, at("14:00"), snoozes=[snooze]) == []
    assert told(LONG, at("14:30"), snoozes=[snooze]) == [("wen", "reminded", True)]
    only_phone = replace(WEN, addresses=(Address(channel=ChannelKind.VOICE, to="1"),))
    assert told(LONG, at("14:00"), people(only_phone)) == [("wen", "no-quiet-address", False)]
    assert told(replace(LONG, who="lao-li"), at("14:00")) == [("lao-li", "volunteer", False)]


def said(silence, language=Language.ZH):
    title, text = silence_words(silence, RULES, REGISTRY, language, LINK, at("14:00"))
    return title, text.splitlines()


def test_the_words_say_what_ends_when_and_what_then():
    assert said(LONG) == (
        "【静默快到期】一号棚：15:00 结束",
        [
            "您设的静默到 15:00 结束：一号棚，在换插座。",
            "到时候还没好的，会通知大家。",
            "怎么办：没弄完就再设一段；弄完了不用管。",
            f"点开处理：{LINK}",
        ],
    )
    title, lines = said(replace(LONG, kind=SilenceKind.MAINTENANCE), Language.EN)
    assert title == "[Maintenance ends] Shed 1: at 15:00"
    assert lines[0] == "Maintenance that you asked for ends at 15:00: Shed 1, 在换插座."
    assert lines[2] == "Now: if you need longer, ask for more; else do nothing."


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"place": ""}, "河畔社区"),
        ({"place": "", "device": "box-1"}, "棚盒"),
        ({"place": "gone"}, "gone"),
        ({"rule": "eb-smoke"}, "一号棚 烟雾报警"),
        ({"rule": "gone"}, "一号棚 gone"),
    ],
)
def test_the_words_name_what_it_covers(fields, where):
    assert said(replace(LONG, **fields))[0] == f"【静默快到期】{where}：15:00 结束"

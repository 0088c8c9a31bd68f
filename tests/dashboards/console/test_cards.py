from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import alerts
import collector
from alerts.incidents.model import Duty, DutyKind, Incident, State, StoryKind, StoryLine
from alerts.incidents.precision import Precision
from alerts.words import Language, Severity
from collector.replies.dingtalk import DingTalkLine
from collector.replies.feishu import FeishuLine
from dashboards import console
from dashboards.console.cards import (
    MOST_PARTS,
    as_one,
    card,
    errand,
    lasted,
    row_card,
    story,
    untaken,
)
from dashboards.console.i18n import words
from dashboards.console.records import right_share
from dashboards.console.scene import Scene
from tests.dashboards.desk_fixture import MINUTE, NOW, PACKS, House, registry


def scene(language: Language = Language.ZH) -> Scene:
    return Scene(registry(), PACKS, language, NOW)


def hot(here: House) -> Incident:
    found = here.operations.incident(6)
    assert found is not None
    return found


def told(here: House, origin: str, language: Language) -> str:
    line = StoryLine(at=NOW, kind=StoryKind.ACKNOWLEDGED, who="wang", origin=origin)
    return story([line], hot(here), scene(language))[0].text


def origins() -> set[str]:
    """Every origin that the code writes into a story, by its kind."""
    found = {"button", *(f"{line.name}-app" for line in (DingTalkLine, FeishuLine))}
    for package in (alerts, collector, console):
        for file in Path(package.__file__ or "").parent.rglob("*.py"):
            text = file.read_text()
            found |= set(re.findall(r"\borigin=f?\"([a-z]+)[\":]", text))
            found |= set(re.findall(r"^ORIGIN = \"([a-z]+)\"", text, re.MULTILINE))
            found |= set(re.findall(r"notice\.person, \"([a-z]+)\"\)", text))
    return found


def test_the_story_can_say_from_where_each_act_came():
    found = origins()
    assert found >= {"console", "link", "command", "call", "button", "incident", "dingtalk-app"}
    for language in Language:
        texts = words(language).texts
        for origin in found:
            assert texts.get(f"origin.{origin}") or texts.get(f"channel.{origin}"), origin


@pytest.mark.parametrize(
    ("origin", "zh", "en"),
    [
        ("console", "王经理接手（网页）", "王经理 took over (web page)"),
        ("command", "王经理接手（命令行）", "王经理 took over (command line)"),
        ("call", "王经理接手（电话里按 1）", "王经理 took over (1 pressed in a call)"),
        ("dingtalk-app:u1", "王经理接手（钉钉）", "王经理 took over (DingTalk)"),
        ("button:riverside/shed-2-box", "王经理接手（2 号棚控制箱的按钮）",
         "王经理 took over (button of shed-2 box)"),
        ("incident:3", "王经理接手（随第 3 件一起）", "王经理 took over (with incident 3)"),
        ("pigeon", "王经理接手（pigeon）", "王经理 took over (pigeon)"),
    ],
)  # fmt: skip
def test_from_where_somebody_acted_stands_behind_it(here: House, origin: str, zh: str, en: str):
    assert told(here, origin, Language.ZH) == zh
    assert told(here, origin, Language.EN) == en


def test_what_was_entered_for_somebody_is_so_told_of_who_has_it_and_of_what_was_done(here: House):
    held = replace(hot(here), state=State.ACKNOWLEDGED, acknowledged_by="wang", acknowledged_at=NOW)
    taken = StoryLine(at=NOW, kind=StoryKind.ACKNOWLEDGED, who="wang", on_behalf_of="Emma Novak")
    assert card(held, scene(), story=[taken]).holder == "王经理 18:36 接手（代 Emma Novak 填）"
    earlier = replace(taken, at=NOW - MINUTE)
    assert card(held, scene(), story=[earlier]).holder == "王经理 18:36 接手"
    duty = Duty(id=1, incident=6, kind=DutyKind.SECOND_LOOK, person="", opened_at=NOW - MINUTE,
                done_at=NOW, done_by="wang", outcome="fine")  # fmt: skip
    looked = replace(taken, kind=StoryKind.DUTY_DONE, on_behalf_of="zhou")
    assert errand(duty, held, scene(), story=[looked]).done == "王经理 18:36：没事了（代周师傅填）"


@pytest.mark.parametrize(
    ("who", "zh"),
    [("王经理", "通知了王经理"), ("Emma Novak", "通知了 Emma Novak"), ("", "通知了")],
)
def test_a_space_stands_where_han_meets_latin_and_only_there(who: str, zh: str):
    assert words(Language.ZH)("story.told", to=who) == zh
    assert words(Language.EN)("story.told", to=who) == f"{who} told"


@pytest.mark.parametrize(
    ("seconds", "zh"),
    [(50, "50 秒"), (5400, "90 分钟"), (3600, "1 小时"), (19800, "5.5 小时"), (200_000, "2 天")],
)
def test_half_an_hour_is_not_cut_off(seconds: float, zh: str):
    assert lasted(seconds, scene()) == zh


def test_a_card_lasts_as_long_as_its_notice_says(here: House):
    over = replace(hot(here), since=NOW - timedelta(hours=5, minutes=30), recovered_at=NOW)
    assert card(over, scene()).lasted == "前后 5.5 小时"
    assert card(over, scene(Language.EN)).lasted == "lasted 5.5 hours"


def test_an_event_of_hundreds_shows_its_worst_parts_and_counts_the_others(here: House):
    leader = hot(here)
    parts = [replace(leader, id=n, part_of=6, severity=Severity.MINOR) for n in range(100, 199)]
    parts.append(replace(parts[0], id=199, severity=Severity.CRITICAL))
    (row,) = as_one([*parts, leader])
    shown = row_card(row, scene(), [], {})
    assert (shown.incident.id, len(shown.related), shown.more_related) == (6, MOST_PARTS, 97)
    assert shown.related[0].incident.id == 199


def test_a_drill_is_nobodys_trouble_and_stands_before_none(here: House):
    drill = replace(hot(here), id=9, severity=Severity.CRITICAL, drill_until=NOW + MINUTE)
    held = replace(hot(here), state=State.ACKNOWLEDGED)
    assert [row.leader.id for row in as_one([drill, held])] == [6, 9]
    assert untaken(hot(here))
    assert not untaken(replace(hot(here), drill_until=NOW + MINUTE))


@pytest.mark.parametrize(
    ("real", "false", "share"), [(1, 0, ""), (4, 0, ""), (4, 1, "80"), (0, 5, "0"), (0, 0, "")]
)
def test_a_percentage_is_told_of_five_cases_or_more(real: int, false: int, share: str):
    assert right_share(Precision(real=real, false=false, unconfirmed=9)) == share

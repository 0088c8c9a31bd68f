from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import phrases
from alerts.figures import clean, fill, number
from alerts.incidents.climb import Before
from alerts.incidents.model import Incident, State
from alerts.messages import headline, notice_words
from alerts.notify.notice import NoticeReason
from alerts.packs import shipped
from alerts.registry.model import (
    Binding,
    Device,
    Names,
    Person,
    Place,
    PlaceKind,
    Port,
    PostRole,
    Registry,
    Site,
    Source,
    Tier,
    Tiers,
)
from alerts.registry.toml import read
from alerts.rules import rehearsal
from alerts.rules.packs import read_packs
from alerts.rules.rule import Rule as ShippedRule
from alerts.rules.rule import Say
from alerts.rules.transition import SOURCE, UNTRUSTED
from alerts.words import IncidentClass, Language, Severity
from edge.contract.subject import Subject, SubjectKind

ZH, EN = Language.ZH, Language.EN
CLIMBED = NoticeReason.CLIMBED
SINCE = datetime(2026, 11, 22, 10, 34, tzinfo=UTC)  # 18:34 in Shanghai
NOW = SINCE + timedelta(minutes=12)
LINK = "http://127.0.0.1:8600/i/7"

REGISTRY = Registry(
    sites=(Site(id="linjiang", names=Names(zh="临江社区", en="Linjiang")),),
    places=(
        Place(
            id="laobakou",
            site="linjiang",
            kind=PlaceKind.REACH,
            names=Names(zh="老坝口河段", en="Laobakou reach"),
        ),
        Place(
            id="shed-2",
            site="linjiang",
            kind=PlaceKind.SHED,
            names=Names(zh="2 号充电棚", en="Shed 2"),
            ports=(Port(id="7", names=Names(zh="7 号插座", en="socket 7")),),
        ),
    ),
    devices=(
        Device(
            id="laobakou-01",
            site="linjiang",
            names=Names(zh="老坝口探头", en="Laobakou sonde"),
            bindings=(Binding(place="laobakou", metrics=("conductivity", "do")),),
            source=Source.RECORDED,
            origin="Logan River, Main Street 2019",
        ),
        Device(
            id="shed-2-02",
            site="linjiang",
            names=Names(zh="2 号棚网关", en="Shed 2 gateway"),
            bindings=(
                Binding(place="shed-2", port="7", metrics=("power",)),
                Binding(place="shed-2", metrics=("smoke",)),
            ),
            source=Source.INJECTED,
        ),
    ),
    people=(
        Person(id="zhang", site="linjiang", name="张河长", role=PostRole.RIVER_CHIEF),
        Person(
            id="li",
            site="linjiang",
            name="李社区",
            role=PostRole.COMMUNITY_CHIEF,
            phone="0571-5550-0102",
        ),
        Person(
            id="chen",
            site="linjiang",
            name="陈经理",
            role=PostRole.PROPERTY,
            phone="0571-5550-0104",
        ),
    ),
    tiers=(
        Tiers(
            kind=PlaceKind.REACH,
            steps=(
                Tier(role=PostRole.RIVER_CHIEF, wait_s={Severity.MAJOR: 600}),
                Tier(role=PostRole.COMMUNITY_CHIEF),
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Rule:
    names: Names
    say: dict[Language, Say]


POWER = Rule(
    Names(zh="功率过高", en="power too high"),
    {
        ZH: Say(
            what="{place} {port} 功率 {value} {unit}。",
            why="超过 {limit} {unit}，电动自行车用不到这么大。",
            do="请到场看车和充电器。",
            clear="{place} {port} 功率已降到 {value} {unit}。",
        ),
        EN: Say(
            what="{place} {port} draws {value} {unit}.",
            why="That is over {limit} {unit}, more than any e-bike takes.",
            do="go and look at the bike and its charger.",
            clear="{place} {port} is down to {value} {unit}.",
        ),
    },
)
RISE = Rule(
    Names(zh="电导率突升", en="conductivity rise"),
    {
        ZH: Say(
            what="电导率 {window} 分钟内从 {from_value} 升到 {value}。",
            why="原因待查。",
            do="请在岸上看看排口，拍张照就行，不用打字。",
            clear="电导率已降到 {value}。",
        ),
        EN: Say(
            what="Conductivity rose from {from_value} to {value} within {window} minutes.",
            why="The cause is unknown.",
            do="look at the outfalls from the bank; a photo is enough.",
            clear="Conductivity is down to {value}.",
        ),
    },
)
SMOKE = Rule(
    Names(zh="烟雾报警", en="smoke"),
    {ZH: Say(what="{place}有烟！", why="", do="", clear="{place}烟雾已散。")},
)


def power(**more: Any) -> Incident:
    values: dict[str, Any] = {
        "id": 7, "rule": "eb-port-overp", "subject": Subject(SubjectKind.PORT, "linjiang", "shed-2", "7"),
        "cls": IncidentClass.SAFETY, "severity": Severity.MAJOR, "state": State.OPEN,
        "since": SINCE, "opened_at": SINCE + timedelta(seconds=10), "place": "shed-2", "port": "7",
        "device": "shed-2-02", "metric": "power", "value": 1130.4, "limit": 800.0, "peak": 1180.0,
    }  # fmt: skip
    return Incident(**(values | more))


def rise(**more: Any) -> Incident:
    return power(
        **{
            "rule": "riv-cond-rise", "subject": Subject(SubjectKind.PLACE, "linjiang", "laobakou"),
            "cls": IncidentClass.POLLUTION, "place": "laobakou", "port": "", "device": "laobakou-01",
            "metric": "conductivity", "value": 1440.2, "limit": 300.0, "peak": 1440.2,
            "facts": {"from_value": 386.2, "window": 90.0},
        }
        | more
    )  # fmt: skip


def smoke(**more: Any) -> Incident:
    return power(
        **{
            "rule": "eb-smoke", "subject": Subject(SubjectKind.PLACE, "linjiang", "shed-2"),
            "cls": IncidentClass.FIRE, "severity": Severity.CRITICAL, "port": "", "metric": "smoke",
            "value": 1.0, "limit": None, "peak": None,
        }
        | more
    )  # fmt: skip


GOLDEN: list[tuple[str, Rule | None, Incident, NoticeReason, Language, str]] = [
    (
        "a charging card says that the power cannot be cut from afar",
        POWER, power(), NoticeReason.OPENED, ZH,
        """【演示·注入数据】【要处理】2 号充电棚 7 号插座：功率过高
【演示·注入数据】2 号充电棚 7 号插座 功率 1130 瓦。
超过 800 瓦，电动自行车用不到这么大。
18:34 开始。
不能远程断电。
怎么办：请到场看车和充电器。
找人问：陈经理（物业）0571-5550-0104
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "the same in English",
        POWER, power(), NoticeReason.OPENED, EN,
        """[demo, injected data] [Needs someone] Shed 2 socket 7: power too high
[demo, injected data] Shed 2 socket 7 draws 1130 W.
That is over 800 W, more than any e-bike takes.
Since 18:34.
The power cannot be switched off from afar.
Now: go and look at the bike and its charger.
Ask: 陈经理 (property management) 0571-5550-0104
Open: http://127.0.0.1:8600/i/7""",
    ),
    (
        "a river card names its place, keeps the recording's own words, and speaks of no power",
        RISE, rise(), NoticeReason.OPENED, ZH,
        """【要处理】老坝口河段：电导率突升
老坝口河段：电导率 90 分钟内从 386 升到 1440。
原因待查。
18:34 开始。
怎么办：请在岸上看看排口，拍张照就行，不用打字。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "a climb names who was asked before and for how long",
        RISE, rise(step=1), NoticeReason.CLIMBED, ZH,
        """【要处理】老坝口河段：电导率突升
张河长 10 分钟没接，请您来处理。
老坝口河段：电导率 90 分钟内从 386 升到 1440。
原因待查。
18:34 开始。
怎么办：请在岸上看看排口，拍张照就行，不用打字。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "the same climb in English",
        RISE, rise(step=1), NoticeReason.CLIMBED, EN,
        """[Needs someone] Laobakou reach: conductivity rise
张河长 did not answer for 10 minutes. Please take this over.
Laobakou reach: Conductivity rose from 386 to 1440 within 90 minutes.
The cause is unknown.
Since 18:34.
Now: look at the outfalls from the bank; a photo is enough.
Ask: 李社区 (community river chief) 0571-5550-0102
(Replay of recorded data: Logan River, Main Street 2019)
Open: http://127.0.0.1:8600/i/7""",
    ),
    (
        "fire names 119, and a rule without advice takes the house's",
        SMOKE, smoke(), NoticeReason.OPENED, ZH,
        """【演示·注入数据】【危险】2 号充电棚：烟雾报警
【演示·注入数据】2 号充电棚有烟！
18:34 开始。
不能远程断电。
怎么办：让人离开，能拉闸就拉闸，打 119；不要自己进去。
找人问：陈经理（物业）0571-5550-0104 · 火警 119
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "severity risen says how bad it is now",
        POWER, power(severity=Severity.CRITICAL, value=2050.0), NoticeReason.SEVERITY, ZH,
        """【演示·注入数据】【危险】2 号充电棚 7 号插座：功率过高
【演示·注入数据】程度有变，现在是“危险”。
2 号充电棚 7 号插座 功率 2050 瓦。
超过 800 瓦，电动自行车用不到这么大。
18:34 开始。
不能远程断电。
怎么办：请到场看车和充电器。
找人问：陈经理（物业）0571-5550-0104
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "a relapse says that it is back",
        SMOKE, smoke(), NoticeReason.REOPENED, EN,
        """[demo, injected data] [Danger] Shed 2: smoke
[demo, injected data] It had recovered and is back.
Shed 2: smoke.
Since 18:34.
The power cannot be switched off from afar.
Now: get people away, cut the power if you can, call 119; do not go in.
Ask: 陈经理 (property management) 0571-5550-0104 · Fire brigade 119
Open: http://127.0.0.1:8600/i/7""",
    ),
    (
        "recovery gives the figure, how long it lasted, and that somebody still has to look",
        RISE, rise(value=412.0, recovered_at=SINCE + timedelta(hours=4.5)), NoticeReason.RECOVERED, ZH,
        """【已恢复】老坝口河段：电导率突升
老坝口河段：电导率已降到 412。
前后 4.5 小时。
还要有人到现场复查，确认了才算完。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "the second look asks for a photo and sends nobody to the water in the dark",
        RISE, rise(value=412.0), NoticeReason.SECOND_LOOK, ZH,
        """【请复查】老坝口河段：电导率突升
老坝口河段：电导率突升，数值已经恢复，请复查。
请到现场看看，拍张照就行，不用打字。
天黑、下大雨就别去水边；去不了点一下就行，会请别人去。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "the second look after an all-clear that anybody could have sent says so",
        POWER, power(facts={"source": "untrusted"}), NoticeReason.SECOND_LOOK, EN,
        """[demo, injected data] [Please look again] Shed 2 socket 7: power too high
[demo, injected data] Shed 2 socket 7: power too high. The figures are back to normal; please look again.
But anybody could have sent these figures, so they prove nothing: it is over once somebody has looked.
Go and have a look. A photo is enough, no typing.
Ask: 陈经理 (property management) 0571-5550-0104
Open: http://127.0.0.1:8600/i/7""",
    ),
    (
        "closing by time is told as unconfirmed",
        POWER, power(state=State.CLOSED, unconfirmed=True, recovered_at=NOW), NoticeReason.CLOSED, EN,
        """[demo, injected data] [Closed] Shed 2 socket 7: power too high
[demo, injected data] Shed 2 socket 7: power too high. Closed by time; nobody confirmed it at the place.
It lasted 12 minutes.
Open: http://127.0.0.1:8600/i/7""",
    ),
    (
        "a rule whose pack is gone still gives a whole message",
        None, rise(), NoticeReason.OPENED, ZH,
        """【要处理】老坝口河段：riv-cond-rise
老坝口河段：riv-cond-rise。
18:34 开始。
怎么办：请在岸上看看，拍张照就行，不用打字。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
    (
        "a missing figure takes the plainer sentence",
        RISE, rise(facts={}), NoticeReason.OPENED, ZH,
        """【要处理】老坝口河段：电导率突升
老坝口河段：电导率突升。
原因待查。
18:34 开始。
怎么办：请在岸上看看排口，拍张照就行，不用打字。
找人问：李社区（社区级河长）0571-5550-0102
（录制数据回放：Logan River, Main Street 2019）
点开处理：http://127.0.0.1:8600/i/7""",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "incident", "reason", "language", "message"),
    [pytest.param(*row[1:], id=row[0]) for row in GOLDEN],
)
def test_the_whole_message(
    rule: Rule | None, incident: Incident, reason: NoticeReason, language: Language, message: str
) -> None:
    title, text = notice_words(rule, incident, REGISTRY, language, reason, LINK, NOW)
    assert f"{title}\n{text}" == message


@pytest.mark.parametrize(
    ("reason", "before", "says"),
    [
        (CLIMBED, Before(names=("张河长",), declined=True), "张河长去不了，请您来处理。"),
        (CLIMBED, Before(names=("张河长",), waited=timedelta(minutes=30)),
         "张河长 30 分钟没接，请您来处理。"),
        (CLIMBED, Before(names=("张河长",), waited=timedelta(seconds=16)), "张河长没接，请您来处理。"),
        (CLIMBED, Before(), "前面的人没通知到，请您来处理。"),
        (NoticeReason.ASSIGNED, Before(names=("张河长",), declined=True), "张河长去不了。"),
        (NoticeReason.SECOND_LOOK, Before(names=("张河长",), declined=True), "张河长去不了。"),
    ],
)  # fmt: skip
def test_who_is_asked_now_hears_what_became_of_those_before(
    reason: NoticeReason, before: Before, says: str
) -> None:
    _, text = notice_words(POWER, power(), REGISTRY, ZH, reason, LINK, NOW, before=before)
    assert text.splitlines()[0].endswith(says)


@pytest.mark.parametrize(
    ("facts", "language", "says"),
    [
        ({}, ZH, "数值已经恢复，但有人说还有问题：有人到现场看过才算完。"),
        ({SOURCE: UNTRUSTED}, ZH, "数值已经恢复，但这个设备的数据可能被人冒充，"),
        ({}, EN, "The figures are back to normal. But somebody says it is still there:"),
    ],
)
def test_what_somebody_says_is_still_there_is_not_told_by_figures_that_deny_it(
    facts: dict[str, float | str], language: Language, says: str
) -> None:
    seen = power(value=109.0, facts=facts, seen_on_site=True)
    _, text = notice_words(POWER, seen, REGISTRY, language, NoticeReason.REOPENED, LINK, NOW)
    assert says in text
    for wrong in ("109", "800", "刚恢复", "had recovered"):
        assert wrong not in text


@pytest.mark.parametrize(
    ("language", "says"),
    [(ZH, "这是演练，不要真的拨打 119。"), (EN, "This is a drill: do not really call 119.")],
)
def test_a_drill_of_a_fire_asks_nobody_to_call_the_fire_brigade(
    language: Language, says: str
) -> None:
    fire = power(cls=IncidentClass.FIRE)
    drill = replace(fire, rule="drill-eb-smoke", drill_until=NOW)
    for incident, is_said in ((fire, False), (drill, True)):
        told = notice_words(None, incident, REGISTRY, language, NoticeReason.OPENED, LINK, NOW)
        assert (says in told[1].splitlines()) is is_said
        assert ("火警 119" in told[1] or "Fire brigade 119" in told[1]) is not is_said


def test_nobody_is_asked_to_phone_himself() -> None:
    chen = REGISTRY.people[2]
    _, text = notice_words(POWER, power(), REGISTRY, ZH, NoticeReason.OPENED, LINK, NOW, to=chen)
    assert "陈经理" not in text


def test_a_group_hears_to_whom_it_is_given_and_is_not_asked_who_goes() -> None:
    chen = REGISTRY.people[2]
    given = NoticeReason.ASSIGNED
    _, text = notice_words(POWER, power(), REGISTRY, ZH, given, LINK, NOW, to=chen, group=True)
    assert "这件事交给陈经理了，请陈经理点开链接接手。" in text
    assert "谁去处理" not in text
    _, alone = notice_words(POWER, power(), REGISTRY, ZH, given, LINK, NOW, to=chen)
    assert "这件事交给您了" in alone


def test_a_group_is_asked_who_goes() -> None:
    _, text = notice_words(POWER, power(), REGISTRY, ZH, NoticeReason.OPENED, LINK, NOW, group=True)
    assert "这条发给全群：谁去处理，请点开链接，选一下您是谁。" in text.splitlines()


@pytest.mark.parametrize(
    ("facts", "can_cut", "says"),
    [
        ({}, False, "不能远程断电。"),
        ({}, True, "还没收到断电的回报，请当作没断电。"),
        ({"power": "off"}, True, "已断电。"),
        ({"power": "failed"}, True, "断电失败，要人到现场拉闸。"),
    ],
)
def test_a_charging_card_always_says_whether_the_power_is_off(
    facts: dict[str, float | str], can_cut: bool, says: str
) -> None:
    devices = tuple(replace(device, can_cut_power=can_cut) for device in REGISTRY.devices)
    registry = replace(REGISTRY, devices=devices)
    assert headline(POWER, power(facts=facts), registry, ZH).power == says


@pytest.mark.parametrize(
    ("now", "language", "since"),
    [
        (NOW, ZH, "18:34 开始。"),
        (NOW + timedelta(days=1), ZH, "11 月 22 日 18:34 开始。"),
        (NOW + timedelta(days=1), EN, "Since 22 Nov 18:34."),
        (datetime(2026, 11, 22, 16, 5, tzinfo=UTC), ZH, "11 月 22 日 18:34 开始。"),
    ],
)
def test_times_are_the_sites_and_name_the_day_when_it_is_another(
    now: datetime, language: Language, since: str
) -> None:
    assert headline(POWER, power(), REGISTRY, language, now).since == since


def test_a_value_that_just_passed_its_limit_does_not_read_as_equal_to_it() -> None:
    shown = headline(POWER, power(value=800.4), REGISTRY, ZH).what
    assert shown == "2 号充电棚 7 号插座 功率 800.4 瓦。"


@pytest.mark.parametrize(
    ("value", "decimals", "plain", "text"),
    [
        (1130.4, 0, False, "1130"),
        (12345.678, 1, False, "12345.7"),
        (11.0, 2, False, "11.00"),
        (2.0, 2, True, "2"),
        (1.85, 3, True, "1.85"),
        (-0.001, 2, False, "0.00"),
        (-1.5, 1, False, "-1.5"),
        (100.0, 0, True, "100"),
    ],
)
def test_numbers_have_their_decimals_and_no_thousands_sign(
    value: float, decimals: int, plain: bool, text: str
) -> None:
    assert number(value, decimals, plain=plain) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("2 号\n充电棚\r\n【危险】", "2 号 充电棚 【危险】"),
        ("a\x1b[31mred", "a ［31mred"),
        ("\u202egnp.exe\u200b", "gnp.exe"),
        ("<b>*x*</b> @all", "＜b＞＊x＊＜/b＞ ＠all"),
        ("[点我](http://x)", "［点我］(http://x)"),
        ("x" * 99, "x" * 59 + "…"),
    ],
)
def test_a_name_stays_on_its_line_and_carries_no_markup(name: str, shown: str) -> None:
    assert clean(name) == shown


def test_a_silent_device_says_nothing_about_the_power() -> None:
    subject = Subject(SubjectKind.DEVICE, "linjiang", "shed-2-02")
    silent = power(subject=subject, port="", metric="", value=None, cls=IncidentClass.UPKEEP)
    assert headline(None, silent, REGISTRY, ZH).power == ""


DEMO = read(Path(__file__).parents[2] / "collector" / "demo" / "community")
SHIPPED = read_packs(shipped()).rules


@pytest.mark.parametrize("reason", list(NoticeReason))
@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("rule", SHIPPED.values(), ids=lambda rule: rule.id)
def test_every_shipped_rule_fills_its_own_words(
    rule: ShippedRule, language: Language, reason: NoticeReason
) -> None:
    place = next((p for p in DEMO.places if p.kind.value in rule.places), None)
    spoken = place.id if place else ""
    port = "1" if "port" in rule.holes() else ""
    subject = rule.subject("linjiang", "shed-2-01", place, port)
    assert subject is not None
    incident = power(
        rule=rule.id, subject=subject, cls=rule.cls, place=spoken, port=port, metric=rule.metric,
        device="shed-2-01", value=123.4, limit=100.0, peak=150.0,
        facts=rehearsal.facts(rule, 12.0, "某某"),
    )  # fmt: skip
    head = headline(rule, incident, DEMO, language, NOW)
    plainer = {ZH: phrases.ZH, EN: phrases.EN}[language].what.format(
        where=head.where, name=head.name
    )
    assert head.what != plainer
    assert head.why
    title, text = notice_words(rule, incident, DEMO, language, reason, LINK, NOW)
    assert "{" not in title + text
    assert text.endswith(LINK)
    assert len(text.encode()) < 1500, "with its title it must fit a WeCom text of 2048 bytes"
    told = DEMO.devices[1] if subject.kind is SubjectKind.DEVICE or place is None else place
    assert told.names.by(language) in title
    assert told.names.by(language) in text


@given(name=st.text(min_size=1, max_size=30))
def test_no_name_of_a_place_adds_a_line_or_empties_a_message(name: str) -> None:
    place = replace(REGISTRY.places[1], names=Names(zh=name))
    registry = replace(REGISTRY, places=(REGISTRY.places[0], place))
    title, text = notice_words(POWER, power(), registry, ZH, NoticeReason.OPENED, LINK, NOW)
    assert len(title.splitlines()) == 1
    assert len(text.splitlines()) == 7
    assert all(line.strip() for line in text.splitlines())


@given(
    template=st.text(alphabet="ab{}_ .value", max_size=20),
    values=st.dictionaries(st.sampled_from(["a", "b", "value"]), st.text(max_size=5)),
)
def test_a_filled_template_has_no_hole_left(template: str, values: dict[str, str]) -> None:
    text = fill(template, values)
    assert text is None or "{value}" not in text or "{value}" in "".join(values.values())


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (NoticeReason.CLIMBED, "这里有 3 台设备没有数据，不再一台台通知。"),
        (NoticeReason.RECOVERED, "还有 3 台设备没有数据；10 分钟后还没有，会另外通知。"),
    ],
)
def test_a_cause_says_how_many_devices_are_silent_by_it(reason: NoticeReason, line: str) -> None:
    cut = smoke(rule="eb-mains", cls=IncidentClass.UPKEEP, metric="mains")
    _, plain = notice_words(None, cut, DEMO, ZH, reason, LINK, NOW)
    assert "台设备" not in plain
    assert "断电" not in plain  # whether we have switched it off is not the question
    _, text = notice_words(None, replace(cut, facts={"away": 3}), DEMO, ZH, reason, LINK, NOW)
    assert line in text.splitlines()


@pytest.mark.parametrize("kind", [SubjectKind.DEVICE, SubjectKind.CELL])
@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("reason", list(NoticeReason))
def test_every_reason_has_words_for_every_subject(
    kind: SubjectKind, language: Language, reason: NoticeReason
) -> None:
    subject = Subject(kind, "linjiang", "shed-2-02")
    incident = power(
        subject=subject, place="", port="", device="", metric="", value=None, limit=None, peak=None,
        cls=IncidentClass.WATCH,
    )  # fmt: skip
    title, text = notice_words(None, incident, REGISTRY, language, reason, LINK, NOW)
    assert title
    assert LINK in text
    assert "{" not in title + text

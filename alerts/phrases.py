"""The house's own sentences around a rule's words, in zh and en: one table each."""

from dataclasses import dataclass

from alerts.notify.notice import NoticeReason
from alerts.registry.model import PostRole, Source
from alerts.words import IncidentClass, Language, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language's sentences. Braces are filled by ``alerts/messages.py``."""

    marks: dict[Source, str]
    tags: dict[NoticeReason, str]
    title: str
    what: str
    joined: str
    since: str
    do: str
    again: str
    flapping: str
    assigned: str
    assigned_in_group: str
    worse: str
    nobody: str
    nobody_came: str
    nobody_reached: str
    instead: str
    cannot_come: str
    only_a_drill: str
    waited: str
    clear: str
    now_is: str
    away: str
    still_away: str
    lasted: str
    still_to_look: str
    look_again: str
    look: str
    unproven: str
    back: str
    still_there: str
    not_to_the_water: str
    closed: str
    unconfirmed: str
    false_alarm: str
    drill_over: str
    group: str
    ask: str
    fire_brigade: str
    between: str
    comma: str
    link: str
    power_off: str
    power_failed: str
    no_remote_power: str
    power_unknown: str
    recorded: str


ZH = Phrases(
    marks={Source.INJECTED: "【演示·注入数据】", Source.SIMULATED: "【演示·模拟数据】"},
    tags={
        NoticeReason.RECOVERED: "已恢复",
        NoticeReason.SECOND_LOOK: "请复查",
        NoticeReason.CLOSED: "已结束",
    },
    title="【{tag}】{where}：{name}",
    what="{where}：{name}。",
    joined="{where}：{text}",
    since="{at} 开始。",
    do="怎么办：{do}",
    again="刚恢复，又出现了。",
    flapping="时好时坏，反复出现。先说这一次，平静下来以前不再一遍遍通知；变严重了会再说。",
    assigned="这件事交给您了，请点开链接接手。",
    assigned_in_group="这件事交给{name}了，请{name}点开链接接手。",
    worse="程度有变，现在是“{word}”。",
    nobody="前面的人还没接，请您来处理。",
    nobody_came="{names}{waited}没接，请您来处理。",
    nobody_reached="前面的人没通知到，请您来处理。",
    instead="{names}去不了，请您来处理。",
    cannot_come="{names}去不了。",
    only_a_drill="这是演练，不要真的拨打 119。",
    waited=" {t}",
    clear="{where}：{name}，已经恢复。",
    now_is="{metric}现在是 {value} {unit}。",
    away="这里有 {count} 台设备没有数据，不再一台台通知。",
    still_away="还有 {count} 台设备没有数据；{minutes} 分钟后还没有，会另外通知。",
    lasted="前后 {lasted}。",
    still_to_look="还要有人到现场复查，确认了才算完。",
    look_again="{where}：{name}，数值已经恢复，请复查。",
    look="请到现场看看，拍张照就行，不用打字。",
    back="数值已经恢复，",
    still_there="但有人说还有问题：有人到现场看过才算完。",
    unproven="但这个设备的数据可能被人冒充，不能算数：有人到现场看过才算完。",
    not_to_the_water="天黑、下大雨就别去水边；去不了点一下就行，会请别人去。",
    closed="{where}：{name}，已复查确认，到此结束。",
    unconfirmed="{where}：{name}，到时间自动结束，没有人到现场确认过。",
    false_alarm="{where}：{name}，已判为误报。",
    drill_over="{where}：{name}，演练到此结束，谢谢配合。",
    group="这条发给全群：谁去处理，请点开链接，选一下您是谁。",
    ask="找人问：{name}（{role}）{phone}",
    fire_brigade="火警 119",
    between=" · ",
    comma="、",
    link="点开处理：{link}",
    power_off="已断电。",
    power_failed="断电失败，要人到现场拉闸。",
    no_remote_power="不能远程断电。",
    power_unknown="还没收到断电的回报，请当作没断电。",
    recorded="（录制数据回放：{origin}）",
)

EN = Phrases(
    marks={
        Source.INJECTED: "[demo, injected data] ",
        Source.SIMULATED: "[demo, simulated data] ",
    },
    tags={
        NoticeReason.RECOVERED: "Recovered",
        NoticeReason.SECOND_LOOK: "Please look again",
        NoticeReason.CLOSED: "Closed",
    },
    title="[{tag}] {where}: {name}",
    what="{where}: {name}.",
    joined="{where}: {text}",
    since="Since {at}.",
    do="Now: {do}",
    again="It had recovered and is back.",
    flapping="It keeps coming and going. You are told this once, and no more until it is calm; if it "
    "gets worse you will hear.",
    assigned="This was given to you. Please open the link and take it over.",
    assigned_in_group="This was given to {name}: please open the link and take it over.",
    worse="It has changed; it is now: {word}.",
    nobody="Nobody before you has taken this over. Please do.",
    nobody_came="{names} did not answer{waited}. Please take this over.",
    nobody_reached="Nobody before you could be reached. Please take this over.",
    instead="{names} cannot come. Please take this over.",
    cannot_come="{names} cannot come.",
    only_a_drill="This is a drill: do not really call 119.",
    waited=" for {t}",
    clear="{where}: {name} is over.",
    now_is=" {metric} is now {value} {unit}.",
    away="Devices that are silent by it: {count}. They are not told one by one.",
    still_away="Devices that are still silent: {count}. Any that is so in {minutes} minutes is told by itself.",
    lasted="It lasted {lasted}.",
    still_to_look="Somebody still has to look at the place; it ends once that is confirmed.",
    look_again="{where}: {name}. The figures are back to normal; please look again.",
    look="Go and have a look. A photo is enough, no typing.",
    back="The figures are back to normal. ",
    still_there="But somebody says it is still there: it is over once somebody has looked.",
    unproven="But anybody could have sent these figures, so they prove nothing: it is over once "
    "somebody has looked.",
    not_to_the_water="Not to the water after dark or in heavy rain; "
    "one tap says you can't go and somebody else is asked.",
    closed="{where}: {name}. Looked at again and confirmed; closed.",
    unconfirmed="{where}: {name}. Closed by time; nobody confirmed it at the place.",
    false_alarm="{where}: {name}. Judged a false alarm.",
    drill_over="{where}: {name}. The drill is over, thank you.",
    group="This went to a group: whoever goes, open the link and choose your name.",
    ask="Ask: {name} ({role}) {phone}",
    fire_brigade="Fire brigade 119",
    between=" · ",
    comma=", ",
    link="Open: {link}",
    power_off="The power is off.",
    power_failed="Switching the power off FAILED; somebody must do it at the box.",
    no_remote_power="The power cannot be switched off from afar.",
    power_unknown="No word yet that the power is off; take it to be on.",
    recorded="(Replay of recorded data: {origin})",
)

# Before everything that people read or hear of a drill.
DRILL_MARK = {Language.ZH: "【演练】", Language.EN: "[DRILL] "}

SEVERITIES = {
    Language.ZH: {
        Severity.INFO: "知道就行",
        Severity.MINOR: "留意",
        Severity.MAJOR: "要处理",
        Severity.CRITICAL: "危险",
    },
    Language.EN: {
        Severity.INFO: "For information",
        Severity.MINOR: "Keep an eye on it",
        Severity.MAJOR: "Needs someone",
        Severity.CRITICAL: "Danger",
    },
}

# What to do when the rule itself does not say.
DO = {
    Language.ZH: {
        IncidentClass.FIRE: "让人离开，能拉闸就拉闸，打 119；不要自己进去。",
        IncidentClass.FLOOD: "离开水边和低处，别下水，等工作人员处理。",
        IncidentClass.SAFETY: "请到现场看看，别碰发热、冒烟的地方。",
        IncidentClass.POLLUTION: "请在岸上看看，拍张照就行，不用打字。",
        IncidentClass.UPKEEP: "不急，白天有空时看看。",
        IncidentClass.WATCH: "请维护的人看看。",
    },
    Language.EN: {
        IncidentClass.FIRE: "get people away, cut the power if you can, call 119; do not go in.",
        IncidentClass.FLOOD: "keep away from the water and low ground; staff will deal with it.",
        IncidentClass.SAFETY: "go and look; touch nothing that is hot or smokes.",
        IncidentClass.POLLUTION: "look from the bank. A photo is enough, no typing.",
        IncidentClass.UPKEEP: "no hurry; look at it in the daytime.",
        IncidentClass.WATCH: "whoever mends the service should look at it.",
    },
}

ROLES = {
    Language.ZH: {
        PostRole.RIVER_CHIEF: "民间河长",
        PostRole.COMMUNITY_CHIEF: "社区级河长",
        PostRole.TOWN_CHIEF: "镇街河长办",
        PostRole.GUARD: "值班岗",
        PostRole.PROPERTY: "物业",
        PostRole.COMMUNITY: "社区",
        PostRole.SUBDISTRICT: "街道",
        PostRole.ENGINEER: "维护",
    },
    Language.EN: {
        PostRole.RIVER_CHIEF: "volunteer river chief",
        PostRole.COMMUNITY_CHIEF: "community river chief",
        PostRole.TOWN_CHIEF: "town river office",
        PostRole.GUARD: "guard post",
        PostRole.PROPERTY: "property management",
        PostRole.COMMUNITY: "community",
        PostRole.SUBDISTRICT: "sub-district",
        PostRole.ENGINEER: "service engineer",
    },
}

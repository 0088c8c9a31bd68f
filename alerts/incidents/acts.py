"""How a person's act ends: done, beaten by what happened meanwhile, or refused."""

from dataclasses import dataclass
from enum import StrEnum

from alerts.incidents.model import Incident
from alerts.words import Language


class Refusal(StrEnum):
    """Why an act is refused: asking again will not help before something else has changed."""

    UNKNOWN_INCIDENT = "unknown-incident"
    UNKNOWN_DUTY = "unknown-duty"
    UNKNOWN_PERSON = "unknown-person"
    STILL_RAISED = "still-raised"
    SEEN_ON_SITE = "seen-on-site"
    NO_WORDS = "no-words"
    NOT_OF_THIS_SITE = "not-of-this-site"
    NO_SUCH_TIME = "no-such-time"
    SAME_PERSON = "same-person"
    UNKNOWN_SILENCE = "unknown-silence"
    UNKNOWN_PLACE = "unknown-place"
    UNKNOWN_BROWSER = "unknown-browser"
    DRILL_UNDER_WAY = "drill-under-way"
    NO_ADDRESS = "no-address"
    NOT_REACHED = "not-reached"
    UNKNOWN_RULE = "unknown-rule"

    def text(self, language: Language) -> str:
        """What people read."""
        return _TEXTS[self][language]


@dataclass(frozen=True, slots=True)
class Done:
    """It is written down; ``incident`` as it is now."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody, or the rule, was quicker: look at ``current`` and decide again."""

    current: Incident


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Refusal


Result = Done | Conflict | Refused

_TEXTS = {
    Refusal.UNKNOWN_INCIDENT: {
        Language.ZH: "没有这件事。",
        Language.EN: "There is no such incident.",
    },
    Refusal.UNKNOWN_DUTY: {
        Language.ZH: "没有这项任务。",
        Language.EN: "There is no such duty.",
    },
    Refusal.UNKNOWN_PERSON: {
        Language.ZH: "名册里没有这个人，请先登记。",
        Language.EN: "This person is not registered; add them first.",
    },
    Refusal.STILL_RAISED: {
        Language.ZH: "数值还没有恢复，不能关闭。可以接手；如果是误报，请标为误报。",
        Language.EN: "It has not recovered, so it cannot be closed. Take it over, or mark it as a "
        "false alarm.",
    },
    Refusal.SEEN_ON_SITE: {
        Language.ZH: "有人看过或来报告过，说还有问题，不能标为误报。请再去看一次，没事了再关闭。",
        Language.EN: "Somebody saw it or reported it, so it is no false alarm. Look again, and close "
        "it when it is over.",
    },
    Refusal.NOT_OF_THIS_SITE: {
        Language.ZH: "这个人不是本社区的，不能交给他。",
        Language.EN: "This person is not of this community, so it cannot be given to them.",
    },
    Refusal.NO_SUCH_TIME: {
        Language.ZH: "时间不对：要在今后一年之内，静默最长 30 天，自己的免打扰最长 24 小时。",
        Language.EN: "The time does not fit: it lies within a year from now, a silence lasts 30 days "
        "at most, and your own snooze 24 hours.",
    },
    Refusal.SAME_PERSON: {
        Language.ZH: "要另外一个人来确认。",
        Language.EN: "Another person has to confirm it.",
    },
    Refusal.UNKNOWN_SILENCE: {
        Language.ZH: "没有这条静默。",
        Language.EN: "There is no such silence.",
    },
    Refusal.UNKNOWN_PLACE: {
        Language.ZH: "没有这个监测点或设备。",
        Language.EN: "There is no such place or device.",
    },
    Refusal.UNKNOWN_BROWSER: {
        Language.ZH: "没有登记这台浏览器。",
        Language.EN: "This browser is not registered.",
    },
    Refusal.DRILL_UNDER_WAY: {
        Language.ZH: "同样的演练还没结束。",
        Language.EN: "Such a drill is still under way.",
    },
    Refusal.NO_ADDRESS: {
        Language.ZH: "没有登记您自己的联系方式，请打电话给物业或社区。",
        Language.EN: "No address of your own is registered; please phone the property or the "
        "community.",
    },
    Refusal.NOT_REACHED: {
        Language.ZH: "现在通知不到这个人，不能交给他。请换一个人，或者先打电话说好，再替他接手。",
        Language.EN: "This person cannot be told now, so it cannot be given to them. Choose somebody "
        "else, or phone first and take it over on their behalf.",
    },
    Refusal.UNKNOWN_RULE: {
        Language.ZH: "没有这条规则。",
        Language.EN: "There is no such rule.",
    },
    Refusal.NO_WORDS: {
        Language.ZH: "请写一句话。",
        Language.EN: "Please write a few words.",
    },
}

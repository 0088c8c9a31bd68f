"""What the box says by itself, in the languages that people here speak. Calm, short, no orders."""

from collections.abc import Mapping

from edge.contract.metrics import METRICS
from edge.guard.telling import Change, Turn

Words = tuple[tuple[str, str], ...]

SILENT: Mapping[str, str] = {
    "zh": "提醒一下：服务器有{minutes}分钟联系不上了。现在有报警也通知不到大家，请多到现场看一看。",
    "en": "For your attention: the server has been out of reach for {minutes} minutes. "
    "Alarms do not get through to people now. Please look in on the place more often.",
}
BACK: Mapping[str, str] = {
    "zh": "服务器又连上了，报警会照常通知大家。",
    "en": "The server is back. Alarms get through to people again.",
}
ACTED: Mapping[str, str] = {
    "zh": "请注意：{metric}报警{done}。请大家先离开，在外面看看有没有烟和火；有就打119。不要进去。",
    "en": "Please note: the alarm for {metric} has gone off{done}. Please step away and look from "
    "outside for smoke or fire; if there is any, call 119. Do not go in.",
}
ORDERED: Mapping[str, str] = {
    "zh": "，已发出断电指令",
    "en": ", and the power was ordered off",
}
FAILED: Mapping[str, str] = {
    "zh": "请注意：断电没有成功，可能还有电。请不要碰，请电工来处理。",
    "en": "Please note: the power could not be switched off and may still be on. "
    "Please touch nothing and call an electrician.",
}
PROVED: Mapping[str, str] = {"zh": "已断电。", "en": "The power is off."}


def of_change(change: Change) -> Words:
    """What is said aloud of a guard's or an output's turn; nothing for most of them."""
    rule = change.rule
    if change.turn is Turn.RAISED and rule is not None:
        if rule.words:
            return rule.words
        metric = METRICS[rule.series.metric]
        names = {"zh": metric.zh, "en": metric.en.lower()}
        return tuple(
            (each, text.format(metric=names[each], done=ORDERED[each] if rule.off else ""))
            for each, text in ACTED.items()
        )
    if change.turn is Turn.FAILED:
        return tuple(FAILED.items())
    if change.turn is Turn.OFF:
        return tuple(PROVED.items())
    return ()


def of_silence(silent_ms: int) -> Words:
    """That the server is away, for so long."""
    minutes = max(1, silent_ms // 60_000)
    return tuple((each, text.format(minutes=minutes)) for each, text in SILENT.items())


def of_return() -> Words:
    return tuple(BACK.items())

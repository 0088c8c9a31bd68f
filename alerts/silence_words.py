"""A silence that is about to end, in words, in zh and en. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.figures import clean, local
from alerts.incidents.silences import Silence, SilenceKind
from alerts.incidents.who import zone_of
from alerts.messages import Spoken
from alerts.phrases import EN, ZH
from alerts.registry.model import Device, Names, Place, Registry
from alerts.words import Language

_KINDS = {
    Language.ZH: {SilenceKind.SILENCE: "静默", SilenceKind.MAINTENANCE: "检修"},
    Language.EN: {SilenceKind.SILENCE: "Silence", SilenceKind.MAINTENANCE: "Maintenance"},
}
_TITLE = {
    Language.ZH: "【{kind}快到期】{where}：{at} 结束",
    Language.EN: "[{kind} ends] {where}: at {at}",
}
_LINES = {
    Language.ZH: (
        "您设的{kind}到 {at} 结束：{where}，{why}。",
        "到时候还没好的，会通知大家。",
        "没弄完就再设一段；弄完了不用管。",
    ),
    Language.EN: (
        "{kind} that you asked for ends at {at}: {where}, {why}.",
        "Whatever is still so by then is told.",
        "if you need longer, ask for more; else do nothing.",
    ),
}


def silence_words(
    silence: Silence,
    rules: Mapping[str, Spoken],
    registry: Registry,
    language: Language,
    link: str,
    now: datetime,
) -> tuple[str, str]:
    """Title and text, for whoever asked for it."""
    words = EN if language is Language.EN else ZH
    said = {
        "kind": _KINDS[language][silence.kind],
        "at": local(silence.until, zone_of(silence.site, registry), now, language),
        "where": _where(silence, rules, registry, language),
        "why": clean(silence.why).rstrip("。."),
    }
    first, second, do = (line.format_map(said) for line in _LINES[language])
    lines = [first, second, words.do.format(do=do), words.link.format(link=link) if link else ""]
    return _TITLE[language].format_map(said), "\n".join(line for line in lines if line)


def _where(
    silence: Silence, rules: Mapping[str, Spoken], registry: Registry, language: Language
) -> str:
    """The device or the place, else the community; of one rule alone its name too."""
    known: dict[str, Names] = {one.id: one.names for one in registry.sites}
    name = silence.site
    if silence.device or silence.place:
        name = silence.device or silence.place
        here: Sequence[Device | Place] = registry.devices if silence.device else registry.places
        known = {one.id: one.names for one in here if one.site == silence.site}
    where = clean(known[name].by(language)) if name in known else name
    if not silence.rule:
        return where
    rule = rules.get(silence.rule)
    return f"{where} {clean(rule.names.by(language)) if rule else silence.rule}"

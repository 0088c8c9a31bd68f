"""The morning digest of one place: what can wait, in a few lines, in zh and en. Pure."""

from collections.abc import Mapping, Sequence

from alerts.figures import clean
from alerts.incidents.model import Incident, State
from alerts.messages import Spoken, headline
from alerts.registry.model import Place, Registry
from alerts.words import IncidentClass, Language, Severity

MOST_LINES = 12  # a phone's screen
MOST_PLACES = 5

_TITLE = {Language.ZH: "【每日汇总】{place}", Language.EN: "[Daily digest] {place}"}
_LINE = {
    Language.ZH: "{name}：{n} 次{open}",
    Language.EN: "{name}: {n}×{open}",
}
_OPEN = {
    Language.ZH: "，{k} 处还没好（{where}）",
    Language.EN: ", {k} still so ({where})",
}
_MORE = {Language.ZH: "还有 {n} 种，点开看。", Language.EN: "{n} more kinds; open to see."}
_END = {
    Language.ZH: "都不急，白天有空时看看。",
    Language.EN: "None of it is urgent; look at it in the daytime.",
}
_LINK = {Language.ZH: "点开看：{link}", Language.EN: "Open: {link}"}
_COMMA = {Language.ZH: "、", Language.EN: ", "}


def belongs(incident: Incident) -> bool:
    """Whether the digest tells of it: upkeep below MAJOR, and what is for the record."""
    if incident.cls is IncidentClass.WATCH or incident.is_drill:
        return False
    if incident.cls is IncidentClass.UPKEEP:
        return incident.severity < Severity.MAJOR
    return incident.severity is Severity.INFO


def digest_words(
    place: Place,
    incidents: Sequence[Incident],
    rules: Mapping[str, Spoken],
    registry: Registry,
    language: Language,
    link: str,
) -> tuple[str, str]:
    """Title and text: one line a rule, the most frequent first."""
    by_rule: dict[str, list[Incident]] = {}
    for one in incidents:
        by_rule.setdefault(one.rule, []).append(one)
    kinds = sorted(by_rule.items(), key=lambda item: -len(item[1]))
    lines = []
    for name, ones in kinds[:MOST_LINES]:
        heads = [(headline(rules.get(name), one, registry, language), one) for one in ones]
        still = [head.where for head, one in heads if one.state is not State.CLOSED]
        shown = _COMMA[language].join(dict.fromkeys(still[:MOST_PLACES]))
        lines.append(
            _LINE[language].format(
                name=heads[0][0].name,
                n=len(ones),
                open=_OPEN[language].format(k=len(still), where=shown) if still else "",
            )
        )
    if len(kinds) > MOST_LINES:
        lines.append(_MORE[language].format(n=len(kinds) - MOST_LINES))
    lines.append(_END[language])
    if link:
        lines.append(_LINK[language].format(link=link))
    title = _TITLE[language].format(place=clean(place.names.by(language)))
    return title, "\n".join(lines)

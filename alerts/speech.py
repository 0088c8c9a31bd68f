"""What an announcer says: an incident in one or two short sentences a language, without links.

A notice has one text, fixed when it is written down; for an announcer it has one line a language,
in the order of ``Language``.
"""

import re

from alerts.incidents.model import Incident
from alerts.messages import Spoken, headline
from alerts.notify.notice import NoticeReason
from alerts.phrases import EN, SEVERITIES, ZH
from alerts.registry.model import Registry
from alerts.words import IncidentClass, Language

# Characters: some forty seconds in either language, and within the 500 that a command carries.
LONGEST = {Language.ZH: 160, Language.EN: 400}
_LINK = re.compile(r"\S*(?:://|www\.)\S*")
_UNSPOKEN = re.compile(r"[【】\[\]<>「」“”\"]+")
_ENDS = {Language.ZH: "。！？；", Language.EN: ".!?;"}


def spoken_words(
    rule: Spoken | None, incident: Incident, registry: Registry, reason: NoticeReason
) -> str:
    """The text of an announcer's notice: how bad, where, what, and what to do."""
    return "\n".join(spoken(rule, incident, registry, language, reason) for language in Language)


def spoken(
    rule: Spoken | None,
    incident: Incident,
    registry: Registry,
    language: Language,
    reason: NoticeReason,
) -> str:
    """One line in one language, as long as ``LONGEST`` allows."""
    words = EN if language is Language.EN else ZH
    head = headline(rule, incident, registry, language)
    end = "." if language is Language.EN else "。"
    mark = _UNSPOKEN.sub("", head.mark).strip() + end if head.mark else ""
    if reason is NoticeReason.SECOND_LOOK:
        parts = [mark, words.look_again.format(where=head.where, name=head.name), words.look]
    else:
        level = SEVERITIES[language][incident.severity]
        parts = [mark, level + end, head.what, words.do.format(do=head.do)]
        if incident.is_drill and incident.cls is IncidentClass.FIRE:
            parts.append(words.only_a_drill)
        if incident.seen_on_site:
            parts.insert(3, head.why)
        elif reason is NoticeReason.REOPENED:
            parts.insert(2, words.again)
        elif reason is NoticeReason.CLIMBED:
            parts.insert(2, words.nobody)
    gap = " " if language is Language.EN else ""
    return bounded(gap.join(part for part in parts if part), language)


def bounded(text: str, language: Language) -> str:
    """One line to say: no links, no brackets, cut behind a sentence where it is too long."""
    line = " ".join(_UNSPOKEN.sub(" ", _LINK.sub("", text)).split())
    if len(line) <= LONGEST[language]:
        return line
    cut = line[: LONGEST[language]]
    end = max(cut.rfind(sign) for sign in _ENDS[language])
    return cut[: end + 1] if end > 0 else cut


def by_language(text: str) -> tuple[tuple[str, str], ...]:
    """``spoken_words``' text taken apart: (language, line)."""
    lines = [line for line in text.splitlines() if line.strip()]
    return tuple((language.value, line) for language, line in zip(Language, lines, strict=False))

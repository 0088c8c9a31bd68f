"""Several notices to one address as one message: the gravest in full, the others by their titles.

Pure. The message stays whole: where, what, what to do and whom to phone are those of the gravest.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from alerts.notify.notice import Notice
from alerts.registry.addresses import together
from alerts.words import IncidentClass, Language

TITLES_MOST = 8  # a phone's screen; the rest is a figure and the list behind the link
_ONE = re.compile(r"(/incidents)/\d+$")
_WORDS = {
    Language.ZH: ("{title}（另有 {n} 件）", "另外还有：", "……还有 {n} 件，点开看。"),
    Language.EN: ("{title} (and {n} more)", "And also:", "… and {n} more behind the link."),
}


def merged(notices: Sequence[Notice]) -> Notice:
    """One message for all of these, which go to one address; a single one as it is."""
    first, *others = sorted(notices, key=_weight)
    if not others:
        return first
    title, also, more = _WORDS[first.language]
    lines = first.text.splitlines()
    tail = [lines.pop()] if lines and first.link and first.link in lines[-1] else []
    lines += [also, *(each.title for each in others[:TITLES_MOST])]
    if len(others) > TITLES_MOST:
        lines.append(more.format(n=len(others) - TITLES_MOST))
    link = _ONE.sub(r"\1", first.link)
    tail = [line.replace(first.link, link) for line in tail]
    return replace(
        first,
        address=together(each.address for each in (first, *others)),
        title=title.format(title=first.title, n=len(others)),
        text="\n".join(lines + tail),
        link=link,
    )


def _weight(notice: Notice) -> tuple[bool, int, int]:
    """Fire first, then the gravest, then the oldest."""
    return notice.cls is not IncidentClass.FIRE, -notice.severity, notice.id

"""Several notices to one address as one message: the gravest in full, the others by their titles.

Pure. The message stays whole: where, what, what to do and whom to phone are those of the gravest.
A signed link opens its one incident and nothing else, so each title has its own behind it, as a
short code; without signed links the message's link opens the list.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from alerts.links import PREFIX
from alerts.notify.cutting import utf8
from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice
from alerts.registry.addresses import together
from alerts.words import IncidentClass, Language

TITLES_MOST = 8  # a phone's screen; the rest is a figure and the list behind the link
LINKED_MOST = 20  # titles with links: two screens, since nothing else leads to these
SPARE = 8  # one part in so many of a channel's bytes is left for what it adds, mentions for example
_ONE = re.compile(r"(/incidents)/\d+$")
_WORDS = {
    Language.ZH: ("{title}（另有 {n} 件）", "另外还有："),
    Language.EN: ("{title} (and {n} more)", "And also:"),
}
_MORE = {
    Language.ZH: ("……还有 {n} 件，点开看。", "……还有 {n} 件，登录后都能看到：{list}"),
    Language.EN: ("… and {n} more behind the link.", "… and {n} more; sign in to see all: {list}"),
}
_FIRST = {Language.ZH: "最上面这件，", Language.EN: "The first one. "}


def merged(notices: Sequence[Notice], code: Callable[[int], str] | None = None) -> Notice:
    """One message for all of these, which go to one address; a single one as it is.

    ``code`` makes a short token that leads to a notice's own link.
    """
    first, *others = sorted(notices, key=_weight)
    if not others:
        return first
    title, also = _WORDS[first.language]
    lines = first.text.splitlines()
    tail = [lines.pop()] if lines and first.link and first.link in lines[-1] else []
    title = title.format(title=first.title, n=len(others))
    link = _ONE.sub(r"\1", first.link)
    base, signed, _ = first.link.partition(PREFIX)
    if code is not None and signed:
        tail = [_FIRST[first.language] + line for line in tail]
        each = [f"{one.title} {base}{PREFIX}{code(one.id)}" for one in others[:LINKED_MOST]]
        more = _MORE[first.language][1].replace("{list}", f"{base}/incidents")
        room = _room(first, [title, *lines, also, more, *tail])
    else:
        tail = [line.replace(first.link, link) for line in tail]
        each = [one.title for one in others[:TITLES_MOST]]
        more = _MORE[first.language][0]
        room = None
    shown = _fitting(each, room)
    lines += [also, *shown]
    if len(others) > len(shown):
        lines.append(more.replace("{n}", str(len(others) - len(shown))))
    return replace(
        first,
        address=together(one.address for one in (first, *others)),
        title=title,
        text="\n".join(lines + tail),
        link=link,
        others=tuple(one.id for one in others),
    )


def _room(notice: Notice, lines: Sequence[str]) -> int | None:
    """Bytes that the channel has left beside these lines; None without bound."""
    most = ABOUT[notice.address.channel].bytes_most
    return most - most // SPARE - utf8("\n".join(lines)) if most else None


def _fitting(lines: Sequence[str], room: int | None) -> list[str]:
    """The first of these, whole, that fit: half a link leads nowhere."""
    shown: list[str] = []
    for line in lines:
        if room is not None:
            room -= utf8(line) + 1
            if room < 0:
                break
        shown.append(line)
    return shown


def _weight(notice: Notice) -> tuple[bool, int, int]:
    """Fire first, then the gravest, then the oldest."""
    return notice.cls is not IncidentClass.FIRE, -notice.severity, notice.id

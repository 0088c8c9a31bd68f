"""A notice taken apart for channels that fill templates: what, where, how bad, since when, what to do.

A notice's words are fixed in its title and text; this is the way back, by the same sentences. What
cannot be taken apart stands as a whole, so that no field is ever empty.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from enum import StrEnum

from alerts.notify.cutting import both, cut_chars, cut_middle
from alerts.notify.notice import Notice
from alerts.phrases import EN, ZH
from alerts.words import Language

# The services with templates are China's, which has one time.
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
NOTHING = "—"
_ASK = tuple(words.ask.partition("{")[0] for words in (ZH, EN))

# Marks (demo, drill) stand before the tag in brackets of their own.
_TITLE = re.compile(
    r"(?P<mark>(?:【演[^】]*】|\[(?:demo|drill)[^\]]*\] ?)*)"
    r"(?:【(?P<zh>[^】]*)】|\[(?P<en>[^\]]*)\] )(?P<where>.+?)(?:：|: )(?P<what>.+)",
    re.DOTALL,
)


class Part(StrEnum):
    """What a template's field may hold."""

    PLACE = "place"
    WHAT = "what"
    SUMMARY = "summary"  # place and what together
    SEVERITY = "severity"
    TIME = "time"
    DO = "do"
    INCIDENT = "incident"
    ASK = "ask"  # whom to phone
    CODE = "code"  # of the notice's link: SMS alone has room for no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Each a line, none empty. ``mark`` alone may be: it stands before the place where it is shown."""

    mark: str
    place: str
    what: str
    severity: str
    time: str
    do: str
    incident: str
    ask: str
    code: str

    def by(self, part: Part, most: int) -> str:
        """In at most ``most`` characters; of place and what something is always left."""
        if part is Part.SUMMARY:
            return both(f"{self.mark}{self.place}", self.what, most, "：")
        if part is Part.PLACE:
            return (
                both(self.mark, self.place, most, "") if self.mark else cut_middle(self.place, most)
            )
        return cut_chars(str(getattr(self, part.value)), most)


def parts_of(notice: Notice, code: str = "") -> Parts | None:
    """None for a notice without words."""
    title, lines = _line(notice.title), notice.text.splitlines()
    whole = title or next((_line(line) for line in lines if line.strip()), "")
    if not whole:
        return None
    found = _TITLE.fullmatch(title)
    groups: Mapping[str, str | None] = found.groupdict() if found else {}
    words = EN if notice.language is Language.EN else ZH
    begin = words.do.format(do="")
    do = next((line.removeprefix(begin) for line in lines if line.startswith(begin)), "")
    if not do:  # a recovery, a second look: what is to be known is the first line
        do = next((line for line in lines if line.strip()), "")
    return Parts(
        mark=groups.get("mark") or "",
        place=groups.get("where") or NOTHING,
        what=groups.get("what") or whole,
        severity=groups.get("zh") or groups.get("en") or NOTHING,
        time=f"{notice.created_at.astimezone(CHINA):%Y-%m-%d %H:%M}",
        do=_line(do) or NOTHING,
        incident=str(notice.incident),
        ask=_line(next((line for line in lines if line.startswith(_ASK)), "")) or NOTHING,
        code=code or NOTHING,
    )


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())

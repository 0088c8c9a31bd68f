"""What somebody means by a few typed words. Pure."""

import re
import unicodedata
from dataclasses import dataclass

_MINE = frozenset(
    [
        "1",
        "收到",
        "知道了",
        "接手",
        "我接",
        "我接手",
        "我来",
        "我来处理",
        "我去",
        "我去看看",
        "马上去",
        "好",
        "好的",
        "ok",
        "okay",
        "yes",
        "take",
        "mine",
    ]
) | {"on it", "on my way", "i take it", "i'll take it", "take it"}
_CALLS_FOR_HELP = frozenset({"110", "119", "120", "122"})
_NUMBER = re.compile(r"(?:^|\s)#?(\d{1,18})(?:\s|$)")
_MENTION = re.compile(r"@\S+")
_EDGES = " \t\r\n.,;:!?~。，、；：！？～…"


@dataclass(frozen=True, slots=True)
class Take:
    """ "I take it over": of this number, or of what is waiting for me."""

    incident: int | None = None


def understood(text: str) -> Take | None:
    """None for anything else: it is answered with what can be said here."""
    plain = _MENTION.sub(" ", unicodedata.normalize("NFKC", text)).strip(_EDGES).casefold()
    if plain in _MINE:
        return Take()
    if plain in _CALLS_FOR_HELP:
        return None
    number = _NUMBER.search(plain)
    if number is None:
        # 接手12: Chinese is written without blanks.
        number = re.search(r"#?(\d{1,18})$", plain)
        if number is None:
            return None
    rest = (plain[: number.start()] + " " + plain[number.end() :]).strip(_EDGES)
    return Take(int(number[1])) if not rest or rest in _MINE - {"1"} else None

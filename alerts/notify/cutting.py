"""Words made shorter: by UTF-8 bytes or by characters, never within what a reader sees as one sign."""

import json
import unicodedata
from collections.abc import Callable, Iterator

MORE = "…"
_JOINER = "\u200d"
_EXTENDS = ("Mn", "Me", "Mc")


def clusters(text: str) -> Iterator[str]:
    """``text`` in what a reader sees as one sign: accents, skin tones, families and flags stay whole.

    The rules of Unicode's UAX 29 that matter to names and messages, not all of them.
    """
    held = ""
    for sign in text:
        if held and not _goes_on(held, sign):
            yield held
            held = ""
        held += sign
    if held:
        yield held


def cut_bytes(text: str, most: int) -> str:
    """At most ``most`` bytes of UTF-8, an ellipsis where something is missing."""
    return _cut(text, most, lambda part: len(part.encode(errors="replace")))


def cut_chars(text: str, most: int) -> str:
    """At most ``most`` characters, an ellipsis where something is missing."""
    return _cut(text, most, len)


def cut_middle(text: str, most: int) -> str:
    """At most ``most`` characters; begin and end stay: of a place the estate and the socket."""
    if len(text) <= most:
        return text
    room = most - len(MORE)
    end = ""
    for cluster in reversed(list(clusters(text))):
        if len(end) + len(cluster) > room // 2:
            break
        end = cluster + end
    return cut_chars(text, most - len(end)).removesuffix(MORE) + MORE + end


def both(first: str, second: str, most: int, gap: str) -> str:
    """The two in at most ``most`` characters, so that something of each is left."""
    if len(first) + len(gap) + len(second) <= most:
        return f"{first}{gap}{second}"
    room = most - len(gap)
    # The shorter one stays whole where it fits in its half.
    second = cut_chars(second, max(room - len(first), room - room // 2))
    return f"{cut_middle(first, room - len(second))}{gap}{second}"


def fitted(text: str, most: int, size: Callable[[str], int], tail: str = "") -> str:
    """``text`` by ``size`` within ``most``; where it is too long, its ``tail`` stays (the link)."""
    if size(text) <= most:
        return text
    head = text.removesuffix(tail).rstrip("\n") if tail else text
    end = f"\n{tail}" if tail else ""
    room = most - size(end)
    if room <= size(MORE):  # a link that leaves no room for words: words are worth more
        return _cut(text, most, size)
    return _without_half_a_link(_cut(head, room, size)) + end


def _without_half_a_link(cut: str) -> str:
    kept, _, last = cut.rpartition("\n")
    return f"{kept}\n{MORE}" if kept and "://" in last and last.endswith(MORE) else cut


def utf8(text: str) -> int:
    """How many bytes ``text`` takes."""
    return len(text.encode(errors="replace"))


def in_json(text: str) -> int:
    """How many bytes ``text`` takes within a JSON text, where quotes and line ends take two."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2


def _cut(text: str, most: int, size: Callable[[str], int]) -> str:
    if size(text) <= most:
        return text
    room, kept, used = most - size(MORE), [], 0
    for cluster in clusters(text):
        used += size(cluster)
        if used > room:
            break
        kept.append(cluster)
    return "".join(kept).rstrip() + (MORE if room >= 0 else "")


def _goes_on(held: str, sign: str) -> bool:
    if held.endswith(_JOINER) or sign == _JOINER:
        return True
    if held == "\r":
        return sign == "\n"
    code = ord(sign)
    if 0x1F3FB <= code <= 0x1F3FF or 0xFE00 <= code <= 0xFE0F or 0xE0020 <= code <= 0xE007F:
        return True  # skin tones, forms, and the letters of a flag's tag
    if 0x1F1E6 <= code <= 0x1F1FF:  # two regional letters are one flag
        return len(held) == 1 and 0x1F1E6 <= ord(held) <= 0x1F1FF
    if 0x1160 <= code <= 0x11FF:  # the middle and end of a Korean syllable
        return 0x1100 <= ord(held[-1]) <= 0x11FF
    return unicodedata.category(sign) in _EXTENDS

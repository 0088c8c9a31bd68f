"""InfluxDB line protocol: ``weather,station=a temp=21.5,rain=0i 1720000000000000000``, one or many lines.

Names are ``measurement.field``. Tags are left out of them, except those that the caller asks for,
in that order: with ``tags=("station",)`` the above is ``weather.temp{station=a}``. Syntax and
escapes by InfluxDB's reference of line protocol; texts measure nothing and are left out.
"""

import re

from collector.decoders.moments import epoch_ms
from collector.decoders.port import Garbled, Record, Told
from collector.decoders.refused import Refused

MAX_BYTES = 200_000
MOST_LINES = 5_000
MOST_RECORDS = 5_000
MOST_BROKEN = 20  # lines that one line's texts may be written over
_MEASUREMENT = re.compile(r"(?:[^, \\]|\\.?)+")
_KEY = re.compile(r"(?:[^,= \\]|\\.?)+")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BARE = re.compile(r"[^, ]+")
_STAMP = re.compile(r" +(-?\d{1,19})? *", re.ASCII)
_ESCAPED = re.compile(r"\\([,= ])")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"(-?\d{1,20})[iu]", re.ASCII)
_YES = frozenset({"t", "T", "true", "True", "TRUE"})
_NO = frozenset({"f", "F", "false", "False", "FALSE"})


def told(payload: bytes, precision: str = "ns", tags: tuple[str, ...] = ()) -> Told:
    """The records of all lines; a line that is wrong is refused alone.

    ``precision`` is what the timestamps count: ``ns``, ``us``, ``ms`` or ``s``.
    """
    if len(payload) > MAX_BYTES:
        raise Garbled(f"the message has {len(payload)} bytes; at most {MAX_BYTES}")
    if payload.count(b"\n") > MOST_LINES:
        raise Garbled(f"the message has more than {MOST_LINES} lines")
    records: list[Record] = []
    refused = Refused()
    lines = payload.split(b"\n")
    at = 0
    while at < len(lines):
        raw, after = lines[at], lines[at + 1 : at + MOST_BROKEN]
        at += 1
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        try:
            records += _line(line, precision, tags)
        except _Unclosed as error:
            found, more = _over_several(line, after, precision, tags)
            records += found
            at += more
            if not more:
                refused.add(str(error), raw)
        except Garbled as error:
            refused.add(str(error), raw)
        if len(records) > MOST_RECORDS:
            raise Garbled(f"more than {MOST_RECORDS} values in one message")
    return Told(records=tuple(records), refused=refused.told())


class _Unclosed(Garbled):
    """A text that does not end on its line."""


def _over_several(
    line: bytes, after: list[bytes], precision: str, wanted: tuple[str, ...]
) -> tuple[list[Record], int]:
    """The records of a line whose texts hold line ends, and of how many further lines it took."""
    for more, part in enumerate(after, 1):
        line += b"\n" + part
        try:
            return _line(line.rstrip(), precision, wanted), more
        except Garbled:
            continue
    return [], 0


def _line(raw: bytes, precision: str, wanted: tuple[str, ...]) -> list[Record]:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Garbled("a line is UTF-8") from error
    found = _MEASUREMENT.match(text)
    if found is None:
        raise Garbled("a line begins with its measurement")
    measurement, at = _plain(found[0]), found.end()
    tags: dict[str, str] = {}
    while text.startswith(",", at):
        key, at = _key(text, at + 1)
        value = _KEY.match(text, at)
        if value is None:
            raise Garbled(f"tag {key[:40]!r} has no value")
        tags[key], at = _plain(value[0]), value.end()
    if not text.startswith(" ", at):
        raise Garbled("a space and the fields follow measurement and tags")
    at += len(text[at:]) - len(text[at:].lstrip(" "))
    fields = []
    while True:
        key, at = _key(text, at)
        number, at = _value(text, at)
        if number is not None:
            fields.append((key, number))
        if not text.startswith(",", at):
            break
        at += 1
    at_ms = _at_ms(text, at, precision)
    shown = ",".join(f"{tag}={tags[tag]}" for tag in wanted if tag in tags)
    suffix = f"{{{shown}}}" if shown else ""
    return [Record(f"{measurement}.{key}{suffix}", value, at_ms=at_ms) for key, value in fields]


def _key(text: str, at: int) -> tuple[str, int]:
    """A tag's or field's key and where its value begins."""
    found = _KEY.match(text, at)
    if found is None or not text.startswith("=", found.end()):
        raise Garbled(f"a key and '=' were expected at {text[at : at + 20]!r}")
    return _plain(found[0]), found.end() + 1


def _value(text: str, at: int) -> tuple[float | None, int]:
    """A field's value (None for a text) and where it ends."""
    if text.startswith('"', at):
        found = _TEXT.match(text, at)
        if found is None:
            raise _Unclosed("a text has no closing quote")
        return None, found.end()
    found = _BARE.match(text, at)
    if found is None:
        raise Garbled("a field has no value")
    word, end = found[0], found.end()
    if word in _YES or word in _NO:
        return float(word in _YES), end
    whole = _WHOLE.fullmatch(word)
    if whole is not None:
        return float(whole[1]), end
    value = float(word) if _FLOAT.fullmatch(word) else None
    if value is None or abs(value) > 1e300:
        raise Garbled(f"{word[:40]!r} is no value of a field")
    return value, end


def _at_ms(text: str, at: int, precision: str) -> int | None:
    if at == len(text):
        return None
    found = _STAMP.fullmatch(text, at)
    if found is None:
        raise Garbled(f"a timestamp of whole {precision} was expected at {text[at : at + 30]!r}")
    return epoch_ms(int(found[1]), precision) if found[1] else None


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text

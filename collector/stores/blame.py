"""Which lines a refusal names, so that they are found without asking for each half. Pure.

InfluxDB 1 and 2 write what is good of a request and tell one kind of mistake an answer; 3 tells up to
100 lines by number. What one answer leaves out, the next one tells.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.stores.lines import escape, time_of

WORDS_MOST = 500  # of a reason that is kept or shown

OLD = "older than its bucket keeps"

_BOUND = re.compile(r"Retention Policy Lower Bound at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
_DROPPED = re.compile(r"\bdropped=(\d+)")
_CONFLICT = re.compile(r'field type conflict: input field "(.+?)" on measurement "')
_UNPARSED = "unable to parse '"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that takes a request not or not wholly: its status and its body."""

    status: int
    body: str

    @property
    def words(self) -> str:
        """What the server says is wrong."""
        found = _json(self.body)
        words = found.get("message") or found.get("error")
        return str(words or self.body)


def blamed(refusal: Refusal, lines: Sequence[str]) -> dict[int, str]:
    """The lines, by index, that the answer itself names, each with its reason; others may be bad."""
    words = refusal.words
    numbered = _numbered(refusal.body, len(lines))
    if numbered:
        return numbered
    if old := _old(words, lines):
        return dict.fromkeys(old, OLD)
    if _UNPARSED in words:
        parts = ((i, words.partition(f"{_UNPARSED}{line}': ")) for i, line in enumerate(lines))
        named = {i: _told(refusal, found[2].partition("\n")[0]) for i, found in parts if found[1]}
        if named:
            return named
    dropped = _dropped(words)
    those = having(words, lines)
    if dropped and len(those) == dropped:
        return dict.fromkeys(those, _told(refusal, words))
    if len(lines) in (1, dropped):
        return dict.fromkeys(range(len(lines)), _told(refusal, words))
    return {}


def having(words: str, lines: Sequence[str]) -> list[int]:
    """The lines with the field whose type conflicts, as the words name it; all others are good."""
    conflict = _CONFLICT.search(words)
    if conflict is None:
        return []
    try:
        name = escape(conflict[1])
    except ValueError:
        return []
    return [i for i, line in enumerate(lines) if f" {name}=" in line or f",{name}=" in line]


def _numbered(body: str, many: int) -> dict[int, str]:
    """InfluxDB 3: ``{"error": ..., "data": [{"line_number": 2, "error_message": ...}]}``."""
    data = _json(body).get("data")
    rows = data if isinstance(data, list) else [data]
    found = {}
    for row in rows:
        if not isinstance(row, dict):
            continue
        number = row.get("line_number")
        if isinstance(number, int) and 1 <= number <= many:
            found[number - 1] = f"InfluxDB 3: {row.get('error_message')}"[:WORDS_MOST]
    return found


def _old(words: str, lines: Sequence[str]) -> list[int]:
    bound = _BOUND.search(words)
    if bound is not None:  # InfluxDB 2.7; rounded up to a second
        oldest_ms = datetime.fromisoformat(f"{bound[1]}+00:00").timestamp() * 1000 + 1000
        return [i for i, line in enumerate(lines) if time_of(line) < oldest_ms]
    if "points beyond retention policy" not in words:
        return []
    # InfluxDB 1 says only how many; they are the oldest, since nothing but their time counts.
    by_age = sorted(range(len(lines)), key=lambda i: time_of(lines[i]))
    return by_age[: _dropped(words)]


def _dropped(words: str) -> int:
    found = _DROPPED.search(words)
    return int(found[1]) if found else 0


def _told(refusal: Refusal, words: str) -> str:
    return f"InfluxDB {refusal.status}: {words}"[:WORDS_MOST]


def _json(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

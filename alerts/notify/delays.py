"""What the limiter and newer news did to a notice: the words in its ``detail``, and their reading.

They stand there beside a channel's own words; a page shows them in its reader's language. Pure.
"""

import re
from collections.abc import Iterator

BY_NEWER = "overtaken by newer news"
GONE = "the address has left the registry"
_PATTERNS = {
    "waits": re.compile(r"^waits (\d+) s for its turn: "),
    "merged": re.compile(r"(?:^|; )one message with (\d+) more(?=;|$)"),
    "waited": re.compile(r"(?:^|; )waited (\d+) s for its turn$"),
    "newer": re.compile(f"^{BY_NEWER}()$"),
    "gone": re.compile(f"^{GONE}()$"),
}


def waits(seconds: float, why: str) -> str:
    """Of a notice that waits for its turn."""
    return f"waits {seconds:.0f} s for its turn: {why}"


def behind(proof: str, others: int, seconds: float) -> str:
    """A channel's ``proof``, in how many others' company, and after what wait."""
    parts = [proof]
    if others:
        parts.append(f"one message with {others} more")
    if seconds >= 1:
        parts.append(f"waited {seconds:.0f} s for its turn")
    return "; ".join(part for part in parts if part)


def read(detail: str) -> Iterator[tuple[str, int]]:
    """``waits``, ``merged``, ``waited``, ``newer``, ``gone``, each with its figure or 0."""
    for word, pattern in _PATTERNS.items():
        if found := pattern.search(detail):
            yield word, int(found[1] or 0)

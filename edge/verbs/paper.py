"""Text for a terminal of 80 columns, in which a Chinese character takes two. Pure."""

import unicodedata
from collections.abc import Sequence

WIDTH = 80  # a phone held across, and the least that a serial console has


def width(text: str) -> int:
    """The columns that ``text`` takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def left(text: str, columns: int) -> str:
    """Filled up to ``columns``, cut where it is longer."""
    return cut(text, columns) + " " * (columns - width(cut(text, columns)))


def aligned_right(text: str, columns: int) -> str:
    return " " * (columns - width(cut(text, columns))) + cut(text, columns)


def cut(text: str, columns: int) -> str:
    """As much as fits; a cut shows."""
    if width(text) <= columns:
        return text
    kept = ""
    for c in text:
        if width(kept + c) > columns - 1:
            break
        kept += c
    return kept + "…"


def plain(text: str) -> str:
    """Without what a terminal would obey: a sensor's words come from outside."""
    return "".join(c if c.isprintable() else "?" for c in text)


def note(text: str, columns: int, indent: int) -> list[str]:
    """A longer text as lines, each under the one before, broken between words where it can be."""
    lines, room = [""], max(20, columns - indent)
    for word in plain(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for c in word:
            if width(lines[-1] + c) > room:
                lines.append("")
            lines[-1] += c
    return [" " * indent + line for line in lines if line]


def table(
    rows: Sequence[Sequence[str]], columns: int, *, stretch: int, right: Sequence[int] = ()
) -> list[str]:
    """Rows as lines with two blanks between columns; column ``stretch`` gives way to fit, and the
    columns ``right`` hold figures.
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    over = sum(widths) + 2 * (len(widths) - 1) - columns
    if over > 0:
        widths[stretch] = max(8, widths[stretch] - over)
    return [
        "  ".join(
            aligned_right(cell, wide) if nth in right else left(cell, wide)
            for nth, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

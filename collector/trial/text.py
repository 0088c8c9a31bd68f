"""A report for a terminal of 80 columns."""

from collections.abc import Iterator, Sequence

from alerts.figures import number
from alerts.phrases import SEVERITIES
from alerts.words import Severity
from collector.trial.report import Report, RuleReport
from collector.trial.sentences import about, summary, too_often
from collector.trial.words import Words

WIDTH = 80
_WIDE = 0x2E7F  # from here on: Chinese
_OPENING, _CLOSING = "（《", "，。；：！？、”）》%"
ROWS_MOST = 40  # ringings that are listed; more are in the files


def text(made: Report, words: Words) -> str:
    """Lines that fit ``WIDTH``; strangers' words in them are still to be made printable."""
    parts: list[Iterator[str] | Sequence[str]] = [
        _wrapped(words("text.gap").join(summary(made, words)))
    ]
    if often := too_often(made, words):
        parts.append([words("often.title") + words("text.colon"), *_bullets(often)])
    if made.rules:
        parts.append(_table(*_counts(made, words)))
    if any(one.would.rang for one in made.rules):
        parts.append(_table(*_lengths(made, words)))
        parts.append([*_where(made)])
    rows = sorted(_rows(made, words))
    if rows:
        head = ("", *(words(f"list.{k}") for k in ("at", "lasted", "severity")))
        head = (*head, words("table.rule"), words("list.where"))
        lines = _table(head, [row[1:] for row in rows[:ROWS_MOST]])
        if len(rows) > ROWS_MOST:
            lines.append(words("list.more", n=len(rows) - ROWS_MOST))
        parts.append(lines)
    if made.quiet:
        parts.append([words("table.quiet", n=made.quiet)])
    parts.append([*_bullets(about(made, words))])
    return "\n\n".join("\n".join(part) for part in parts)


def _counts(made: Report, words: Words) -> tuple[list[str], list[list[str]]]:
    keys = ["would", *(["against"] if made.against else [])]
    keys += ["did", "both", "new", "gone"] if made.knows_reality else []
    keys += ["night", "woke"]
    rows = []
    for one in made.rules:
        cells = {"would": one.would.rang, "night": one.would.night, "woke": one.would.woken}
        cells |= {"both": one.matched.both, "new": one.matched.new, "gone": len(one.matched.gone)}
        cells["against"] = one.against.rang if one.against else 0
        cells["did"] = one.did.rang + one.did.carried if one.did else 0
        rows.append([one.id, *(str(cells[key]) for key in keys)])
    return [words("table.rule"), *(words(f"table.{key}") for key in keys)], rows


def _lengths(made: Report, words: Words) -> tuple[list[str], list[list[str]]]:
    keys = ("longest", "median", "share", "rate")
    rows = [[one.id, *_length(one, words)] for one in made.rules if one.would.rang]
    return [words("table.rule"), *(words(f"table.{key}") for key in keys)], rows


def _length(one: RuleReport, words: Words) -> list[str]:
    would = one.would
    return [
        words.lasted(would.longest_ms),
        words.lasted(would.median_ms),
        words.share(would.share),
        number(would.per_place_month, 1),
    ]


def _where(made: Report) -> Iterator[str]:
    for one in made.rules:
        if one.would.rang:
            where = [
                f"{name} {n}" for name, n in {**one.would.by_place, **one.would.by_month}.items()
            ]
            yield from _wrapped(f"{one.id}: {', '.join(where)}", "  ")


def _rows(made: Report, words: Words) -> Iterator[tuple[int, str, str, str, str, str, str]]:
    """When, and the cells; what would ring and what would be gone."""
    span = made.span
    for card in made.cards:
        where = card.subject.partition(":")[2].partition("/")[2] or card.subject
        found = [
            (e.raised_ms, e.cleared_ms, e.severity, "both" if dids else "new")
            for e, dids in card.pairs
        ]
        found += [
            (one.raised_ms, one.cleared_ms, one.severity.name.lower(), "gone") for one in card.gone
        ]
        for raised_ms, cleared_ms, severity, fate in found:
            at = f"{span.local(raised_ms):%Y-%m-%d %H:%M}"
            lasted = words.lasted((cleared_ms or span.until_ms) - raised_ms)
            level = SEVERITIES[words.language][Severity[severity.upper()]]
            mark = words(f"mark.{fate}") if made.knows_reality else ""
            yield raised_ms, mark, at, lasted, level, card.rule, where


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they are shown; numbers to the right, the first and the words to the left."""
    from rich.cells import cell_len, set_cell_size

    widths = [max(cell_len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    over = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    if over > 0:  # the longest gives way
        longest = widths.index(max(widths))
        widths[longest] = max(8, widths[longest] - over)
    lines = []
    for row in [head, *rows]:
        cells = []
        for n, (cell, width) in enumerate(zip(row, widths, strict=True)):
            cut = cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
            room = " " * (width - cell_len(cut))
            is_number = rows and all(each[n][:1].isdigit() and "-" not in each[n] for each in rows)
            cells.append(room + cut if n and is_number else cut + room)
        lines.append("  ".join(cells).rstrip())
    return lines


def _bullets(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from _wrapped(f"- {sentence}", "  ")


def _wrapped(sentence: str, indent: str = "") -> Iterator[str]:
    """Lines of at most ``WIDTH`` cells, broken at spaces, and between Chinese signs."""
    from rich.cells import cell_len

    line = ""
    for piece in _pieces(sentence):
        if line.strip() and cell_len(line) + cell_len(piece.rstrip()) > WIDTH:
            yield line.rstrip()
            line = indent
        line += piece if line.strip() else piece.lstrip()
    if line.strip():
        yield line.rstrip()


def _pieces(sentence: str) -> Iterator[str]:
    """Where a line may break: behind a space, and beside a wide sign that opens or closes nothing."""
    piece = ""
    for sign, after in zip(sentence, sentence[1:] + " ", strict=True):
        piece += sign
        is_wide = ord(sign) > _WIDE and sign not in _OPENING
        if sign == " " or (is_wide and after not in _CLOSING and after != " "):
            yield piece
            piece = ""
    if piece:
        yield piece

"""`shouwang deadletter list`: what was refused, where it came from, and why."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from collector.commands import common
from edge.journal.tail import Tail

SAMPLE = 60  # characters of a sample shown


def main(argv: Sequence[str]) -> int:
    parser = common.parser("deadletter", "List what was refused, with the reason.")
    parser.add_argument("act", choices=["list"])
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: _list(common.settings(arguments.config).journal_path))


def _list(path: Path) -> int:
    with Tail(common.there(path, "journal")) as tail:
        letters = tail.letters()
    rows = [
        [
            str(letter.count),
            _time(letter.last_ms),
            letter.topic,
            letter.reason,
            letter.sample[:SAMPLE].decode("utf-8", "replace"),
        ]
        for letter in letters
    ]
    head = ["records", "last seen (UTC)", "topic", "reason", "sample"]
    print(
        common.printable(
            common.table(head, [[cell.replace("\n", " ") for cell in r] for r in rows])
        )
        if rows
        else f"{path}: no dead letters"
    )
    return 0


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

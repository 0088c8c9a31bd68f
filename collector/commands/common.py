"""What the verbs share: finding ``shouwang.toml``, opening the database, saying what is wrong."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alerts.store.errors import StoreError
from alerts.store.operations import Operations
from collector.config import Config, read_config
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError, OutsideError

DEFAULT_CONFIG = Path("shouwang.toml")


def parser(verb: str, does: str) -> argparse.ArgumentParser:
    """A parser for `shouwang VERB` with the option every verb has."""
    made = argparse.ArgumentParser(prog=f"shouwang {verb}", description=does)
    made.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the settings of this cell (default: %(default)s)",
    )
    return made


def guarded(run: Callable[[], int]) -> int:
    """Run a verb; turn what can be mended into words on stderr and an exit code."""
    try:
        return run()
    except ConfigError as error:
        complain(error.problems)
        return EXIT_CONFIG
    except (OutsideError, StoreError) as error:
        complain([str(error)])
        return EXIT_OUTSIDE


def complain(problems: Iterable[object]) -> None:
    """One line a problem, on stderr, without what a terminal would obey."""
    for problem in problems:
        print(printable(str(problem)), file=sys.stderr)


def printable(text: str) -> str:
    """``text`` with control characters shown as ``?``: strangers' words reach terminals here."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as a terminal shows them (a Chinese character takes two cells)."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in [head, *rows]
    )


def operations(config: Config) -> Operations:
    """The operations database of this cell, brought to the newest schema."""
    config.state.mkdir(parents=True, exist_ok=True)
    opened = Operations(config.operations_url.reveal(), link_base=config.public_url)
    opened.set_up()
    return opened


def settings(path: Path) -> Config:
    """The settings in ``path``; without the file where none was named, the defaults."""
    if path == DEFAULT_CONFIG and not path.exists():
        return Config(state=Path("state").absolute())
    return read_config(path)

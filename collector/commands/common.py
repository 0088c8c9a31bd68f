"""What the verbs share: finding ``shouwang.toml``, opening the database, saying what is wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from alerts.links import Links
from alerts.store.errors import StoreError, StoreMisfit
from alerts.store.operations import Operations
from alerts.words import Language
from collector.config import OF_THE_WATCH, Config, read_config
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError, OutsideError
from collector.link_key import link_key
from edge.clock import VARIABLE, Clock
from edge.errors import JournalError

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


def add_language(to: argparse.ArgumentParser) -> None:
    """In which language people's words are shown."""
    languages = [language.value for language in Language]
    to.add_argument("--lang", choices=languages, default="zh", help="default: %(default)s")


def guarded(run: Callable[[], int]) -> int:
    """Run a verb; turn what can be mended into words on stderr and an exit code."""
    try:
        return run()
    except ConfigError as error:
        complain(error.problems)
        return EXIT_CONFIG
    except StoreMisfit as error:
        complain([error])
        return EXIT_CONFIG
    except (OutsideError, StoreError, JournalError) as error:
        complain([str(error)])
        return EXIT_OUTSIDE


def clock(config: Config) -> Clock:
    """The house clock of that cell: a demo's lies beside its data, which are in its time."""
    if VARIABLE in os.environ or not config.clock_path.is_file():
        return Clock.from_environment()
    return Clock.parse(config.clock_path.read_text("ascii"))


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
    """The operations database of this cell, made and brought to the newest schema."""
    config.state.mkdir(parents=True, exist_ok=True)
    opened = Operations(config.operations_url.reveal(), link_base=config.public_url)
    opened.set_up()
    return opened


def known_operations(config: Config, *, tells: bool = False) -> Operations:
    """The operations database as it is, for a verb that only reads; ConfigError without one.

    One that ``tells`` people signs links, with a key that it makes if there is none.
    """
    if (path := database_file(config)) is not None:
        there(path, "operations database")
    opened = Operations(
        config.operations_url.reveal(),
        link_base=config.public_url,
        links=Links(link_key(config.state)) if tells else None,
    )
    try:
        if not opened.is_set_up():
            raise ConfigError(
                [
                    "the operations database is empty or of another version; "
                    "start `shouwang serve` of this version once, or name the settings with --config"
                ]
            )
    except BaseException:
        opened.close()
        raise
    return opened


def database_file(config: Config) -> Path | None:
    """The file that holds the operations; None when a server does, or the URL cannot be read."""
    try:
        url = make_url(config.operations_url.reveal())
    except ArgumentError:
        return None
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database or "") if is_file else None


def there(path: Path, what: str) -> Path:
    """``path``; ConfigError when nothing is there, so that reading makes no file."""
    if not path.is_file():
        raise ConfigError([f"there is no {what} in {path.parent}; name the settings with --config"])
    return path


def settings(path: Path, *, uses_store: bool = False, whole: bool = False) -> Config:
    """The settings in ``path``; without the file where none was named, the defaults.

    Unless the ``whole`` file is wanted, the watch's own links are left out, and how the store is
    signed in to unless the verb ``uses_store``: who asks at a terminal need not have their secrets.
    """
    if path == DEFAULT_CONFIG and not path.exists():
        return Config(state=Path("state").absolute())
    if whole:
        return read_config(path)
    return read_config(path, store_sign_in=uses_store, without=OF_THE_WATCH)

"""The journal's file beside its rows: the lock of its one writer, and what becomes of damage."""

import fcntl
import os
from pathlib import Path

from edge.clock import Clock
from edge.errors import JournalBusy, JournalError
from edge.journal.rows import suspect

_MARK = ".damaged-"
_BESIDE = ("-wal", "-shm")
# The first four bytes of a -wal file (SQLite's file format, 4.1); the last bit is the byte order.
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_WAL_HEADER = 32


def lock(path: Path) -> int:
    """An exclusive lock that dies with the process; SQLite's own lock lives a transaction only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}; make its folder writable") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise JournalBusy(f"{path} is written by another process; end that one first") from error
    return held


def is_hollow(path: Path) -> bool:
    """Whether the file is empty, as a power cut may leave it; SQLite would take it for a new one."""
    return path.is_file() and not path.stat().st_size and not _beside(path, "-wal").exists()


def has_garbled_log(path: Path) -> bool:
    """Whether the -wal file is none: SQLite would pass over it, and what it held, in silence.

    One that is all zeros, or shorter than its header, is a power cut's: nothing in it was committed.
    """
    try:
        with _beside(path, "-wal").open("rb") as file:
            head = file.read(_WAL_HEADER)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JournalError(f"{path}: its -wal file cannot be read: {error.strerror}") from error
    return len(head) == _WAL_HEADER and any(head) and not head.startswith(_WAL_MAGIC)


def set_aside(path: Path) -> Path:
    """Rename the file with its -wal and -shm, so that somebody can look at it later."""
    aside = _free(path)
    try:
        path.rename(aside)
        for tail in _BESIDE:
            if _beside(path, tail).exists():
                _beside(path, tail).rename(_beside(aside, tail))
        suspect(path).unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(f"{path} is damaged and cannot be set aside: {error}") from error
    return aside


def set_log_aside(path: Path) -> Path:
    """The same of the -wal file alone; the file itself is as its last checkpoint left it."""
    log = _beside(path, "-wal")
    aside = _free(log)
    try:
        log.rename(aside)
        _beside(path, "-shm").unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(f"{log} is damaged and cannot be set aside: {error}") from error
    return aside


def damaged(path: Path) -> list[Path]:
    """What was set aside and still lies there, the oldest first."""
    found = [one for stem in ("", "-wal") for one in path.parent.glob(f"{path.name}{stem}{_MARK}*")]
    return sorted(one for one in found if not one.name.endswith(_BESIDE))


def _free(path: Path) -> Path:
    stem = f"{path.name}{_MARK}{Clock.from_environment().now():%Y%m%d-%H%M%S}"
    aside, nth = path.with_name(stem), 1
    while aside.exists():
        nth += 1
        aside = path.with_name(f"{stem}-{nth}")
    return aside


def _beside(path: Path, tail: str) -> Path:
    return path.with_name(path.name + tail)

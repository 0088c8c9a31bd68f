"""What a probe is asked for, and where it looks."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from edge.table import Table


class Roots(NamedTuple):
    """Where the kernel tells about the machine."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")


MACHINE = Roots()


class Value(NamedTuple):
    metric: str
    value: float


class Probe(Protocol):
    name: str

    def ask(self) -> Iterable[Value]:
        """What the machine tells now; OSError and ValueError mean that it tells nothing."""
        ...

    @property
    def mark(self) -> str:
        """What is to be known at the next start, or empty."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthConfig:
    """``card_tbw`` is how many terabytes the card may be written, by its data sheet."""

    card_tbw: float | None = None
    modem: bool = True
    mmcli: str = "mmcli"


def read(table: Table) -> HealthConfig:
    """The table ``[health]``."""
    config = HealthConfig(
        card_tbw=table.number("card_tbw", above=0, most=1e6) if "card_tbw" in table else None,
        modem=table.flag("modem", True),
        mmcli=table.text("mmcli", "mmcli"),
    )
    table.done()
    return config


def text_of(path: Path) -> str | None:
    """What a file of the kernel says, None when there is none."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def number_of(path: Path, base: int = 10) -> int | None:
    text = text_of(path)
    if text is None:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None


def entries(folder: Path) -> Iterator[Path]:
    """What is in a folder, in order; nothing when there is none."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / name for name in names)

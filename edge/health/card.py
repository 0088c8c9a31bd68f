"""The disk that the journal is on: how much is free, and how much of its life is used.

An eMMC tells its wear itself, in steps of 10 % (``life_time``, JEDEC EXT_CSD 268 and 269: own
knowledge). An SD card does not. For it, and only where its endurance is configured, the wear is an
estimate: what the kernel has written to it since the agent first saw it, over what its data sheet
allows. It knows nothing of what was written before, nor of what the card's controller writes beside
that to move blocks about; it tells a card that is overdue, not one that is about to fail.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge.health.probe import MACHINE, Roots, Value, text_of

SECTOR = 512  # of /sys/block/*/stat, whatever the card's own are (Documentation/block/stat.rst)
_SECTORS_WRITTEN = 6  # the seventh field


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Bytes written to one card in all, and how many of them in this boot."""

    card: str
    boot: str
    in_boot: int = 0
    total: int = 0

    def now(self, card: str, boot: str, in_boot: int) -> "Written":
        """As it stands when the kernel counts ``in_boot``: another card begins at nothing."""
        if card != self.card:
            return Written(card=card, boot=boot, in_boot=in_boot, total=in_boot)
        more = in_boot - self.in_boot if boot == self.boot else in_boot
        return replace(self, boot=boot, in_boot=in_boot, total=self.total + max(0, more))

    def spell(self) -> str:
        return json.dumps([self.card, self.boot, self.in_boot, self.total])

    @classmethod
    def parse(cls, text: str) -> "Written":
        """What ``spell`` wrote; nothing written on no card when it is not that."""
        try:
            card, boot, in_boot, total = json.loads(text)
            return cls(card=str(card), boot=str(boot), in_boot=int(in_boot), total=int(total))
        except (ValueError, TypeError, RecursionError):
            return cls(card="", boot="")


class Card:
    """``folder`` is the journal's; ``mark`` is what was written as of the last start."""

    name = "card"

    def __init__(
        self, folder: Path, *, tbw: float | None = None, mark: str = "", roots: Roots = MACHINE
    ) -> None:
        self.free_bytes: int | None = None
        self._folder = folder
        self._tbw = tbw
        self._roots = roots
        self._written = Written.parse(mark)

    @property
    def mark(self) -> str:
        return self._written.spell() if self._written.card else ""

    def ask(self) -> Iterator[Value]:
        disk = os.statvfs(self._folder)
        self.free_bytes = disk.f_bavail * disk.f_frsize
        yield Value("disk-free", round(self.free_bytes / 1e6))
        block = self._block(os.stat(self._folder).st_dev)
        if block is not None:
            yield from self._wear(block)

    def _block(self, device: int) -> Path | None:
        """The whole disk that a file system lies on; None for one that lies on none."""
        numbers = f"{os.major(device)}:{os.minor(device)}"
        found = (self._roots.sys / "dev/block" / numbers).resolve()
        if (found / "partition").exists():
            found = found.parent
        return found if (found / "stat").exists() else None

    def _wear(self, block: Path) -> Iterator[Value]:
        told = [int(word, 16) for word in (text_of(block / "device/life_time") or "").split()]
        if any(told):  # 0 says nothing; 1 is up to 10 %, 11 is beyond its life
            yield Value("card-wear", min(100, max(told) * 10))
            return
        fields = (text_of(block / "stat") or "").split()
        if self._tbw is None or len(fields) <= _SECTORS_WRITTEN:
            return
        card = text_of(block / "device/cid") or text_of(block / "device/serial") or block.name
        boot = text_of(self._roots.proc / "sys/kernel/random/boot_id") or ""
        self._written = self._written.now(card, boot, int(fields[_SECTORS_WRITTEN]) * SECTOR)
        yield Value("card-wear", min(100.0, self._written.total / (self._tbw * 1e12) * 100))

"""Where readings are kept: the journal on the disk, and a smaller one in memory while that refuses.

A card that wears out becomes read-only, a full one takes nothing: the agent measures, acts and sends
on all the same. What memory holds is bounded as the journal is, the lowest class goes first, and
all of it moves to the disk as soon as that takes it.
"""

import logging
import time
from collections.abc import Iterator

from edge.config import JournalConfig
from edge.errors import JournalBusy, JournalDamaged, JournalError
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.sensors.port import Sample

SHELTER_BYTES = 4_000_000  # about 25,000 readings: seven hours at one a second
RETRY_S = 5.0  # real: between attempts at a disk that refuses
CACHE_KB = 512  # of the journal's pages: 1.6 MB less than SQLite's own, and a drain as quick
LONGEST_RETRY_S = 60.0  # real: each attempt writes to a card that may be full of faults

_log = logging.getLogger(__name__)


class Keeper:
    """Holds the notebook over an open journal. JournalBusy when another process writes it."""

    def __init__(self, config: JournalConfig, run: str, boot: str = "") -> None:
        self._config = config
        self._fault = ""
        self._news = ""
        self._wait_s = RETRY_S
        self._retry_s = 0.0
        try:
            self.notebook = self._begin(run, boot)
        except JournalBusy:
            raise
        except JournalError as error:
            self.notebook = Notebook(Journal.in_memory(), run, boot, is_sheltered=True)
            self._told(error)

    def _begin(self, run: str, boot: str) -> Notebook:
        journal = self._open()
        try:
            return Notebook(journal, run, boot)
        except BaseException:
            journal.close()
            raise

    @property
    def journal(self) -> Journal:
        return self.notebook.journal

    @property
    def is_sheltered(self) -> bool:
        """Whether readings are kept in memory only."""
        return bool(self._fault)

    @property
    def max_bytes(self) -> int:
        most = self._config.max_bytes
        return min(SHELTER_BYTES, most) if self.is_sheltered else most

    def health(self, now_ms: int) -> Iterator[Sample]:
        """Whether the disk refuses, and why in words; what was met and is mended is said once."""
        fault = self._fault or self._news
        self._news = ""
        yield Sample("", "", "disk-fault", int(bool(fault)), now_ms, reason=fault)

    def failed(self, error: JournalError) -> None:
        """Go on in a new journal when this one is damaged, else in memory."""
        if self.is_sheltered:
            raise error  # memory that refuses has no shelter
        self.journal.close()
        if isinstance(error, JournalDamaged):
            try:
                self.notebook.move_to(self._open())
                return
            except JournalError as worse:
                error = worse
        self.notebook.shelter(Journal.in_memory())
        self._told(error)

    def look(self, now_s: float) -> bool:
        """Try the disk again when that is due; True when what memory held is on it."""
        if not self.is_sheltered or now_s < self._retry_s:
            return False
        try:
            self.bring_home()
        except JournalError as error:
            self._fault = str(error)
            self._wait_s = min(LONGEST_RETRY_S, self._wait_s * 2)
            self._retry_s = time.monotonic() + self._wait_s
            return False
        return True

    def bring_home(self) -> None:
        """Move what memory holds to the disk; JournalError leaves it where it is."""
        disk = self._open()
        memory = self.journal
        try:
            count = self.notebook.come_home(disk)
        except BaseException:
            disk.close()
            raise
        memory.close()
        self._fault, self._wait_s = "", RETRY_S
        _log.warning("journal: the disk takes readings again; %d came from memory", count)

    def wait_s(self, now_s: float) -> float | None:
        """Real seconds until ``look`` is due."""
        return max(0.0, self._retry_s - now_s) if self.is_sheltered else None

    def _open(self) -> Journal:
        journal = Journal(self._config.path, cache_kb=CACHE_KB)
        if journal.set_aside is not None:
            self._news = f"damaged, set aside as {journal.set_aside.name}; a new one is begun"
            _log.error("journal: damaged, set aside as %s; a new one is begun", journal.set_aside)
        return journal

    def _told(self, error: JournalError) -> None:
        self._fault = str(error)
        self._retry_s = time.monotonic() + self._wait_s
        _log.error("journal: %s; until then readings are kept in memory and sent from there", error)

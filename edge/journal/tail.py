"""Reading a journal that another process writes; the file may be missing, or replaced meanwhile."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

from edge.contract.ranges import Ranges
from edge.journal import letters, rows
from edge.journal.rows import Kept, Letter, Row

_T = TypeVar("_T")
BUSY_MS = 5000


class Tail:
    """What is committed in the journal at ``path``; as empty as a new one while there is no file.

    ``id`` changes when the journal was replaced: positions before that mean nothing any more.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    @property
    def id(self) -> str:
        """The journal's id; empty while there is none."""
        return self._ask(lambda db: str(rows.value(db, "id")), "")

    @property
    def last(self) -> int:
        return self._ask(rows.last, 0)

    @property
    def dead(self) -> int:
        """How many records are dead in all."""
        return self._ask(letters.dead, 0)

    def read(self, after: int, limit: int) -> list[Row]:
        """Up to ``limit`` rows behind position ``after``, in order of position."""
        return self._ask(lambda db: rows.read(db, after, limit), [])

    def ranges(self) -> dict[tuple[str, str], Ranges]:
        """What is held, by (stream, run)."""
        return self._ask(rows.spans, {})

    def letters(self) -> list[Letter]:
        """The dead letters, the newest first."""
        return self._ask(letters.letters, [])

    def kept(self, after: int, limit: int) -> list[Kept]:
        """Up to ``limit`` letters with an id above ``after``, in order of arrival."""
        return self._ask(lambda db: letters.kept(db, after, limit), [])

    def cursors(self) -> dict[str, int]:
        """How far each consumer has come."""
        return self._ask(lambda db: dict(db.execute("SELECT name, pos FROM cursor")), {})

    def get(self, name: str) -> str | int | bytes | None:
        """What the writer's ``put`` kept."""
        return self._ask(lambda db: rows.value(db, name), None)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, question: Callable[[sqlite3.Connection], _T], nothing: _T) -> _T:
        with rows.translated(self.path):
            db = self._connected()
            if db is None:
                return nothing
            try:
                return question(db)
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # it is being created this moment
                    return nothing
                raise

    def _connected(self) -> sqlite3.Connection | None:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            self.close()
            return None
        if self._db is not None and inode != self._inode:
            self.close()  # set aside and begun anew
        if self._db is None:
            uri = f"file:{quote(str(self.path.absolute()))}?mode=ro"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._inode = inode
        return self._db

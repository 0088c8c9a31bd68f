"""What an import keeps on the disk: how far it has come, and the rows that were not taken."""

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.imports.source import HEAD_BYTES, Source

Rejected = tuple[int, str, Sequence[str]]
"""A row's line, why it was not taken, and its cells."""


@dataclass(slots=True, kw_only=True)
class Place:
    """How far an import has come: the rows behind it, and the bytes of its rejected rows."""

    path: Path
    rows: int = 0
    rejected_bytes: int = 0
    head_bytes: int = 0
    head: str = ""

    @classmethod
    def of(cls, path: Path, source: Source) -> "Place":
        """Where an import of this table stands; its beginning if the table has become another."""
        place = cls(path=path)
        try:
            kept = json.loads(path.read_text("utf-8"))
            if source.head(kept["head_bytes"]) == kept["head"]:
                place.rows, place.rejected_bytes = int(kept["rows"]), int(kept["rejected_bytes"])
                place.head_bytes, place.head = int(kept["head_bytes"]), kept["head"]
                return place
        except (OSError, ValueError, KeyError, TypeError):
            pass
        place.head_bytes = min(HEAD_BYTES, source.bytes)
        place.head = source.head(place.head_bytes)
        return place

    def keep(self) -> None:
        """On the disk when it returns."""
        told = {
            "rows": self.rows,
            "rejected_bytes": self.rejected_bytes,
            "head_bytes": self.head_bytes,
            "head": self.head,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)


class Rejects:
    """The rows that were not taken, as a table: their line, the reason, their cells."""

    def __init__(self, path: Path, header: list[str], bytes_kept: int) -> None:
        self._path = path
        self._header = ["line", "reason", *header]
        self._bytes = bytes_kept

    def add(self, rejected: list[Rejected]) -> int:
        """Append these rows; the length of the file, which is on the disk. It begins with the first."""
        if not rejected:
            return self._bytes
        text = io.StringIO(newline="")
        rows = csv.writer(text)
        if not self._bytes:
            rows.writerow(self._header)
        for line, reason, cells in rejected:
            rows.writerow([line, reason, *cells])
        # Excel takes UTF-8 for something else unless a mark says so.
        body = text.getvalue().encode("utf-8" if self._bytes else "utf-8-sig")
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.truncate(self._bytes)  # what a run wrote that was killed before it kept its place
            file.seek(self._bytes)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        self._bytes += len(body)
        return self._bytes

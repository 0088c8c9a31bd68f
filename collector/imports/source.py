"""The file of a table: plain or gzip, in UTF-8, UTF-16 or GBK, its rows with their line numbers."""

import contextlib
import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from collector.errors import ConfigError
from collector.imports.mapping import CsvMapping

LOOK_BYTES = 2**20  # enough to tell UTF-8 from GBK, where the first Chinese letter comes late
LOOK_PIECE = 8192
HEAD_BYTES = 4096
BROKEN = (OSError, EOFError, zlib.error)
"""What reading a file that breaks off raises."""
_DELIMITERS = ",;\t|"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .ods; .xls
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

Row = tuple[int, Sequence[str], str]
"""Line number (of the last line of a row), its cells, and why it could not be read, or ""."""


class Source:
    """Opened by ``with``. ``header`` is the first row; ``rows`` are the others, once.

    ConfigError for a workbook.
    """

    def __init__(self, path: Path, mapping: CsvMapping) -> None:
        self.path = path
        self.bytes = path.stat().st_size
        self._mapping = mapping
        self._raw: io.BufferedReader | None = None
        self.header: Sequence[str] = ()

    def __enter__(self) -> Self:
        self._raw = self.path.open("rb")
        try:
            self._open(self._raw)
        except BaseException:
            self._raw.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._raw is not None:
            self._raw.close()

    def _open(self, raw: io.BufferedReader) -> None:
        if raw.peek(4)[:4] in _WORKBOOKS:
            raise ConfigError([f"{self.path}: is a workbook and no text; save its sheet as CSV"])
        is_packed = raw.peek(2)[:2] == b"\x1f\x8b"
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if is_packed else raw)
        first = _look(plain)
        plain.seek(0)
        encoding = self._mapping.encoding or encoding_of(first)
        if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            encoding = "utf-8-sig"
        text = io.TextIOWrapper(plain, encoding=encoding, errors="replace", newline="")
        head = first.decode(encoding, "replace").partition("\n")[0]
        delimiter = self._mapping.delimiter or max(_DELIMITERS, key=head.count)
        self._rows = csv.reader(text, delimiter=delimiter)
        self.header = next(self._rows, [])

    @property
    def share(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._raw.tell() / self.bytes if self._raw and self.bytes else 1.0

    def rows(self) -> Iterator[Row]:
        """Every row behind the header. One of BROKEN where the file breaks off."""
        while True:
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._rows.line_num, (), str(error)
                continue
            yield self._rows.line_num, cells, ""

    def head(self, most: int) -> str:
        """A mark of the file's first bytes, by which it is known again while it grows."""
        with self.path.open("rb") as file:
            return hashlib.sha256(file.read(most)).hexdigest()


def _look(plain: IO[bytes]) -> bytes:
    """The beginning; of an archive that breaks off within it, what there is."""
    first = b""
    with contextlib.suppress(*BROKEN):
        while len(first) < LOOK_BYTES and (piece := plain.read(LOOK_PIECE)):
            first += piece
    return first[:LOOK_BYTES]


def encoding_of(first: bytes) -> str:
    """What a beginning is written in: by its mark, else UTF-8 if it is that, else GBK."""
    for mark, encoding in _BOMS:
        if first.startswith(mark):
            return encoding
    try:
        first.decode()
    except UnicodeDecodeError as error:
        # The look may have ended within a letter.
        return "utf-8" if error.start >= len(first) - 3 and len(first) == LOOK_BYTES else "gb18030"
    return "utf-8"

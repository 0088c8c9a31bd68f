"""Files as a power cut could leave them: what is synced is there, of the rest each page by chance. Pure.

The model is harsher than most disks are. Of what was written since the last sync each page of 4 kB
may have reached the disk or not, in any order; a new file's name is on the disk once its folder was
synced, and until then the whole file may be gone; a removed file may be back.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.chaos.trace import Event, Removed, Resized, SyncBegan, Synced, Wrote

PAGE = 4096
SHARES = (0.0, 0.5, 0.9, 1.0)  # of the pages that are not synced, how many an image keeps


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Wrote | Resized] = field(default_factory=list)
    syncing: int = 0  # so many of them were there when the sync began
    is_named: bool = False
    """Whether its name is on the disk."""
    is_removed: bool = False


class Disk:
    """The files whose path begins with ``prefix``; nothing of them was there before the trace."""

    def __init__(self, prefix: str, *, but: tuple[str, ...] = ()) -> None:
        self.syncs = 0
        self._prefix = prefix
        self._but = but
        self._files: dict[str, _File] = {}

    def take(self, event: Event) -> None:
        match event:
            case Wrote(path, offset) if self._is_ours(path):
                if offset is None:
                    raise ValueError(f"{path}: a write where the file stood")
                self._file(path).pending.append(event)
            case Resized(path) if self._is_ours(path):
                self._file(path).pending.append(event)
            case Removed(path) if path in self._files:
                self._files[path].is_removed = True
            case SyncBegan(path) if path in self._files:
                self._files[path].syncing = len(self._files[path].pending)
            case Synced(path) if path in self._files:
                file = self._files[path]
                for done in file.pending[: file.syncing]:
                    _apply(file.durable, done)
                del file.pending[: file.syncing]
                self.syncs += 1
            case Synced(path):
                self._name_those_in(path)
            case _:
                pass

    def image(self, chance: random.Random) -> Mapping[str, bytes]:
        """What a power cut could leave now, by path."""
        share = chance.choice(SHARES)
        found = {}
        for path, file in self._files.items():
            if (not file.is_named or file.is_removed) and chance.random() < 0.5:
                continue
            content = bytearray(file.durable)
            for done in file.pending:
                if isinstance(done, Resized):
                    if chance.random() < share:
                        _apply(content, done)
                    continue
                for page in _pages(done):
                    if chance.random() < share:
                        _apply(content, page)
            found[path] = bytes(content)
        return found

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._prefix) and not path.endswith(self._but)

    def _file(self, path: str) -> _File:
        file = self._files.get(path)
        if file is None or file.is_removed:
            file = self._files[path] = _File()
        return file

    def _name_those_in(self, folder: str) -> None:
        for path, file in list(self._files.items()):
            if str(PurePosixPath(path).parent) == folder:
                if file.is_removed:
                    del self._files[path]
                else:
                    file.is_named = True


def _pages(wrote: Wrote) -> list[Wrote]:
    """The write in the pieces that lie in one page of the file each."""
    pieces, at = [], 0
    start = wrote.offset or 0
    while at < len(wrote.data):
        size = PAGE - (start + at) % PAGE
        pieces.append(Wrote(wrote.path, start + at, wrote.data[at : at + size]))
        at += size
    return pieces


def _apply(content: bytearray, done: Wrote | Resized) -> None:
    if isinstance(done, Resized):
        del content[done.size :]
        content.extend(bytes(done.size - len(content)))
        return
    start = done.offset or 0
    if start > len(content):
        content.extend(bytes(start - len(content)))
    content[start : start + len(done.data)] = done.data

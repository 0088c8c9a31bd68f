"""A card to wear out: an ext4 file system on a loop device, whose writes the kernel counts.

``/proc/PID/io`` counts the pages a process made dirty; what the file system adds (its own journal,
inodes, times) is seen only at the device. Making one needs root; elsewhere the process's count stands.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

SIZE_MB = 64
SECTOR = 512  # of /sys/block/*/stat, whatever the device's own


class Card:
    """``folder`` is its file system, mounted in a ``with``; OSError where that is not possible."""

    def __init__(self, beside: Path) -> None:
        self._image = beside.with_name(beside.name + ".img")
        self.folder = beside
        self._device = ""

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not (shutil.which("mkfs.ext4") and shutil.which("losetup")):
            raise OSError("no root, mkfs.ext4 or losetup")
        self.folder.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(SIZE_MB * 10**6)
        # What mkfs leaves to a thread of the kernel would be counted with the agent's writes.
        _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self._image))
        self._device = _run("losetup", "--find", "--show", str(self._image)).strip()
        try:
            _run("mount", "-o", "noatime", self._device, str(self.folder))
        except OSError:
            _run("losetup", "--detach", self._device)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", str(self.folder))
        _run("losetup", "--detach", self._device)
        self._image.unlink()

    def written_bytes(self) -> int:
        """What the card was made to write since it was put in, after all that waited is written."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # and with it the file system's journal
        finally:
            os.close(descriptor)
        stat = Path(f"/sys/block/{Path(self._device).name}/stat").read_text().split()
        return int(stat[6]) * SECTOR


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout

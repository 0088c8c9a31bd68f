"""Snapshot files: replaced as a whole, so that a power cut leaves the old one or the new one."""

import os
from collections.abc import Iterable
from pathlib import Path


def replace_snapshot(path: Path, pieces: Iterable[bytes]) -> None:
    """Write them to the disk under another name first."""
    scratch = path.with_name(path.name + ".new")
    with scratch.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)

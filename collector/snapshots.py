"""Snapshot files: replaced as a whole, so that a power cut leaves the old one or the new one."""

import os
from pathlib import Path


def replace_snapshot(path: Path, data: bytes) -> None:
    """Write it to the disk under another name first."""
    scratch = path.with_name(path.name + ".new")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)

"""The key that signs the links in notices: a file in the state directory, made once, read by both processes."""

import os
import secrets
from pathlib import Path

from collector.errors import ConfigError

NAME = "links.key"
BYTES = 32


def link_key(state: Path) -> bytes:
    """The key; made if it is not there. Deleting the file makes every link out there worthless."""
    path = state / NAME
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = _make(path)
    if len(key) < BYTES:
        raise ConfigError(
            [f"{path}: holds no key of {BYTES} bytes; delete it, and a new one is made"]
        )
    return key


def _make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{NAME}.{secrets.token_hex(8)}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secrets.token_bytes(BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(scratch, path)  # whoever comes second takes the first one's
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    return path.read_bytes()

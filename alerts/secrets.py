"""Secrets by reference: ``env:NAME`` and ``file:PATH``, looked up at the moment of use."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge.contract.secret import Secret

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
FILE_MOST = 64 * 1024  # bytes; a key or a token is far shorter


class SecretError(ValueError):
    """A reference leads nowhere. Says which, and the remedy; never the secret."""


def is_reference(text: str) -> bool:
    """Whether ``text`` is ``env:NAME`` or ``file:PATH``."""
    return _REFERENCE.fullmatch(text) is not None


def resolve(text: str, environ: Mapping[str, str] | None = None) -> Secret:
    """What the reference leads to, without the file's last line end; other text stands for itself."""
    if not is_reference(text):
        return Secret(text)
    kind, _, name = text.partition(":")
    if kind == "env":
        value = (os.environ if environ is None else environ).get(name)
        if not value:
            raise SecretError(f"{text}: the variable is not set; set it where the service starts")
        return Secret(value)
    try:
        with Path(name).open("rb") as file:
            raw = file.read(FILE_MOST + 1)
        value = raw.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SecretError(
            f"{text}: cannot be read ({reason}); create it, readable for the service only"
        ) from error
    if not value or len(raw) > FILE_MOST:
        raise SecretError(f"{text}: is empty or over {FILE_MOST} bytes; put the secret alone in it")
    return Secret(value)

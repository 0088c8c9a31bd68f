"""The variables that the service gets from the file beside its configuration."""

import re
from pathlib import Path

_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")


def beside(config: Path) -> dict[str, str]:
    """What systemd reads from EnvironmentFile= (``edge.env`` beside ``edge.toml``), as people write it.

    OSError when there is one that may not be read.
    """
    try:
        lines = config.with_suffix(".env").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found = (_VARIABLE.fullmatch(line) for line in lines)
    return {each[1]: each[2].strip().strip("\"'") for each in found if each is not None}

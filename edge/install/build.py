"""When this software was built: a time that has certainly passed, for a box whose clock is wrong.

The wheel carries the moment of its building in the file BUILT. The files' own times would not do:
an installer gives them the time of the box, which is what is in doubt.
"""

from pathlib import Path

# A checkout has no BUILT; this source is not older than this day.
NOT_BEFORE_MS = 1_795_392_000_000  # 2026-11-23


FILE = Path(__file__).with_name("BUILT")


def built_ms(file: Path = FILE) -> int:
    """Milliseconds since 1970 UTC; ``file`` holds seconds."""
    try:
        return max(NOT_BEFORE_MS, int(file.read_text("ascii")) * 1000)
    except (OSError, ValueError):
        return NOT_BEFORE_MS

"""Ids: what a site, place, port, device, metric, run or person may be called on the wire."""

import re

ID_PATTERN = r"[a-z0-9-]{1,64}"
_ID = re.compile(ID_PATTERN)


def is_id(text: object) -> bool:
    """Whether ``text`` is a string of 1 to 64 of ``a-z``, ``0-9`` and ``-``."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None

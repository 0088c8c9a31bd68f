"""JSON pointers (RFC 6901): ``/data/0/o2``."""

import re
from typing import Any

ABSENT: Any = object()
_INDEX = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)
_STRAY = re.compile(r"~(?![01])")


def problem(pointer: str) -> str | None:
    """Why this is no JSON pointer; None when it is one."""
    if pointer and not pointer.startswith("/"):
        return f"{pointer[:40]!r} is no JSON pointer: it begins with '/'"
    if _STRAY.search(pointer):
        return f"{pointer[:40]!r} is no JSON pointer: write '~' as '~0' and '/' in a name as '~1'"
    return None


def look_up(body: Any, pointer: str) -> Any:
    """What the pointer leads to; ABSENT when there is nothing."""
    for step in pointer.split("/")[1:]:
        if isinstance(body, dict):
            body = body.get(step.replace("~1", "/").replace("~0", "~"), ABSENT)
        elif isinstance(body, list) and _INDEX.fullmatch(step) and int(step) < len(body):
            body = body[int(step)]
        else:
            return ABSENT
        if body is ABSENT:
            return ABSENT
    return body

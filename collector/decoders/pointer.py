"""JSON pointers (RFC 6901): ``/data/0/o2``."""

import re
from typing import Any

ABSENT: Any = object()
_INDEX = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)


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

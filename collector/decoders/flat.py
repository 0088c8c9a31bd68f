"""JSON as names and leaves: ``{"ENERGY": {"Power": [3, 4]}}`` is ``ENERGY.Power.1`` and ``.2``."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import orjson

from collector.decoders.port import Garbled

MAX_BYTES = 200_000
MOST_LEAVES = 2_000
DEEPEST = 12  # of what is taken apart into leaves
MOST_LEVELS = 60  # of any message

Leaf = float | str | bool | None


def loads(payload: bytes) -> Any:
    """The JSON in a payload; Garbled when it is none, too large, or nested too deeply.

    orjson reads deeper than it writes, and than ``repr`` goes: nobody behind this need think of it.
    """
    if len(payload) > MAX_BYTES:
        raise Garbled(f"the message has {len(payload)} bytes; at most {MAX_BYTES}")
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Garbled(f"not JSON: {str(error)[:120]}") from error
    if payload.count(b"{") + payload.count(b"[") > MOST_LEVELS:
        _refuse_depth(body)
    return body


def leaves(body: Any) -> dict[str, Leaf]:
    """By dotted name; elements of lists are counted from 1."""
    found: dict[str, Leaf] = {}
    for name, leaf in _walk(body, "", 0):
        if len(found) >= MOST_LEAVES:
            raise Garbled(f"more than {MOST_LEAVES} values in one message")
        found[name] = leaf
    return found


def number(leaf: object) -> float | None:
    """A finite number, also one in quotes; None for anything else."""
    if isinstance(leaf, bool):
        return None
    if isinstance(leaf, str):
        try:
            leaf = float(leaf) if leaf.isascii() and "_" not in leaf else None
        except ValueError:
            return None
    if isinstance(leaf, int | float) and abs(leaf) < 1e300 and isfinite(leaf):
        return float(leaf)
    return None


def _refuse_depth(body: Any) -> None:
    level = [body]
    for _ in range(MOST_LEVELS + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise Garbled(f"nested deeper than {MOST_LEVELS}")


def _walk(body: Any, name: str, depth: int) -> Iterator[tuple[str, Leaf]]:
    if depth > DEEPEST:
        raise Garbled(f"nested deeper than {DEEPEST}")
    if isinstance(body, dict):
        for key, value in body.items():
            yield from _walk(value, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(body, list):
        for nth, value in enumerate(body, 1):
            yield from _walk(value, f"{name}.{nth}" if name else str(nth), depth + 1)
    elif body is None or isinstance(body, int | float | str):
        yield name, body

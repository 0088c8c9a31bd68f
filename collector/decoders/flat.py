"""JSON as names and leaves: ``{"ENERGY": {"Power": [3, 4]}}`` is ``ENERGY.Power.1`` and ``.2``."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import orjson

from collector.decoders.port import Garbled

MAX_BYTES = 200_000
MOST_LEAVES = 2_000
DEEPEST = 12

Leaf = float | str | bool


def loads(payload: bytes) -> Any:
    """The JSON in a payload; Garbled when it is none or too large."""
    if len(payload) > MAX_BYTES:
        raise Garbled(f"the message has {len(payload)} bytes; at most {MAX_BYTES}")
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Garbled(f"not JSON: {str(error)[:120]}") from error


def leaves(body: Any) -> dict[str, Leaf]:
    """By dotted name; elements of lists are counted from 1. Nulls are left out."""
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


def _walk(body: Any, name: str, depth: int) -> Iterator[tuple[str, Leaf]]:
    if depth > DEEPEST:
        raise Garbled(f"nested deeper than {DEEPEST}")
    if isinstance(body, dict):
        for key, value in body.items():
            yield from _walk(value, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(body, list):
        for nth, value in enumerate(body, 1):
            yield from _walk(value, f"{name}.{nth}" if name else str(nth), depth + 1)
    elif isinstance(body, int | float | str):
        yield name, body

"""Remote configuration: what a server wishes (``config/desired``, retained) and what became of it.

Desired is ``{"revision": 3, "values": {"health_interval_s": 600}}``; an empty payload wishes nothing.
Reported is ``{"revision": 3, "state": "applied", "problems": [], "values": {...}}``, with the
values in force. The keys that may come this way are the device's own list (``edge/settings/remote.py``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard

MAX_BYTES = 16_000
MAX_KEYS = 200
MAX_PROBLEMS = 50
MAX_REPORTED_BYTES = 128_000  # the problems and values at their longest, in Chinese
_TEXT_LENGTH = 200  # of a key or a value
_PROBLEM_LENGTH = 300
_MOST = 2**53  # beyond it a float no longer counts by ones

Value = float | int | str | bool


class SettingsState(StrEnum):
    TRIAL = "trial"  # in force, and taken back unless the link holds
    APPLIED = "applied"
    REFUSED = "refused"  # nothing of it was applied; problems say why
    ROLLED_BACK = "rolled-back"  # it left the device without a link


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    revision: int
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """``revision`` is that of the wish spoken of; ``values`` are in force, whatever became of it."""

    revision: int
    state: SettingsState
    problems: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)


def encode_desired(desired: Desired) -> bytes:
    return _dump({"revision": desired.revision, "values": dict(desired.values)})


def decode_desired(payload: bytes) -> Desired | str:
    """The wish in ``payload``, or why it is none."""
    if len(payload) > MAX_BYTES:
        return f"has {len(payload)} bytes; at most {MAX_BYTES}"
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return "is no JSON"
    if not isinstance(body, dict) or set(body) - {"revision", "values"}:
        return "is no object with 'revision' and 'values'"
    revision, values = body.get("revision"), body.get("values", {})
    if not is_revision(revision):
        return "'revision' is a whole number from 0"
    if not are_values(values):
        return f"'values' is an object of at most {MAX_KEYS} finite numbers, texts and booleans"
    return Desired(revision=revision, values=values)


def encode_reported(reported: Reported) -> bytes:
    return _dump(
        {
            "revision": reported.revision,
            "state": reported.state.value,
            "problems": _told(reported.problems),
            "values": dict(reported.values),
        }
    )


def decode_reported(
    payload: bytes, loads: Callable[[bytes], object] = json.loads
) -> Reported | None:
    """What ``encode_reported`` wrote, or None when the payload is not that."""
    if len(payload) > MAX_REPORTED_BYTES:
        return None
    try:
        body = loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("state") not in tuple(SettingsState):
        return None
    revision, problems = body.get("revision"), body.get("problems", [])
    values = body.get("values", {})
    if not isinstance(problems, list) or not all(isinstance(each, str) for each in problems):
        return None
    if not (is_revision(revision) and are_values(values)):
        return None
    return Reported(
        revision=revision,
        state=SettingsState(body["state"]),
        problems=tuple(_told(problems)),
        values=values,
    )


def is_revision(raw: object) -> TypeGuard[int]:
    return type(raw) is int and 0 <= raw < _MOST


def are_values(raw: object) -> TypeGuard[dict[str, Value]]:
    """Whether it is an object of keys and values that may travel: bounded, finite, printable."""
    return (
        isinstance(raw, dict)
        and len(raw) <= MAX_KEYS
        and all(_is_text(key) and _is_value(value) for key, value in raw.items())
    )


def _is_value(raw: object) -> bool:
    if isinstance(raw, bool):
        return True
    if isinstance(raw, int | float):
        return -_MOST < raw < _MOST  # neither does nan compare, nor infinity
    return _is_text(raw)


def _is_text(raw: object) -> bool:
    """A lone surrogate is not printable, so what passes can be encoded."""
    return isinstance(raw, str) and len(raw) <= _TEXT_LENGTH and raw.isprintable()


def _told(problems: Sequence[str]) -> list[str]:
    """At most so many, each short and printable; the last says how many more there are."""
    told = [
        "".join(c if c.isprintable() else "?" for c in each[:_PROBLEM_LENGTH])
        for each in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        told[-1] = f"and {len(problems) - MAX_PROBLEMS + 1} more"
    return told


def _dump(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

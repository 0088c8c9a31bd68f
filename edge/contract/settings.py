"""Remote configuration: what a server wishes (``config/desired``, retained) and what became of it.

Desired is ``{"revision": 3, "values": {"health_interval_s": 600}}``; an empty payload wishes nothing.
Reported is ``{"revision": 3, "state": "applied", "problems": [], "values": {...}}``, with the
values in force. The keys that may come this way are the device's own list (``edge/remote.py``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_BYTES = 16_000
MAX_KEYS = 200

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
    if not (type(revision) is int and 0 <= revision < 2**53):
        return "'revision' is a whole number from 0"
    if not _are_values(values):
        return f"'values' is an object of at most {MAX_KEYS} numbers, texts and booleans"
    return Desired(revision=revision, values=values)


def encode_reported(reported: Reported) -> bytes:
    return _dump(
        {
            "revision": reported.revision,
            "state": reported.state.value,
            "problems": list(reported.problems),
            "values": dict(reported.values),
        }
    )


def decode_reported(
    payload: bytes, loads: Callable[[bytes], object] = json.loads
) -> Reported | None:
    """What ``encode_reported`` wrote, or None when the payload is not that."""
    try:
        body = loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("state") not in tuple(SettingsState):
        return None
    revision, problems = body.get("revision"), body.get("problems", [])
    values = body.get("values", {})
    if not (type(revision) is int and 0 <= revision < 2**53):
        return None
    if not isinstance(problems, list) or not all(isinstance(each, str) for each in problems):
        return None
    if not _are_values(values):
        return None
    return Reported(
        revision=revision,
        state=SettingsState(body["state"]),
        problems=tuple(
            "".join(c if c.isprintable() else "?" for c in each[:300]) for each in problems[:50]
        ),
        values=values,
    )


def _are_values(values: object) -> bool:
    return (
        isinstance(values, dict)
        and len(values) <= MAX_KEYS
        and all(isinstance(value, float | int | str | bool) for value in values.values())
    )


def _dump(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

"""``<journal>.remote.json`` beside the journal: what came by wire, what it lies over, and how it stands.

It is written whole beside the old one, synced, and renamed, so a power cut leaves one of the two.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge.contract.settings import Desired, SettingsState, Value, are_values, is_revision
from edge.settings.probation import Trial

ENDING = ".remote.json"
_MAX_BYTES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Values that lie over the file, and what the file said of the same keys when they came."""

    revision: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)
    over: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``wish`` is the newest that was answered; ``before`` comes back when the trial fails."""

    device: str
    wish: Desired
    layer: Layer
    state: SettingsState
    problems: tuple[str, ...] = ()
    before: Layer | None = None
    trial: Trial | None = None


def load(path: Path, device: str) -> Kept | str | None:
    """What the file holds, None when there is none, or what is wrong with it; OSError."""
    try:
        with path.open("rb") as file:
            payload = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    try:
        kept = _kept(json.loads(payload))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return "is damaged"
    return kept if kept.device == device else f"belongs to {kept.device}"


def save(path: Path, kept: Kept) -> None:
    """Durable when it returns; OSError leaves the old one."""
    fresh = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(kept), file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _kept(raw: dict[str, object]) -> Kept:
    wish, before, trial = raw["wish"], raw["before"], raw["trial"]
    device, problems = raw["device"], raw["problems"]
    if not (isinstance(device, str) and isinstance(problems, list)):
        raise TypeError
    if not (
        isinstance(wish, dict) and is_revision(wish["revision"]) and are_values(wish["values"])
    ):
        raise TypeError
    return Kept(
        device=device,
        wish=Desired(revision=wish["revision"], values=wish["values"]),
        layer=_layer(raw["layer"]),
        state=SettingsState(str(raw["state"])),
        problems=tuple(str(each) for each in problems),
        before=None if before is None else _layer(before),
        trial=None if trial is None else _trial(trial),
    )


def _layer(raw: object) -> Layer:
    if not (isinstance(raw, dict) and is_revision(raw["revision"]) and are_values(raw["values"])):
        raise TypeError
    over = raw["over"]
    if not (isinstance(over, dict) and set(over) == set(raw["values"])):
        raise TypeError
    return Layer(revision=raw["revision"], values=raw["values"], over=over)


def _trial(raw: object) -> Trial:
    if not (isinstance(raw, dict) and isinstance(raw["boot"], str)):
        raise TypeError
    if not (type(raw["starts"]) is int and isinstance(raw["is_linked"], bool)):
        raise TypeError
    return Trial(
        boot=raw["boot"],
        began_s=float(raw["began_s"]),
        starts=raw["starts"],
        is_linked=raw["is_linked"],
    )

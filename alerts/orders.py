"""Orders: what people ask of a device or of the watch, and what became of it.

An order is written into the operations database, where the watch, which alone speaks to devices,
takes it up; the same row is the record of who asked what, when and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from edge.contract.command import Verb
from edge.contract.settings import MAX_KEYS, Reported, SettingsState, Value

TRY_OUT = "try-out"  # the target of an announcement that belongs to no incident


class OrderVerb(StrEnum):
    """What may be asked. There is no verb for power on, here as on the wire."""

    OFF = Verb.OFF.value
    RESET = Verb.RESET.value
    ANNOUNCE = Verb.ANNOUNCE.value
    SET = "set"  # remote settings
    REPLAY = "replay"  # dead letters; the watch itself does it, for the journal has one writer
    PURGE = "purge"  # dead letters

    @property
    def is_for_watch(self) -> bool:
        """Whether it concerns no device."""
        return self in (OrderVerb.REPLAY, OrderVerb.PURGE)


class OrderState(StrEnum):
    WAITING = "waiting"  # for the watch
    SENT = "sent"  # and not answered yet; settings wait here for the device
    TRIAL = "trial"  # settings in force, and taken back unless the link holds
    DONE = "done"
    REFUSED = "refused"  # by the device, which says why
    UNHEARD = "unheard"  # the device did not answer; ``answer`` says whether it may have been done
    EXPIRED = "expired"  # never sent: its time had passed
    OVERTAKEN = "overtaken"  # settings that newer ones replaced


OPEN_STATES = (OrderState.WAITING, OrderState.SENT, OrderState.TRIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """``target`` is an output (off) or a guard (reset); ``values`` are all that is wished (set)."""

    id: int = 0
    site: str
    device: str
    verb: OrderVerb
    target: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    revision: int = 0
    who: str
    why: str
    asked_at: datetime
    until: datetime
    """A command that nobody has sent by then never goes out; settings wait for the device."""
    state: OrderState = OrderState.WAITING
    settled_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What a device last said about its remote settings."""

    site: str
    device: str
    reported: Reported
    at: datetime


def wished(
    before: Mapping[str, Value], changes: Mapping[str, Value | None]
) -> dict[str, Value] | str:
    """All settings that are wished after ``changes`` (None takes one back), or why not."""
    values = dict(before)
    for key, value in changes.items():
        if value is None:
            if key not in values:
                return f"{key}: is not set from afar, so there is nothing to take back"
            del values[key]
        else:
            values[key] = value
    if len(values) > MAX_KEYS:
        return f"{len(values)} settings; at most {MAX_KEYS}"
    return values


def settled_by(revision: int, reported: Reported) -> tuple[OrderState, str] | None:
    """What a report means to the wish of this revision; None when it is about another."""
    if reported.revision > revision:
        return OrderState.OVERTAKEN, f"revision {reported.revision} came after it"
    if reported.revision < revision:
        return None
    if reported.state is SettingsState.TRIAL:
        return OrderState.TRIAL, "in force, and taken back unless the link holds"
    if reported.state is SettingsState.APPLIED:
        return OrderState.DONE, "applied"
    why = "; ".join(reported.problems)
    words = {
        SettingsState.REFUSED: "refused, nothing of it was applied",
        SettingsState.ROLLED_BACK: "taken back, since no server was heard under it",
    }[reported.state]
    return OrderState.REFUSED, f"{words}: {why}" if why else words

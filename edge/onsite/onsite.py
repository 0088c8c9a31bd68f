"""What a box does by itself and on command: guard, outputs, button, announcer, commands; in one.

The agent hands samples in (``observe``, in the sensors' threads) and news of the link (in its loop);
what is to be journalled or published comes back as events to its loop, or through ``publish``.
Without their tables in ``edge.toml`` none of it is loaded.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.clock import Time
from edge.contract.topics import Kind
from edge.onsite.plan import OnsitePlan
from edge.sensors.port import Sample, Series

if TYPE_CHECKING:
    from edge.announcer.announcer import Announcer
    from edge.contract.command import Command
    from edge.guard.guard import Guard
    from edge.guard.telling import Change
    from edge.onsite.commands import Commands
    from edge.outputs.actuator import Actuator

MARK = "#onsite"  # no sensor's name can be this
LOOK_S = 0.2  # real: between looks at what waits

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button, for the agent's loop."""

    is_long: bool


@dataclass(frozen=True, slots=True)
class Did:
    """What the guard did, for the agent's loop: to be journalled at once, with the latches."""

    samples: tuple[Sample, ...]
    changes: "tuple[Change, ...]"
    setting: int


Event = Pressed | Did


class Onsite:
    """``observe`` and ``watches`` may be called in any thread, everything else belongs to the loop.

    ``hand_over`` takes events from other threads to the loop; ``mark`` is that of the last commit.
    """

    def __init__(
        self, plan: OnsitePlan, clock: Time, mark: str, *, command_topic: str,
        hand_over: Callable[[Event], None], publish: Callable[[Kind, bytes], bool],
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._clock = clock
        self._publish = publish
        self._stopping = stopping
        self._hand_over = hand_over
        self._is_changed = False
        known = _parse(mark)
        self._outputs = self._new_outputs()
        self._guard = self._new_guard(known.get("guard", ""))
        self._announcer = self._new_announcer(known.get("taken", ()))
        self._commands = self._new_commands(command_topic)

    def start(self) -> None:
        """Open every output's contact first; then watch."""
        for output in self._outputs.values():
            output.start()
        if self._guard is not None:
            threading.Thread(target=self._look, name="guard", daemon=True).start()
        if self._announcer is not None:
            self._announcer.start()
        self.server(is_there=False)
        if self._plan.button is not None:
            from edge.outputs.button import Button

            Button(
                self._plan.button,
                lambda is_long: self._hand_over(Pressed(is_long)),
                self._stopping,
            ).start()

    def stop(self) -> None:
        """Outputs are left open: a breaker as it stands, what was held off, a buzzer silent."""
        if self._announcer is not None:
            self._announcer.stop()
        for output in self._outputs.values():
            output.stop()

    # From the sensors' threads

    def observe(self, samples: Sequence[Sample]) -> None:
        if self._guard is not None:
            self._guard.observe(samples)

    def watches(self, samples: Sequence[Sample]) -> bool:
        """Whether the guard must go on seeing what this sensor gives."""
        guard = self._guard
        return guard is not None and any(guard.watches(Series(*each[:3])) for each in samples)

    # From the loop

    def changed_mark(self) -> str | None:
        """What must outlive a restart, when it has changed: latches, and what is not yet heard."""
        has_taken = self._announcer is not None and self._announcer.has_changed()
        if not (self._is_changed or has_taken):
            return None
        self._is_changed = False
        return json.dumps(
            {
                "guard": self._guard.mark if self._guard else "",
                "taken": self._announcer.taken if self._announcer else [],
            },
            separators=(",", ":"),
        )

    @property
    def takes_commands(self) -> bool:
        return self._commands is not None

    def connected(self) -> str:
        """A connection: the nonce for its birth, empty without a key."""
        return self._commands.connected() if self._commands else ""

    def listens(self) -> None:
        """Somebody listens: what is unsent may go."""
        if self._announcer is not None:
            self._announcer.listens()

    def commanded(self, payload: bytes, *, is_retained: bool) -> None:
        """A message on the command topic; a retained one is an old one, whatever it says."""
        if self._commands is None or is_retained:
            return
        answer = self._commands.take(payload, time.monotonic(), self._clock.now_ms())
        if answer is not None:
            self._publish(Kind.COMMAND_RESULT, answer)

    def server(self, *, is_there: bool) -> None:
        """The server is heard of, or is away."""
        if self._announcer is not None:
            self._announcer.server(is_there=is_there)

    def did(self, event: Did) -> None:
        """What the guard did: into the log, and aloud."""
        self._is_changed |= bool(event.changes)
        for change in event.changes:
            _log.warning("guard: %s %s: %s", change.name, change.turn.value, change.what)
            if self._announcer is not None:
                self._announcer.changed(change)

    def pressed(self, event: Pressed) -> None:
        """Short: take over what is announced, silence the buzzers. Long: give the power back."""
        if self._announcer is not None:
            self._announcer.take_over()
        if self._guard is None:
            return
        self._guard.hush()
        if event.is_long:
            for refused in self._guard.by_hand():
                _log.warning("button: %s", refused)

    def work(self) -> float | None:
        """Say and send what is due; after how many real seconds to ask again."""
        return self._announcer.work() if self._announcer is not None else None

    # Inside

    def _new_outputs(self) -> "dict[str, Actuator]":
        if not self._plan.outputs:
            return {}
        from edge.outputs.actuator import Actuator

        return {plan.name: Actuator(plan) for plan in self._plan.outputs}

    def _new_guard(self, mark: str) -> "Guard | None":
        if not (self._plan.rules or self._plan.outputs):
            return None
        from edge.guard.guard import Guard

        return Guard(
            self._plan.rules, self._outputs.values(), mark, steady_ms=self._steady_ms,
            look_up=self._clock.look, tell=lambda *news: self._hand_over(Did(*news)),
        )  # fmt: skip

    def _new_announcer(self, taken: Sequence[str]) -> "Announcer | None":
        plan = self._plan.announcer
        if plan is None:
            return None
        from edge.announcer.announcer import Announcer

        buzzer = self._outputs.get(plan.buzzer)
        return Announcer(
            plan, self._clock, taken,
            sound=lambda is_on: buzzer.sound(is_on, "voice") if buzzer else None,
            publish=lambda payload: self._publish(Kind.COMMAND_RESULT, payload),
        )  # fmt: skip

    def _new_commands(self, topic: str) -> "Commands | None":
        if self._plan.key is None:
            return None
        from edge.onsite.commands import Commands

        return Commands(self._plan.key, topic, self._obey)

    def _obey(self, command: "Command") -> tuple[bool, str]:
        """Do it, or say why not."""
        from edge.contract.command import Verb

        verb, target = command.verb, command.target
        if verb is Verb.OFF or verb is Verb.RESET:
            if self._guard is None:
                return False, "this device has no guard"
            try:
                if verb is Verb.OFF:
                    return True, self._guard.off(target)
                reason = self._guard.reset(target)
            except KeyError:
                what = "output" if verb is Verb.OFF else "guard"
                return False, f"this device has no {what} {target}"
            return not reason, reason
        if self._announcer is None:
            return False, "this device has no announcer"
        if verb is Verb.HUSH:
            return True, "" if self._announcer.hush(target) else "it was not being announced"
        if not command.texts:
            return False, "there are no words to say"
        self._announcer.announce(target, command.texts, is_urgent=command.is_urgent)
        return True, ""

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                if self._guard is not None:
                    self._guard.look()
            except Exception:  # a bug in one look must not end the guard
                _log.exception("guard: report this")

    def _steady_ms(self) -> int:
        """House milliseconds of a clock that nobody sets."""
        return int(time.monotonic() * self._clock.speed * 1000)


def _parse(mark: str) -> dict[str, Any]:
    """What a mark holds; nothing when it is not one of ours."""
    try:
        known = json.loads(mark)
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}

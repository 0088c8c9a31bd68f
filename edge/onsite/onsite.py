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
    from edge.announcer.agenda import Agenda
    from edge.announcer.taken import Taken
    from edge.announcer.voice import Voice
    from edge.contract.command import Command
    from edge.guard.guard import Guard
    from edge.guard.telling import Change
    from edge.onsite.commands import Commands
    from edge.outputs.actuator import Actuator

MARK = "#onsite"  # no sensor's name can be this
LOOK_S = 0.2  # real: between looks at what waits
BUSY_S = 0.5  # real: between looks at a voice that speaks

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
        self._taken = self._new_taken(known.get("taken", ()))
        self._outputs = self._new_outputs()
        self._guard = self._new_guard(known.get("guard", ""))
        self._agenda, self._voice = self._new_announcer()
        self._commands = self._new_commands(command_topic)

    def start(self) -> None:
        """Open every output's contact first; then watch."""
        for output in self._outputs.values():
            output.start()
        if self._guard is not None:
            threading.Thread(target=self._look, name="guard", daemon=True).start()
        if self._voice is not None:
            self._voice.start()
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
        if self._voice is not None:
            self._voice.stop()
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
        taken = self._taken
        if not (self._is_changed or (taken and taken.is_changed)):
            return None
        self._is_changed = False
        if taken is not None:
            taken.is_changed = False
        return json.dumps(
            {
                "guard": self._guard.mark if self._guard else "",
                "taken": taken.texts if taken else [],
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
        if self._taken is not None:
            self._taken.listens()

    def commanded(self, payload: bytes, *, is_retained: bool) -> None:
        """A message on the command topic; a retained one is an old one, whatever it says."""
        if self._commands is None or is_retained:
            return
        answer = self._commands.take(payload, time.monotonic(), self._clock.now_ms())
        if answer is not None:
            self._publish(Kind.COMMAND_RESULT, answer)

    def server(self, *, is_there: bool) -> None:
        """The server is heard of, or is away."""
        if self._taken is not None and not is_there:
            self._taken.unheard()
        if self._agenda is not None:
            self._agenda.server(is_there, self._steady_ms())

    def did(self, event: Did) -> None:
        """What the guard did: into the log, and aloud."""
        from edge.announcer import words
        from edge.guard.telling import Turn

        self._is_changed |= bool(event.changes)
        for change in event.changes:
            _log.warning("guard: %s %s: %s", change.name, change.turn.value, change.what)
            if self._agenda is None:
                continue
            key = f"{'guard' if change.rule else 'output'} {change.name}"
            is_over = change.turn is Turn.CLEARED and change.rule and not change.rule.latches
            if is_over or change.turn in (Turn.RESET, Turn.BACK):
                self._agenda.drop(key)
            is_urgent = change.turn in (Turn.RAISED, Turn.FAILED)
            texts = words.of_change(change)
            self._agenda.note(key, texts, self._steady_ms(), is_urgent=is_urgent)

    def pressed(self, event: Pressed) -> None:
        """Short: take over what is announced, silence the buzzers. Long: give the power back."""
        if self._voice is not None:
            self._voice.drop()
        for incident in self._agenda.take_over() if self._agenda else ():
            _log.warning("button: incident %s is taken over", incident)
            if self._taken is not None:
                self._taken.add(incident, self._clock.now_ms())
        if self._guard is None:
            return
        self._guard.hush()
        if event.is_long:
            for refused in self._guard.by_hand():
                _log.warning("button: %s", refused)

    def work(self) -> float | None:
        """Say and send what is due; after how many real seconds to ask again."""
        sent_s = None
        if self._taken is not None:
            sent_s = self._taken.send(
                lambda payload: self._publish(Kind.COMMAND_RESULT, payload), time.monotonic()
            )
        waits = [wait for wait in (sent_s, self._say_due()) if wait is not None]
        return min(waits) if waits else None

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

    def _new_taken(self, texts: Sequence[str]) -> "Taken | None":
        if self._plan.announcer is None:
            return None
        from edge.announcer.taken import Taken

        return Taken(texts)

    def _new_announcer(self) -> "tuple[Agenda | None, Voice | None]":
        plan = self._plan.announcer
        if plan is None:
            return None, None
        from edge.announcer.agenda import Agenda
        from edge.announcer.voice import Voice

        buzzer = self._outputs.get(plan.buzzer)
        agenda = Agenda(round(plan.repeat_s * 1000), round(plan.server_silent_s * 1000))
        voice = Voice(plan, lambda is_on: buzzer.sound(is_on, "voice") if buzzer else None)
        return agenda, voice

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
        if self._agenda is None:
            return False, "this device has no announcer"
        if verb is Verb.HUSH:
            return True, "" if self._agenda.hush(target) else "it was not being announced"
        if not command.texts:
            return False, "there are no words to say"
        self._agenda.announce(target, command.texts, self._steady_ms(), is_urgent=command.is_urgent)
        return True, ""

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                if self._guard is not None:
                    self._guard.look()
            except Exception:  # a bug in one look must not end the guard
                _log.exception("guard: report this")

    def _say_due(self) -> float | None:
        agenda, voice, plan = self._agenda, self._voice, self._plan.announcer
        if agenda is None or voice is None or plan is None:
            return None
        from edge.announcer.agenda import in_order

        if voice.is_idle and (item := agenda.due(self._steady_ms())):
            for language, text in in_order(item.texts, plan.languages):
                voice.say(language, text)
        wait_ms = agenda.wait_ms(self._steady_ms())
        if wait_ms is None:
            return None
        wait_s = self._clock.real(wait_ms / 1000)
        return wait_s if voice.is_idle else max(wait_s, BUSY_S)

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

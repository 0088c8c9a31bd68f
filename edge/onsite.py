"""What a box does by itself and on command: guard, outputs, button, announcer, commands; in one.

The agent hands samples in (``observe``, in the sensors' threads) and news of the link (in its loop);
what is to be journalled or published comes back as events to its loop, or through ``publish``.
Without their tables in ``edge.toml`` none of it is loaded.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.clock import Time
from edge.contract.topics import Kind
from edge.sensors.port import Sample, Series
from edge.table import Table

if TYPE_CHECKING:
    from edge.announcer.agenda import Agenda
    from edge.announcer.voice import AnnouncerPlan, Voice
    from edge.commands import Commands
    from edge.contract.command import Command
    from edge.guard.guard import Change, Guard
    from edge.guard.rule import Rule
    from edge.outputs.actuator import Actuator
    from edge.outputs.button import ButtonPlan
    from edge.outputs.plan import OutputPlan

MARK = "#onsite"  # no sensor's name can be this
LOOK_S = 0.2  # real: between looks at what waits
BUSY_S = 0.5  # real: between looks at a voice that speaks
KEPT_S = 60.0  # real: a word that was handed to a connection may be lost with it so long
MOST_WORDS = 100
TABLES = ("guard", "output", "button", "announcer", "command")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsitePlan:
    """What the file says of all of it."""

    rules: "tuple[Rule, ...]" = ()
    outputs: "tuple[OutputPlan, ...]" = ()
    button: "ButtonPlan | None" = None
    announcer: "AnnouncerPlan | None" = None
    key: bytes | None = field(default=None, repr=False)


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


@dataclass(slots=True)
class _Word:
    """A result that nobody has asked for; kept until it is certainly sent."""

    text: str
    sent_s: float | None = None


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
        self._is_up = False
        self._is_changed = False
        known = _parse(mark)
        self._words = [_Word(text) for text in known.get("words", ())]
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
        """What must outlive a restart, when it has changed: latches, and results not yet sent."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return json.dumps(
            {
                "guard": self._guard.mark if self._guard else "",
                "words": [word.text for word in self._words],
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
        """Somebody listens: what is unsent may go. Earlier a broker may drop it, unheard."""
        self._is_up = True

    def commanded(self, payload: bytes, *, is_retained: bool) -> None:
        """A message on the command topic; a retained one is an old one, whatever it says."""
        if self._commands is None or is_retained:
            return
        answer = self._commands.take(payload, time.monotonic(), self._clock.now_ms())
        if answer is not None:
            self._publish(Kind.COMMAND_RESULT, answer)

    def server(self, *, is_there: bool) -> None:
        """The server is heard of, or is away; what was sent just before goes again later."""
        if not is_there:
            self._is_up = False
            for word in self._words:
                word.sent_s = None
        if self._agenda is not None:
            self._agenda.server(is_there, self._steady_ms())

    def did(self, event: Did) -> None:
        """What the guard did: into the log, and aloud."""
        from edge.announcer import words
        from edge.guard.guard import Turn

        self._is_changed |= bool(event.changes)
        for change in event.changes:
            _log.warning("guard: %s %s: %s", change.name, change.turn.value, change.what)
            if self._agenda is None:
                continue
            key = f"{'guard' if change.rule else 'output'} {change.name}"
            if change.turn in (Turn.RESET, Turn.BACK):
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
            self._tell_taken(incident)
        if self._guard is None:
            return
        self._guard.hush()
        if event.is_long:
            for refused in self._guard.by_hand():
                _log.warning("button: %s", refused)

    def work(self) -> float | None:
        """Say and send what is due; after how many real seconds to ask again."""
        waits = [wait for wait in (self._send_words(), self._say_due()) if wait is not None]
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
        from edge.commands import Commands

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

    def _tell_taken(self, incident: str) -> None:
        from edge.contract.command import Result, Verb, encode_result

        result = Result(
            verb=Verb.ANNOUNCE,
            target=incident,
            is_done=True,
            is_taken=True,
            at_ms=self._clock.now_ms(),
        )
        self._words.append(_Word(encode_result(result).decode()))
        del self._words[:-MOST_WORDS]
        self._is_changed = True

    def _send_words(self) -> float | None:
        """Send what is unsent; forget what was sent so long ago that it has surely arrived."""
        now_s = time.monotonic()
        kept = []
        for word in self._words:
            if word.sent_s is None and self._is_up:
                if self._publish(Kind.COMMAND_RESULT, word.text.encode()):
                    word.sent_s = now_s
            if word.sent_s is None or now_s - word.sent_s < KEPT_S:
                kept.append(word)
        self._is_changed |= len(kept) < len(self._words)
        self._words = kept
        sent = [word.sent_s for word in kept if word.sent_s is not None]
        return max(0.0, min(sent) + KEPT_S - now_s) if sent else None

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


def read(top: Table, folder: Path, paces: Mapping[Series, float]) -> OnsitePlan:
    """The tables of all of it; mistakes are complained of to them.

    ``paces`` are the series that this box's sensors give, with the seconds between two samples.
    """
    if not any(name in top for name in TABLES):
        return OnsitePlan()
    from edge.announcer.voice import read_announcer
    from edge.commands import read_key
    from edge.guard.rule import read_rules
    from edge.outputs.button import read_button
    from edge.outputs.kinds import read_outputs
    from edge.outputs.plan import Wiring

    button = read_button(top)
    outputs = read_outputs(top, paces, has_button=button is not None)
    buzzers = tuple(each.name for each in outputs if each.wiring is Wiring.BUZZER)
    switches = tuple(each.name for each in outputs if each.wiring is not Wiring.BUZZER)
    return OnsitePlan(
        rules=read_rules(top, paces, switches, buzzers),
        outputs=outputs,
        button=button,
        announcer=read_announcer(top, buzzers),
        key=read_key(top, folder),
    )


def _parse(mark: str) -> dict[str, Any]:
    """What a mark holds; nothing when it is not one of ours."""
    try:
        known = json.loads(mark)
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}

"""The announcer of a box: agenda, voice and what the button took over, in one. For the agent's loop."""

import logging
import time
from collections.abc import Callable, Sequence

from edge.announcer import words
from edge.announcer.agenda import Agenda, in_order
from edge.announcer.taken import Taken
from edge.announcer.voice import AnnouncerPlan, Voice
from edge.announcer.words import Words
from edge.clock import Time
from edge.guard.telling import Change, Turn

BUSY_S = 0.5  # real: between looks at a voice that speaks

_log = logging.getLogger(__name__)


class Announcer:
    """``sound`` is told when speaking begins and ends; ``taken`` is what earlier runs left unheard."""

    def __init__(
        self, plan: AnnouncerPlan, clock: Time, taken: Sequence[str], *,
        sound: Callable[[bool], None], publish: Callable[[bytes], bool],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._clock = clock
        self._publish = publish
        self._taken = Taken(taken)
        self._agenda = Agenda(round(plan.repeat_s * 1000), round(plan.server_silent_s * 1000))
        self._voice = Voice(plan, sound)

    def start(self) -> None:
        self._voice.start()

    def stop(self) -> None:
        self._voice.stop()

    def server(self, *, is_there: bool) -> None:
        """The server is heard of, or is away."""
        if not is_there:
            self._taken.unheard()
        self._agenda.server(is_there, self._steady_ms())

    def listens(self) -> None:
        """Somebody listens: what is unsent may go."""
        self._taken.listens()

    # What there is to say

    def announce(self, incident: str, texts: Words, *, is_urgent: bool) -> None:
        self._agenda.announce(incident, texts, self._steady_ms(), is_urgent=is_urgent)

    def hush(self, incident: str) -> bool:
        """Say no more of an incident; whether it was being said."""
        return self._agenda.hush(incident)

    def changed(self, change: Change) -> None:
        """What the guard or an output did."""
        key = f"{'guard' if change.rule else 'output'} {change.name}"
        is_over = change.turn is Turn.CLEARED and change.rule and not change.rule.latches
        if is_over or change.turn in (Turn.RESET, Turn.BACK):
            self._agenda.drop(key)
        is_urgent = change.turn in (Turn.RAISED, Turn.FAILED)
        texts = words.of_change(change)
        self._agenda.note(key, texts, self._steady_ms(), is_urgent=is_urgent)

    def take_over(self) -> None:
        """Somebody is there: nothing is repeated, and the server hears whose incidents these are."""
        self._voice.drop()
        for incident in self._agenda.take_over():
            _log.warning("button: incident %s is taken over", incident)
            self._taken.add(incident, self._clock.now_ms())

    # What must outlive a restart

    @property
    def taken(self) -> list[str]:
        """What the server has not surely heard."""
        return self._taken.texts

    def has_changed(self) -> bool:
        """Whether ``taken`` has since this was last asked."""
        is_changed, self._taken.is_changed = self._taken.is_changed, False
        return is_changed

    def work(self) -> float | None:
        """Say and send what is due; after how many real seconds to ask again."""
        waits = [self._taken.send(self._publish, time.monotonic()), self._say_due()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _say_due(self) -> float | None:
        agenda, voice = self._agenda, self._voice
        if voice.is_idle and (item := agenda.due(self._steady_ms())):
            for language, text in in_order(item.texts, self._plan.languages):
                voice.say(language, text)
        wait_ms = agenda.wait_ms(self._steady_ms())
        if wait_ms is None:
            return None
        wait_s = self._clock.real(wait_ms / 1000)
        return wait_s if voice.is_idle else max(wait_s, BUSY_S)

    def _steady_ms(self) -> int:
        """House milliseconds of a clock that nobody sets."""
        return int(time.monotonic() * self._clock.speed * 1000)

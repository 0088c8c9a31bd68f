"""Says texts aloud by a command of this machine, one after the other, in a thread of its own.

The command comes from the file alone. A text is one argument of its own, never part of a shell's
line, and never looks like an option.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.table import Table

LONGEST_S = 60.0  # real: a voice that hangs is ended
MOST_WAITING = 4  # texts; what is urgent comes again
LONGEST_TEXT = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncerPlan:
    """``say`` is a command with ``{text}`` and, where it wants one, ``{voice}`` by language."""

    say: tuple[str, ...] = ()
    voices: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ("zh", "en")
    buzzer: str = ""
    repeat_s: float = 30.0
    server_silent_s: float = 300.0


class Voice:
    """``sound`` is told when speaking begins and ends: a buzzer draws attention meanwhile."""

    def __init__(self, plan: AnnouncerPlan, sound: Callable[[bool], None]) -> None:
        self._plan = plan
        self._sound = sound
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(MOST_WAITING)
        self._fault = ""
        self._is_speaking = False
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def say(self, language: str, text: str) -> bool:
        """Queue a text; False when too many wait."""
        try:
            self._waiting.put_nowait((language, text))
        except queue.Full:
            return False
        return True

    @property
    def is_idle(self) -> bool:
        """Nothing is being said or waits for it."""
        return not self._is_speaking and self._waiting.empty()

    def drop(self) -> None:
        """Somebody has heard: what still waits need not be said."""
        try:
            while True:
                self._waiting.get_nowait()
        except queue.Empty:
            pass

    def stop(self) -> None:
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            pass  # it dies with the process

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            self._is_speaking = True
            self._sound(True)
            try:
                fault = self._speak(*item)
            finally:
                self._sound(False)
                self._is_speaking = False
            if fault and fault != self._fault:
                _log.error("announcer: %s; see 'say' in [announcer]", fault)
            self._fault = fault

    def _speak(self, language: str, text: str) -> str:
        """What went wrong, or empty."""
        import subprocess  # only a box with a loudspeaker carries it

        arguments = command(self._plan, language, text)
        if not arguments:
            threading.Event().wait(2.0)  # a buzzer alone sounds so long
            return ""
        try:
            done = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, timeout=LONGEST_S, check=False,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return f"{arguments[0]} cannot speak: {error}"
        if done.returncode:
            said = done.stderr[-200:].decode(errors="replace").strip()
            return f"{arguments[0]} ended with {done.returncode}: {said}"
        return ""


def command(plan: AnnouncerPlan, language: str, text: str) -> list[str]:
    """The arguments that say ``text``."""
    voice = dict(plan.voices).get(language, language)
    return [
        speakable(text) if each == "{text}" else each.replace("{voice}", voice) for each in plan.say
    ]


def speakable(text: str) -> str:
    """Without control characters, and not to be taken for an option or a file."""
    plain = "".join(c if c.isprintable() else " " for c in text[:LONGEST_TEXT])
    return plain.strip().lstrip("-@/ ") or "?"


def read_announcer(top: Table, buzzers: tuple[str, ...]) -> AnnouncerPlan | None:
    """The table ``[announcer]``, if there is one."""
    if "announcer" not in top:
        return None
    table = top.table("announcer")
    say = tuple(table.texts("say"))
    if say and say.count("{text}") != 1:
        table.complain("say", 'write one element "{text}", for example ["espeak-ng", "{text}"]')
    buzzer = table.text("buzzer") if "buzzer" in table else ""
    if buzzer and buzzer not in buzzers:
        table.complain("buzzer", f"no output {buzzer!r}; name an [[output]] with wiring buzzer")
    if not say and not buzzer:
        table.complain("say", "is missing; give a command, or a buzzer")
    voices = table.table("voices")
    names = voices.keys()
    plan = AnnouncerPlan(
        say=say,
        voices=tuple((each, voices.text(each)) for each in names),
        languages=tuple(table.texts("languages")) or ("zh", "en"),
        buzzer=buzzer,
        repeat_s=table.number("repeat_s", 30.0, least=2, most=3600),
        server_silent_s=table.number("server_silent_s", 300.0, least=0, most=86_400),
    )
    voices.done()
    table.done()
    return plan

"""The guard at work: samples in, acts at once, then what is to be journalled and said.

``observe`` is called in each sensor's own thread, before anything is written or sent. One lock makes
judging and acting one: no button can close what another thread has just found to be dangerous.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from edge.contract.compare import Edge
from edge.guard.rule import Rule
from edge.guard.standing import News, Standing
from edge.guard.telling import Change, Told, Turn
from edge.guard.watching import Watching
from edge.outputs.plan import OutputPlan, Wiring
from edge.sensors.port import Sample, Series

_log = logging.getLogger(__name__)


class Driven(Protocol):
    """An output as the guard sees it (``edge.outputs.actuator.Actuator``)."""

    @property
    def plan(self) -> OutputPlan: ...
    @property
    def fault(self) -> str: ...
    def cut(self) -> None: ...
    def hold(self) -> None: ...
    def sound(self, is_on: bool, by: str = ...) -> None: ...


Tell = Callable[[tuple[Sample, ...], tuple[Change, ...], int], None]
"""To the agent's loop: readings, what people are told, and the clock's setting. It must not wait."""


class Guard:
    """All rules and outputs of a box. ``mark`` is that of the last commit, or empty.

    ``steady_ms`` is never set back; ``look_up`` gives how often the house's clock was set, and its
    time, for what is told.
    """

    def __init__(
        self, rules: Sequence[Rule], outputs: Iterable[Driven], mark: str, *,
        steady_ms: Callable[[], int], look_up: Callable[[], tuple[int, int]], tell: Tell,
    ) -> None:  # fmt: skip
        self._steady_ms = steady_ms
        self._look_up = look_up
        self._settings: dict[Series, int] = {}
        self._tell = tell
        self._lock = threading.RLock()
        latched, cut = _parse(mark)
        begin_ms = steady_ms()
        self._watching = [
            Watching(rule, begin_ms, is_latched=rule.name in latched and rule.latches)
            for rule in rules
        ]
        self._outputs = {output.plan.name: output for output in outputs}
        self._standing = {
            # What is held is open after a start, whatever stood before.
            name: Standing(output.plan, is_cut=output.plan.wiring is Wiring.HOLD or name in cut)
            for name, output in self._outputs.items()
            if output.plan.wiring is not Wiring.BUZZER
        }
        self._by_series: dict[Series, list[Watching]] = {}
        for each in self._watching:
            self._by_series.setdefault(each.rule.series, []).append(each)
        self._proofs: dict[Series, list[Standing]] = {}
        for standing in self._standing.values():
            if standing.plan.proof:
                self._proofs.setdefault(standing.plan.proof.series, []).append(standing)
        self._told = Told()
        self._changes: list[Change] = []

    @property
    def mark(self) -> str:
        """The latches, for the journal."""
        with self._lock:
            return self._latches()

    def _latches(self) -> str:
        latched = [each.rule.name for each in self._watching if each.is_latched]
        cut = [name for name, standing in self._standing.items() if standing.is_cut]
        return json.dumps({"latched": latched, "cut": cut}, separators=(",", ":"))

    def watches(self, series: Series) -> bool:
        """Whether samples of it matter here."""
        return series in self._by_series or series in self._proofs

    def observe(self, samples: Sequence[Sample]) -> None:
        """What a sensor gives just now, in its own thread; never raises."""
        begin_s = time.perf_counter()
        mine = [sample for sample in samples if self.watches(Series(*sample[:3]))]
        if not mine:
            return
        with self._lock:
            setting, now_ms = self._look_up()
            was_set = {
                series
                for series in {Series(*sample[:3]) for sample in mine}
                if self._settings.setdefault(series, setting) != setting
            }
            self._settings.update(dict.fromkeys(was_set, setting))
            for sample in mine:
                # Between the sample and now the clock may have been set by fifty years.
                is_now = Series(*sample[:3]) in was_set
                age_ms = 0 if is_now else max(0, now_ms - sample.at_ms)
                try:
                    self._take(sample, age_ms, begin_s)
                except Exception:  # a bug at one sample must not stop a sensor or a guard
                    _log.exception("guard: %s, report this", sample)
            self._say()

    def look(self) -> None:
        """What waiting brings about: to be called a few times a second."""
        with self._lock:
            now_ms = self._steady_ms()
            for each in self._watching:
                self._turn(each, each.look(now_ms), None)
            for name, standing in self._standing.items():
                self._proved(name, standing.look(now_ms, self._outputs[name].fault))
                if standing.is_due(self._is_alarming(name), now_ms):
                    self._cut(name, now_ms)
            self._say()

    def off(self, name: str) -> str:
        """Switch an output off by command; what is not certain of it. KeyError when it is unknown."""
        with self._lock:
            output = self._outputs[name]
            if output.plan.wiring is Wiring.BUZZER:
                output.sound(False)
                return ""
            self._cut(name, self._steady_ms())
            self._note(Turn.ORDERED, name, "off by command")
            self._say()
            return (
                "ordered; its proof follows" if output.plan.proof else "ordered; nothing proves it"
            )

    def reset(self, name: str) -> str:
        """Unlatch a guard; why not, or empty. It closes nothing. KeyError when it is unknown."""
        with self._lock:
            each = {each.rule.name: each for each in self._watching}[name]
            reason = each.why_not(self._steady_ms())
            if not reason:
                self._unlatch(each, "reset by command")
                self._say()
            return reason

    def by_hand(self) -> list[str]:
        """A hand at the box: unlatch what is well and close what is held; what is not, and why."""
        with self._lock:
            now_ms = self._steady_ms()
            refused = {
                each.rule.name: f"guard {each.rule.name}: {reason}"
                for each in self._watching
                if (reason := each.why_not(now_ms))
            }
            for each in self._watching:
                if each.rule.name not in refused:
                    self._unlatch(each, "reset at the box")
            for name, standing in self._standing.items():
                if any(each.rule.name in refused for each in self._of(name)):
                    continue
                if standing.is_cut:
                    standing.release()
                    self._note(Turn.BACK, name, "given back at the box")
                if standing.plan.wiring is Wiring.HOLD:
                    self._outputs[name].hold()
            self._say()
            return list(refused.values())

    def hush(self) -> None:
        """Silence the buzzers; the latches stay."""
        with self._lock:
            for output in self._outputs.values():
                if output.plan.wiring is Wiring.BUZZER:
                    output.sound(False)

    # Judging and acting

    def _take(self, sample: Sample, age_ms: int, begin_s: float) -> None:
        series = Series(*sample[:3])
        at_ms = self._steady_ms() - age_ms
        for each in self._by_series.get(series, ()):
            if age_ms <= each.rule.hold_ms:  # older is history: nothing can be saved by it
                self._turn(each, each.take(sample, at_ms), begin_s)
        for standing in self._proofs.get(series, ()):
            proof = standing.plan.proof
            if proof and sample.value is not None and age_ms <= proof.hold_ms:
                name = standing.plan.name
                self._proved(name, standing.prove(sample.value > proof.above, at_ms))

    def _turn(self, each: Watching, edge: Edge | None, begin_s: float | None) -> None:
        if edge is None:
            return
        rule = each.rule
        if edge is Edge.RAISED:
            now_ms = self._steady_ms()
            for name in rule.off:
                self._cut(name, now_ms)
            for name in rule.sound:
                self._outputs[name].sound(True)
            done = f"; off {', '.join(rule.off)}" if rule.off else ""
            when = "by waiting"
            if begin_s is not None:
                when = f"{(time.perf_counter() - begin_s) * 1000:.2f} ms after its sample"
            what = f"{rule.kind.value} of {_spell(rule.series)}{done}, {when}"
            self._note(Turn.RAISED, rule.name, what, rule)
        else:
            if not each.is_latched:
                self._rest(rule)
            self._note(Turn.CLEARED, rule.name, "its input is well again", rule)

    def _unlatch(self, each: Watching, what: str) -> None:
        if each.is_latched:
            each.is_latched = False
            self._rest(each.rule)
            self._note(Turn.RESET, each.rule.name, what, each.rule)

    def _rest(self, rule: Rule) -> None:
        """End the sound, unless another guard wants it."""
        for name in rule.sound:
            if not any(each.is_raised and name in each.rule.sound for each in self._watching):
                self._outputs[name].sound(False)

    def _cut(self, name: str, now_ms: int) -> None:
        """The act first, then the books."""
        self._outputs[name].cut()
        self._standing[name].order(now_ms)

    def _proved(self, name: str, news: News | None) -> None:
        if news is News.OFF:
            self._note(Turn.OFF, name, "proved: the power is off")
        elif news is News.FAILED:
            self._note(Turn.FAILED, name, f"ordered off, but {self._standing[name].word}")
        elif news is News.BACK:
            if self._is_alarming(name):  # a lever thrown into the danger
                self._cut(name, self._steady_ms())
                return
            self._note(Turn.BACK, name, "proved: the power is back by the lever")
            for each in self._of(name):
                self._unlatch(each, "reset by the breaker's lever")

    def _of(self, output: str) -> list[Watching]:
        return [each for each in self._watching if output in each.rule.off]

    def _is_alarming(self, output: str) -> bool:
        return any(each.gate.raised for each in self._of(output))

    # Telling

    def _note(self, turn: Turn, name: str, what: str, rule: Rule | None = None) -> None:
        self._changes.append(Change(turn=turn, name=name, what=what, rule=rule))

    def _say(self) -> None:
        """Hand over what is news, if anything is."""
        news = self._told.news(self._watching, self._standing.values(), self._steady_ms())
        if not (news or self._changes):
            return
        setting, at_ms = self._look_up()
        samples = tuple(Sample(*each, value, at_ms, reason=why) for each, (value, why) in news)
        changes, self._changes = tuple(self._changes), []
        self._tell(samples, changes, setting)


def _spell(series: Series) -> str:
    return "/".join(part for part in series if part)


def _parse(mark: str) -> tuple[set[str], set[str]]:
    """The latches of a mark; none when it is not one of ours."""
    try:
        known = json.loads(mark)
        return set(map(str, known["latched"])), set(map(str, known["cut"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return set(), set()

"""The file's configuration with what came by wire laid over it, and what becomes of each wish.

A wish is refused whole, or written beside the journal, reported as on trial and put in force by a
restart, or by a change while the agent runs. It is applied when the trial has passed and the server
listens, and taken back when no server was heard for as long, or when the agent was started too often
meanwhile.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge.config import EdgeConfig
from edge.contract.settings import Desired, SettingsState, Value, decode_desired
from edge.errors import ConfigError
from edge.settings import blunting, probation
from edge.settings.keeping import Keeping
from edge.settings.kept import Kept, Layer
from edge.settings.merging import Source, changed, without
from edge.settings.reporting import Reporting, refusal, standing

LOOK_S = 1.0  # real: between looks at a trial
RETRY_S = 10.0  # real: between attempts to take values back while that cannot be done

_log = logging.getLogger(__name__)


class Overlay:
    """Reads the file and what lies over it; ConfigError for mistakes of the file itself.

    What was kept by wire never keeps the device from starting: what no longer fits is left out,
    and said. Nothing is written before ``begin``.
    """

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._environment = environment
        self._source = Source(path, environment)
        self.file = self._source.config
        self.config: EdgeConfig = self.file
        self.notes: list[str] = []
        self._device = f"{self.file.site}/{self.file.device}"
        self._keeping = Keeping(self.file.journal.path, self._device, self.notes)
        self._reporting = Reporting()
        self._kept = self._on_disk = self._keeping.load()
        if self._keeping.damage:
            self._reporting.note(refusal(0, [self._keeping.damage]))
        self._away_since_s = 0.0
        self._is_changing = False
        self._restart: Callable[[], object] = lambda: None
        self._adopt: Callable[[EdgeConfig], object] = lambda _: None
        self._lay()

    @property
    def values(self) -> Mapping[str, Value]:
        """What is in force beside the file."""
        return self._kept.layer.values if self._kept is not None else {}

    def describe(self) -> list[str]:
        """For the person at the device: what is in force beside the file, and what is wrong."""
        lines = [f"by wire: {note}" for note in self.notes]
        if self._kept is not None and self.values:
            state = f"revision {self._kept.layer.revision}, {self._kept.state.value}"
            lines += [f"by wire ({state}): {key} = {v}" for key, v in self.values.items()]
        return lines

    # The life of an agent

    def begin(self) -> None:
        """Count this start, take back what failed, and write down what was found; then run."""
        if self._keeping.damage:
            self._keeping.set_aside()
        found = self._kept
        if found is not None and found.trial is not None:
            started = probation.start(found.trial, probation.now(), self.file.trial_s)
            if isinstance(started, str):
                self._kept = self._taken_back(found, started)
            else:
                counted, self._away_since_s = started
                self._kept = replace(found, trial=counted)
            self._lay()
        if self._kept is not None and self._kept != self._on_disk and not self._save():
            if found is not None and self._kept.trial is not None:
                # Starts that cannot be counted might go on for ever.
                self._kept = self._taken_back(found, f"{self._keeping.path} cannot be written")
                self._lay()
        for note in self.notes:
            _log.warning("settings by wire: %s", note)

    def attach(
        self,
        publish: Callable[[bytes], object],
        restart: Callable[[], object],
        adopt: Callable[[EdgeConfig], object],
    ) -> None:
        """Where reports go, and how the agent takes up what is now kept: by a restart, or running.

        ``adopt`` may take its time; ``adopted`` is to be called then.
        """
        self._reporting.publish, self._restart, self._adopt = publish, restart, adopt

    def adopted(self) -> None:
        """The agent runs with the configuration that ``adopt`` gave; a trial's wait begins."""
        self._is_changing = False
        self._away_since_s = probation.now().at_s

    def connected(self) -> None:
        """Report how it stands, so that a broker that has forgotten knows again."""
        self._reporting.again(self._kept)

    def heard(self, payload: bytes) -> None:
        """A wish: refused, known already, or put on trial by a restart."""
        known = self._kept
        wish: Desired | str
        if payload:
            wish = decode_desired(payload)
        else:
            wish = Desired(revision=known.layer.revision if known is not None else 0)
            if not self.values:
                return  # nothing lies over the file
        if isinstance(wish, str):
            self._refuse(known.wish.revision if known is not None else 0, [f"the wish {wish}"])
            return
        if known is not None and wish == known.wish and known.state is not SettingsState.REFUSED:
            self._reporting.say(standing(known))
            return
        try:
            now = Source(self._path, self._environment)  # a restart would read it so
        except ConfigError as error:
            self._refuse(wish.revision, ["edge.toml itself has mistakes now", *error.problems])
            return
        laid, merged = now.under(wish.values)
        layer = Layer(revision=wish.revision, values=wish.values, over=laid.over)
        keys = changed(known.layer if known is not None else Layer(), layer)
        problems = laid.problems or blunting.dropped_power(now.config, keys)
        if problems or merged is None:
            self._refuse(wish.revision, problems)
            return
        self._take(wish, layer, merged)

    def look(self, *, is_linked: bool) -> float | None:
        """Judge the trial; after how many real seconds to look again, None without one."""
        found = self._kept
        running = found.trial if found is not None else None
        if found is None or running is None or self._is_changing:
            return None  # the link that a wish came over says nothing of its values
        now = probation.now()
        if is_linked:
            self._away_since_s = now.at_s
            if not running.is_linked:
                found = self._kept = replace(found, trial=replace(running, is_linked=True))
                self._save()
        verdict = probation.verdict(
            running, now, self.file.trial_s, away_since_s=self._away_since_s, is_linked=is_linked
        )
        if verdict is probation.Verdict.HOLDS:
            self._kept = replace(found, state=SettingsState.APPLIED, before=None, trial=None)
            if not self._save():
                self._kept = found
                return RETRY_S
            self._reporting.say(standing(self._kept))
            return None
        if verdict is probation.Verdict.FAILS:
            return self._take_back(found)
        return LOOK_S

    # Wishes

    def _take(self, wish: Desired, layer: Layer, merged: EdgeConfig) -> None:
        known = self._kept
        in_force = known.layer if known is not None else Layer()
        if dict(layer.values) == dict(in_force.values) and layer.over == in_force.over:
            is_trial = known is not None and known.trial is not None
            fresh = Kept(
                device=self._device, wish=wish, layer=layer,
                state=SettingsState.TRIAL if is_trial else SettingsState.APPLIED,
                before=known.before if known is not None else None,
                trial=known.trial if known is not None else None,
            )  # fmt: skip
        else:
            # While another trial runs, what came before that one is still the last that held.
            held = known.before if known is not None and known.trial is not None else in_force
            fresh = Kept(
                device=self._device, wish=wish, layer=layer, state=SettingsState.TRIAL,
                before=held, trial=probation.begin(probation.now()),
            )  # fmt: skip
        self._kept = fresh
        if not self._save():
            self._kept = known
            self._refuse(
                wish.revision, [f"{self._keeping.path} cannot be written; see to the disk"]
            )
            return
        self._reporting.say(standing(fresh))
        if fresh.trial is not None and (known is None or fresh.trial != known.trial):
            _log.warning("settings by wire: revision %d is on trial", wish.revision)
            self._change(changed(in_force, layer), merged)

    def _refuse(self, revision: int, problems: Sequence[str]) -> None:
        self._reporting.refuse(revision, problems, self.values)

    # Trials

    def _take_back(self, found: Kept) -> float | None:
        try:  # a restart with a file that is wrong would end the device
            now = Source(self._path, self._environment)
        except ConfigError as error:
            _log.error("settings by wire: cannot be taken back: %s", error)
            return RETRY_S
        self._kept = self._taken_back(found, probation.no_link(self.file.trial_s))
        if not self._save():
            self._kept = found
            return RETRY_S
        _log.error("settings by wire: taken back: %s", ", ".join(self._kept.problems))
        self._reporting.note(standing(self._kept))
        merged = now.under(self.values)[1] or now.config
        self._change(changed(found.layer, self._kept.layer), merged)
        return None

    def _change(self, keys: Iterable[str], merged: EdgeConfig) -> None:
        self._is_changing = True
        if any(key.startswith(blunting.RESTARTING) for key in keys):
            self._restart()
        else:
            self.config = merged
            self._adopt(merged)

    def _taken_back(self, found: Kept, why: str) -> Kept:
        self.notes.append(f"revision {found.wish.revision} taken back: {why}")
        return replace(
            found, layer=found.before or Layer(), before=None, trial=None,
            state=SettingsState.ROLLED_BACK, problems=(why,),
        )  # fmt: skip

    # What is kept

    def _lay(self) -> None:
        """Put what is kept over the file; what a person changed since stays as he wrote it."""
        found = self._kept
        self.config = self.file
        if found is None:
            return
        if by_hand := self._source.changed_by_hand(found.layer):
            problems = [f"{key}: changed in edge.toml since, which holds" for key in by_hand]
            self.notes += problems
            found = replace(
                found,
                layer=without(found.layer, by_hand),
                problems=(*found.problems, *problems),
            )
        laid, merged = self._source.under(found.layer.values)
        if merged is None:
            self.notes += laid.problems
            self._kept = replace(
                found, layer=Layer(), before=None, trial=None, state=SettingsState.REFUSED,
                problems=tuple(laid.problems),
            )  # fmt: skip
            return
        self._kept, self.config = found, merged

    def _save(self) -> bool:
        assert self._kept is not None
        return self._keeping.save(self._kept)
